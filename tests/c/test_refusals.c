/* Why a guest cell does not fit a host cell: reason and quantities of each, as the header words
 * them; and the most that still fits. Worked out by hand. */
#include <math.h>

#include "check.h"
#include "fixture.h"

/* One cell of the fixture: four cores of two threads, 4 GiB in pages of 4 KiB, 64 pages of 2 MiB. */
typedef struct bench {
    fixture f;
    nf_layout *layout;
    uint32_t *page_sizes;
    nf_guest_cell guest;
    nf_options options;
    uint32_t isolated;
} bench;

static void start(bench *b, nf_guest_cell guest) {
    fixture_make(&b->f, 1);
    b->layout = (nf_layout *)(uintptr_t)b->f.fleet.layouts;
    b->page_sizes = (uint32_t *)(uintptr_t)b->f.fleet.cell_page_sizes;
    b->guest = guest;
    b->options = (nf_options){.limits = NF_LIMITS_NONE};
    b->isolated = 0;
}

/* The reason on cell 0; a fit has no quantities. */
static nf_reason told(bench *b) {
    nf_reason reasons[2];
    nf_request r = request_of(&b->guest, 1);
    r.emulator_isolated = b->isolated;
    nf_derive(&b->f.fleet, 0, b->f.fleet.n_cells, NULL);
    CHECK(nf_fleet_check(&b->f.fleet, NULL) == NF_OK);
    CHECK(nf_explain(&b->f.fleet, 0, &r, &b->options, reasons, 2) == NF_OK);
    return reasons[0];
}

#define FITS(b)                                                                              \
    do {                                                                                     \
        nf_reason got = told(b);                                                             \
        CHECK(got.status == NF_OK && !got.detail && !got.wanted && !got.available);          \
    } while (0)

#define REFUSES(b, code, of, want, there)                                                    \
    do {                                                                                     \
        nf_reason got = told(b);                                                             \
        CHECK(got.status == (code));                                                         \
        CHECK(got.detail == (of));                                                           \
        CHECK(got.wanted == (want));                                                         \
        CHECK(got.available == (there));                                                     \
    } while (0)

static nf_guest_cell shared(uint32_t n, int64_t memory) {
    return (nf_guest_cell){.memory = memory, .n_shared = n, .policy = NF_POLICY_SHARED};
}

static void pages_that_were_asked_for(void) {
    bench b;
    start(&b, pinned(1, 128));
    b.guest.page_kib = 2048;
    FITS(&b);
    b.guest.memory = 130;
    REFUSES(&b, NF_PAGES, 2048, 130 * 1024, 128 * 1024);
    b.guest.memory = 3;
    REFUSES(&b, NF_PAGE_MULTIPLE, 2048, 3 * 1024, 2048);
    b.guest.page_kib = 1 << 20;
    REFUSES(&b, NF_PAGE_SIZE, 1 << 20, 3 * 1024, 0);
    b.guest.page_kib = NF_PAGES_LARGE;
    REFUSES(&b, NF_PAGE_MULTIPLE, NF_PAGES_LARGE, 3 * 1024, 2048);
    b.guest.memory = 130;
    REFUSES(&b, NF_PAGES, NF_PAGES_LARGE, 130 * 1024, 128 * 1024);
    b.guest.page_kib = NF_PAGES_SMALL;
    b.guest.memory = 4096;
    FITS(&b);
    b.guest.memory = 4098;
    REFUSES(&b, NF_PAGES, NF_PAGES_SMALL, 4098 * 1024, 4096 * 1024);
    /* of all sizes, the one with the most memory free */
    b.guest.page_kib = NF_PAGES_ANY;
    REFUSES(&b, NF_PAGES, NF_PAGES_ANY, 4098 * 1024, 4096 * 1024);
    b.f.fleet.pages_used[0] = (1 << 20) - 1;
    b.f.fleet.pages_free[0] = 1;
    REFUSES(&b, NF_PAGES, NF_PAGES_ANY, 4098 * 1024, 128 * 1024);
    /* a cell of one size has none that is large */
    b.f.fleet.pages_free[b.f.fleet.n_cells] = 0;
    ((int32_t *)(uintptr_t)b.f.fleet.pages_total)[b.f.fleet.n_cells] = 0;
    b.page_sizes[0] = 1;
    b.guest.page_kib = NF_PAGES_LARGE;
    REFUSES(&b, NF_PAGE_SIZE, NF_PAGES_LARGE, 4098 * 1024, 0);
    fixture_free(&b.f);
}

static void memory_of_no_page_size(void) {
    bench b;
    start(&b, pinned(1, 4096));
    FITS(&b);
    b.guest.memory = 4097;
    REFUSES(&b, NF_PAGES, 0, 4097 * 1024, 4096 * 1024);
    b.f.fleet.pages_used[0] = 256;
    b.f.fleet.pages_free[0] -= 256;
    b.guest.memory = 4095;
    FITS(&b);
    b.guest.memory = 4096;
    REFUSES(&b, NF_PAGES, 0, 4096 * 1024, 4095 * 1024);
    /* shared guests overcommit with others, yet not by themselves */
    b.guest = shared(1, 4096);
    FITS(&b);
    b.guest.memory = 4097;
    REFUSES(&b, NF_PAGES_TOTAL, 0, 4097 * 1024, 4096 * 1024);
    /* pages of 2 MiB alone */
    b.f.fleet.pages_used[0] = b.f.fleet.pages_free[0] = 0;
    ((int32_t *)(uintptr_t)b.f.fleet.pages_total)[0] = 0;
    b.page_sizes[0] = 2;
    b.guest.memory = 3;
    REFUSES(&b, NF_PAGE_MULTIPLE, 0, 3 * 1024, 2048);
    b.guest.memory = 128;
    FITS(&b);
    b.guest.memory = 130;
    REFUSES(&b, NF_PAGES_TOTAL, 0, 130 * 1024, 128 * 1024);
    /* no pages that anybody reports */
    b.f.fleet.pages_free[b.f.fleet.n_cells] = 0;
    ((int32_t *)(uintptr_t)b.f.fleet.pages_total)[b.f.fleet.n_cells] = 0;
    b.page_sizes[0] = 0;
    b.f.fleet.cell_memory_used[0] = 100;
    b.guest.memory = 4096;
    FITS(&b);
    b.guest.memory = 4097;
    REFUSES(&b, NF_MEMORY_TOTAL, 0, 4097, 4096);
    b.guest = pinned(1, 3996);
    FITS(&b);
    b.guest.memory = 3997;
    REFUSES(&b, NF_MEMORY, 0, 3997, 3996);
    fixture_free(&b.f);
}

static void cpus_that_there_are(void) {
    bench b;
    start(&b, pinned(8, 64));
    FITS(&b);
    b.guest.n_dedicated = 9;
    REFUSES(&b, NF_DEDICATED_TOTAL, 0, 9, 8);
    b.guest.n_dedicated = 7;
    b.isolated = 1;
    FITS(&b);
    b.guest.n_dedicated = 8;
    REFUSES(&b, NF_DEDICATED_TOTAL, 0, 9, 8);
    b.f.fleet.pinned[0] = 0x0f;
    b.guest.n_dedicated = 3;
    FITS(&b);
    b.guest.n_dedicated = 4;
    REFUSES(&b, NF_FREE_CPUS, 0, 5, 4);
    b.isolated = 0;
    FITS(&b);
    b.guest.n_dedicated = 5;
    REFUSES(&b, NF_FREE_CPUS, 0, 5, 4);
    b.guest = shared(8, 64);
    FITS(&b);
    b.guest.n_shared = 9;
    REFUSES(&b, NF_SHARED_TOTAL, 0, 9, 8);
    b.guest.policy = NF_POLICY_MIXED;
    b.guest.n_dedicated = 1;
    REFUSES(&b, NF_SHARED_TOTAL, 0, 9, 8);
    fixture_free(&b.f);
}

static void guests_without_vcpus(void) {
    bench b;
    start(&b, pinned(0, 64));
    REFUSES(&b, NF_PINNED_EMPTY, 0, 1, 0);
    b.guest.threads = NF_THREADS_ISOLATE;
    REFUSES(&b, NF_ISOLATE_EMPTY, 0, 1, 0);
    b.guest = shared(2, 64);
    b.guest.policy = NF_POLICY_MIXED;
    FITS(&b);
    b.isolated = 1;
    REFUSES(&b, NF_EMULATOR_EMPTY, 0, 1, 0);
    b.guest.threads = NF_THREADS_REQUIRE;
    b.isolated = 0;
    b.f.fleet.pinned[0] = 0x55;
    REFUSES(&b, NF_REQUIRE_CORES, 0, 1, 0);
    b.f.fleet.pinned[0] = 0x54;
    FITS(&b);
    fixture_free(&b.f);
}

static void threads_of_cores(void) {
    bench b;
    start(&b, pinned(4, 64));
    b.guest.threads = NF_THREADS_ISOLATE;
    FITS(&b);
    b.isolated = 1;
    REFUSES(&b, NF_EMULATOR_CPU, 0, 1, 0);
    b.guest.n_dedicated = 3;
    FITS(&b);
    b.isolated = 0;
    b.guest.n_dedicated = 5;
    REFUSES(&b, NF_ISOLATE_CORES, 0, 5, 4);
    b.f.fleet.pinned[0] = 0x01;
    b.guest.n_dedicated = 4;
    REFUSES(&b, NF_ISOLATE_CORES, 0, 4, 3);
    /* three cores are whole, and the emulator threads take the half one */
    b.guest.n_dedicated = 3;
    b.isolated = 1;
    FITS(&b);
    b.f.fleet.pinned[0] = 0x55;
    b.guest.n_dedicated = 2;
    REFUSES(&b, NF_ISOLATE_CORES, 0, 2, 0);
    b.f.fleet.pinned[0] = 0;
    b.layout->same_sets = 0;
    REFUSES(&b, NF_ISOLATE_SHARED, 0, 2, 0);
    b.isolated = 0;
    b.guest.threads = NF_THREADS_REQUIRE;
    b.guest.n_dedicated = 8;
    FITS(&b);
    /* one core is whole */
    b.f.fleet.pinned[0] = 0x15;
    b.guest.n_dedicated = 2;
    FITS(&b);
    b.guest.n_dedicated = 3;
    REFUSES(&b, NF_REQUIRE_CORES, 0, 3, 2);
    b.f.fleet.pinned[0] = 0x55;
    b.guest.n_dedicated = 1;
    REFUSES(&b, NF_REQUIRE_CORES, 0, 1, 0);
    /* eight cores of a thread */
    b.f.fleet.pinned[0] = 0;
    b.layout->shift = 0;
    b.layout->threads = 1;
    b.layout->n_cores = 8;
    REFUSES(&b, NF_REQUIRE_NO_SMT, 0, 2, 1);
    b.guest.threads = NF_THREADS_ISOLATE;
    b.guest.n_dedicated = 7;
    b.isolated = 1;
    FITS(&b); /* though the sets are not the same: the rule is of cores with several threads */
    fixture_free(&b.f);
}

static void cpus_outside_sibling_sets(void) {
    bench b;
    start(&b, pinned(6, 64));
    b.layout->n_cores = 3; /* slots 6 and 7 stand in no core */
    FITS(&b);
    b.guest.n_dedicated = 7;
    REFUSES(&b, NF_UNLISTED_CPUS, 0, 7, 6);
    b.guest.n_dedicated = 6;
    b.isolated = 1;
    REFUSES(&b, NF_UNLISTED_CPUS, 0, 7, 6);
    b.guest.n_dedicated = 5;
    FITS(&b);
    b.f.fleet.pinned[0] = 0x01;
    REFUSES(&b, NF_UNLISTED_CPUS, 0, 6, 5);
    fixture_free(&b.f);
}

static void limits_of_shared_guests(void) {
    bench b;
    start(&b, shared(2, 96));
    b.f.fleet.cell_cpu_used[0] = 6;
    b.f.fleet.cell_memory_used[0] = 4000;
    b.options = (nf_options){.limits = NF_LIMITS_GIVEN, .cpu_ratio = 1.0, .ram_ratio = 1.0};
    FITS(&b);
    b.guest.n_shared = 3;
    REFUSES(&b, NF_CPU_LIMIT, 0, 9, 8);
    b.guest.n_shared = 2;
    b.guest.memory = 97;
    REFUSES(&b, NF_MEMORY_LIMIT, 0, 4097, 4096);
    b.options.ram_ratio = 1.5; /* 6144 */
    FITS(&b);
    b.options.cpu_ratio = 0.99; /* 7.92: whole vCPUs alone count */
    b.guest.n_shared = 1;
    FITS(&b);
    b.guest.n_shared = 2;
    REFUSES(&b, NF_CPU_LIMIT, 0, 8, 7);
    b.options.limits = NF_LIMITS_HOST; /* 2.0 of both: 16 vCPUs, 8192 MiB */
    b.guest = shared(8, 4096);
    FITS(&b);
    b.f.fleet.cell_cpu_used[0] = 9;
    REFUSES(&b, NF_CPU_LIMIT, 0, 17, 16);
    b.f.fleet.cell_cpu_used[0] = 8;
    b.f.fleet.cell_memory_used[0] = 4096;
    FITS(&b);
    b.f.fleet.cell_memory_used[0] = 4097;
    REFUSES(&b, NF_MEMORY_LIMIT, 0, 8193, 8192);
    b.options.limits = NF_LIMITS_NONE;
    FITS(&b);
    /* a host of which one ratio is known is held to that one */
    b.options.limits = NF_LIMITS_HOST;
    ((double *)(uintptr_t)b.f.fleet.host_cpu_ratio)[0] = NAN;
    REFUSES(&b, NF_MEMORY_LIMIT, 0, 8193, 8192);
    ((double *)(uintptr_t)b.f.fleet.host_ram_ratio)[0] = NAN;
    b.f.fleet.cell_cpu_used[0] = 9;
    FITS(&b);
    ((double *)(uintptr_t)b.f.fleet.host_cpu_ratio)[0] = 2.0;
    REFUSES(&b, NF_CPU_LIMIT, 0, 17, 16);
    fixture_free(&b.f);
}

int main(void) {
    pages_that_were_asked_for();
    memory_of_no_page_size();
    cpus_that_there_are();
    guests_without_vcpus();
    threads_of_cores();
    cpus_outside_sibling_sets();
    limits_of_shared_guests();
    return FAILURES();
}
