/* What is wrong is said in one line, with the host, the cell and the value, and nothing of it stays. */
#include "check.h"
#include "described.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

/* The call is refused, these words say why, and nothing of the host is in the fleet. */
static void refuses(nf_builder *b, nf_status status, const char *words, int line) {
    char before[256];
    snprintf(before, sizeof before, "%s", nf_builder_error(b));
    bool good = status == NF_EINVAL && !strcmp(before, words) &&
                nf_builder_end_host(b, NULL) == NF_EINVAL && !strcmp(nf_builder_error(b), words) &&
                nf_builder_find_host(b, "h") == UINT32_MAX;
    if (!good) fprintf(stderr, "%s:%d: %d %s\n", __FILE__, line, status, before);
    CHECK(good);
}

#define HOST_REFUSED(call, words)                              \
    do {                                                       \
        CHECK(nf_builder_add_host(b, "h") == NF_OK);           \
        refuses(b, call, words, __LINE__);                     \
    } while (0)
#define CELL_REFUSED(call, words)                              \
    do {                                                       \
        CHECK(nf_builder_add_host(b, "h") == NF_OK);           \
        CHECK(nf_builder_add_cell(b, 7, 64) == NF_OK);         \
        refuses(b, call, words, __LINE__);                     \
    } while (0)

static void what_a_host_cannot_be(void) {
    nf_builder *b = NULL;
    const uint32_t core[] = {1, 2}, other[] = {2, 3};
    char text[NF_MAX_NAME + 2];
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    CHECK(nf_builder_new(NULL, &b) == NF_OK);
    CHECK(describe(b, 0) == NF_OK);
    CHECK(nf_builder_add_host(b, "host0") == NF_EINVAL);
    refuses(b, NF_EINVAL, "host host0: name: expected one that no other host has", __LINE__);
    CHECK(nf_builder_add_host(b, "") == NF_EINVAL);
    refuses(b, NF_EINVAL, "host ?: name: expected text of 1 to 255 bytes", __LINE__);
    CHECK(nf_builder_add_host(b, text) == NF_EINVAL);
    HOST_REFUSED(nf_builder_set_ratios(b, -1.0, 1.0), "host h: cpu_ratio: -1, expected 0 or more, or NaN");
    HOST_REFUSED(nf_builder_set_ratios(b, NAN, INFINITY), "host h: ram_ratio: inf, expected 0 or more, or NaN");
    HOST_REFUSED(nf_builder_set_usage(b, 1, 1), "host h: nf_builder_set_usage: expected after nf_builder_add_cell() of the host");
    HOST_REFUSED(nf_builder_set_property(b, "a", "b"), "host h: nf_builder_set_property: expected after nf_builder_add_devices() of the host");
    HOST_REFUSED(nf_builder_set_units(b, 1, 1, 1), "host h: nf_builder_set_units: expected after nf_builder_add_inventory() of the host");
    HOST_REFUSED(nf_builder_add_cell(b, 1u << 31, 1), "host h: cell id: 2147483648, expected 0 to 2147483647");
    CELL_REFUSED(nf_builder_add_cell(b, 7, 1), "host h: cell 7: expected an id that no other cell of the host has");
    HOST_REFUSED(nf_builder_add_cell(b, 1, -1), "host h: cell 1: memory in MiB: -1, expected 0 to 1125899906842624");
    CELL_REFUSED(nf_builder_set_usage(b, -1, 0), "host h: cell 7: used memory in MiB: -1, expected 0 to 1125899906842624");
    CELL_REFUSED(nf_builder_set_usage(b, 0, -1), "host h: cell 7: shared vCPUs: -1, expected 0 to 2147483647");
    CELL_REFUSED(nf_builder_set_socket(b, UINT32_MAX), "host h: cell 7: socket: 4294967295, expected 0 to 2147483647");
    CELL_REFUSED(nf_builder_add_cpus(b, 0, 4, 0), "host h: cell 7: uses of CPUs: 0, expected NF_CPUS_* together");
    CELL_REFUSED(nf_builder_add_cpus(b, 0, 4, 8), "host h: cell 7: uses of CPUs: 8, expected NF_CPUS_* together");
    CELL_REFUSED(nf_builder_add_cpus(b, 0, 0, 1), "host h: cell 7: 0 CPUs: expected 1 to 8192 in a cell");
    CELL_REFUSED(nf_builder_add_cpus(b, 0, 8193, 1), "host h: cell 7: 8193 CPUs: expected 1 to 8192 in a cell");
    CELL_REFUSED(nf_builder_add_cpus(b, UINT32_MAX - 1, 9, 1), "host h: cell 7: CPU 4294967294: expected ids up to 2147483647");
    CELL_REFUSED(nf_builder_add_core(b, core, 0), "host h: cell 7: core of 0 CPUs: expected 1 to 64");
    CELL_REFUSED(nf_builder_add_core(b, core, 65), "host h: cell 7: core of 65 CPUs: expected 1 to 64");
    CELL_REFUSED(nf_builder_add_pages(b, 0, 1, 0, 0), "host h: cell 7: page size in KiB: 0, expected 1 to 1073741824");
    CELL_REFUSED(nf_builder_add_pages(b, 4, -1, 0, 0), "host h: cell 7: pages in all: -1, expected 0 to 2147483647");
    CELL_REFUSED(nf_builder_add_pages(b, 1u << 30, 1u << 21, 0, 0), "host h: cell 7: pages in all: 2097152, expected 0 to 1048576");
    CELL_REFUSED(nf_builder_add_pages(b, 4, 1, -1, 0), "host h: cell 7: pages used: -1, expected 0 to 2147483647");
    CELL_REFUSED(nf_builder_add_pages(b, 4, 1, 3, INT32_MAX), "host h: cell 7: pages reserved: 2147483647, expected 0 to 2147483645");
    CELL_REFUSED(nf_builder_add_physnet(b, NULL), "host h: cell 7: physnet: expected text of 1 to 255 bytes");
    CELL_REFUSED((nf_builder_add_pages(b, 4, 1, 0, 0), nf_builder_add_pages(b, 4, 1, 0, 0)), "host h: cell 7: pages of 4 KiB: expected each size once");
    CELL_REFUSED((nf_builder_add_core(b, core, 2), nf_builder_add_core(b, other, 2), nf_builder_end_host(b, NULL), nf_builder_add_host(b, "g"), nf_builder_add_host(b, "h")),
                 "host h: expected after nf_builder_end_host() of host g, which is left out too");
    HOST_REFUSED(nf_builder_set_distances(b, NEAR, 0), "host h: distances of 0 cells: expected 1 to 1024");
    HOST_REFUSED(nf_builder_set_distances(b, (const int32_t[]){65536}, 1), "host h: distance: 65536, expected 0 to 65535");
    HOST_REFUSED(nf_builder_add_inventory(b, "VGPU", -1, 0, 1.0, 0), "host h: VGPU: expected a total, reserved and used units of 0 to 2147483647");
    HOST_REFUSED(nf_builder_add_inventory(b, "VGPU", 1, 0, NAN, 0), "host h: VGPU: allocation ratio nan, expected 0 or more");
    HOST_REFUSED((nf_builder_add_inventory(b, "VGPU", 1, 0, 1.0, 0), nf_builder_add_inventory(b, "VGPU", 1, 0, 1.0, 0)), "host h: VGPU: expected each resource class once");
    HOST_REFUSED((nf_builder_add_inventory(b, "VGPU", 1, 0, 1.0, 0), nf_builder_set_units(b, 1, 0, 1)), "host h: max of units: 0, expected 1 to 2147483647");
    HOST_REFUSED(nf_builder_add_trait(b, ""), "host h: trait: expected text of 1 to 255 bytes");
    HOST_REFUSED(nf_builder_add_devices(b, "8086", "10ed", "VF", 0, 1), "host h: device type VF: expected type-PCI, type-PF, type-VF or vdpa");
    HOST_REFUSED(nf_builder_add_devices(b, "8086", "10ed", "vdpa", 0, UINT32_MAX), "host h: devices: 4294967295, expected 0 to 2147483647");
    HOST_REFUSED((nf_builder_add_devices(b, "8086", "10ed", "vdpa", 0, 1), nf_builder_set_property(b, "dev_type", "x")), "host h: dev_type: expected each property of devices once");
    HOST_REFUSED((nf_builder_add_devices(b, "8086", "10ed", "vdpa", 0, 1), nf_builder_set_property(b, "numa_node", "0")),
                 "host h: numa_node: expected a property of devices; nodes are arguments, and providers, resource classes and traits of devices are not matched here");
    nf_builder_free(b);
}

/* Found when the cell or the host is complete; the words name the host and the cell all the same. */
static void what_shows_at_the_end(void) {
    nf_builder *b = NULL;
    const uint32_t one[] = {1, 2}, two[] = {2, 3};
    uint32_t wide[NF_MAX_THREADS];
    CHECK(nf_builder_new(NULL, &b) == NF_OK);
    nf_builder_add_host(b, "h");
    nf_builder_add_cell(b, 7, 64);
    nf_builder_add_core(b, one, 2);
    nf_builder_add_core(b, two, 2);
    CHECK(nf_builder_end_host(b, NULL) == NF_EINVAL);
    CHECK(!strcmp(nf_builder_error(b), "host h: cell 7: CPU 2: stands in cores 0 and 1, expected each core's threads once"));
    CHECK(nf_builder_add_host(b, "h") == NF_OK);
    nf_builder_add_cell(b, 0, 64);
    nf_builder_add_cpus(b, 0, 8192, NF_CPUS_SHARED);
    nf_builder_add_cpus(b, 8192, 1, NF_CPUS_SHARED);
    CHECK(nf_builder_add_cell(b, 1, 64) == NF_EINVAL);
    CHECK(!strcmp(nf_builder_error(b), "host h: cell 0: 8193 CPUs: expected at most 8192 in a cell"));
    CHECK(nf_builder_end_host(b, NULL) == NF_EINVAL);
    for (uint32_t i = 0; i < NF_MAX_THREADS; i++) wide[i] = 100000 + i;
    nf_builder_add_host(b, "h");
    nf_builder_add_cell(b, 0, 64);
    nf_builder_add_core(b, wide, NF_MAX_THREADS);
    for (uint32_t i = 0; i < 1000; i++) nf_builder_add_core(b, &i, 1);
    CHECK(nf_builder_end_host(b, NULL) == NF_EINVAL);
    CHECK(!strcmp(nf_builder_error(b), "host h: cell 0: 1001 cores: expected fewer beside one of 64 threads"));
    nf_builder_add_host(b, "h");
    nf_builder_set_distances(b, NEAR, 2);
    CHECK(nf_builder_end_host(b, NULL) == NF_EINVAL);
    CHECK(!strcmp(nf_builder_error(b), "host h: distances of 2 cells: expected 0, those of the host"));
    nf_builder_add_host(b, "h");
    for (uint32_t s = 0; s <= NF_MAX_PAGE_SIZES / 16; s++) {
        nf_builder_add_cell(b, s, 64);
        for (uint32_t k = 0; k < 16; k++) nf_builder_add_pages(b, 16 * s + k + 1, 1, 0, 0);
    }
    CHECK(nf_builder_end_host(b, NULL) == NF_EINVAL);
    CHECK(!strcmp(nf_builder_error(b), "host h: cell 2: pages of 33 KiB: expected at most 32 page sizes in a fleet"));
    nf_builder_add_host(b, "h");
    for (unsigned n = 0; n <= 4096; n++) {
        char name[16];
        snprintf(name, sizeof name, "CUSTOM_%u", n);
        nf_builder_add_inventory(b, name, 1, 0, 1.0, 0);
    }
    CHECK(nf_builder_end_host(b, NULL) == NF_EINVAL);
    CHECK(!strcmp(nf_builder_error(b), "host h: CUSTOM_4096: expected at most 4096 resource classes in a fleet"));
    nf_builder_add_host(b, "h");
    for (uint32_t id = 0; id <= NF_MAX_CELLS; id++) nf_builder_add_cell(b, id, 1);
    CHECK(nf_builder_end_host(b, NULL) == NF_EINVAL);
    CHECK(!strcmp(nf_builder_error(b), "host h: cell 1024: expected at most 1024 cells"));
    nf_builder_free(b);
}

#define GUEST_REFUSED(call, words)                                        \
    do {                                                                  \
        nf_guest *g = NULL;                                               \
        nf_claim_item unused;                                             \
        CHECK(nf_guest_new(b, &g) == NF_OK);                              \
        CHECK((call) == NF_EINVAL && !strcmp(nf_guest_error(g), words));  \
        CHECK(nf_guest_finish(g, &unused, NULL) == NF_EINVAL);            \
        CHECK(!strcmp(nf_guest_error(g), words));                         \
        if (strcmp(nf_guest_error(g), words)) fprintf(stderr, "%s\n", nf_guest_error(g)); \
        nf_guest_free(g);                                                 \
    } while (0)
#define CELL(...) (&(nf_guest_cell){__VA_ARGS__})

static void what_a_guest_cannot_ask(void) {
    nf_builder *b = NULL;
    const nf_shared *shared;
    CHECK(nf_builder_new(NULL, &b) == NF_OK && describe(b, 1) == NF_OK);
    CHECK(nf_builder_finish(b, &shared) == NF_OK);
    GUEST_REFUSED(nf_guest_add_cells(g, 1, NULL), "cells: expected at least one, and what it asks");
    GUEST_REFUSED(nf_guest_add_cells(g, 1025, CELL(.memory = 1)), "cells: 1025 more, expected at most 1024 of a guest");
    GUEST_REFUSED(nf_guest_add_cells(g, 1, CELL(.memory = -1)), "memory: -1 MiB, expected 0 to 1125899906842624");
    GUEST_REFUSED(nf_guest_add_cells(g, 1, CELL(.page_kib = -4)), "page_kib: -4, expected KiB or NF_PAGES_*");
    GUEST_REFUSED(nf_guest_add_cells(g, 1, CELL(.policy = 4)), "policy: 4, expected NF_POLICY_*");
    GUEST_REFUSED(nf_guest_add_cells(g, 1, CELL(.threads = 4)), "threads: 4, expected NF_THREADS_*");
    GUEST_REFUSED(nf_guest_add_cells(g, 1, CELL(.n_shared = 65537)), "vCPUs: 65537 shared and 0 dedicated, expected at most 65536");
    GUEST_REFUSED(nf_guest_add_cells(g, 1, CELL(.n_dedicated = 4)), "n_dedicated: 4, expected NF_POLICY_DEDICATED or NF_POLICY_MIXED beside it");
    GUEST_REFUSED(nf_guest_add_cells(g, 1, CELL(.n_shared = 4, .policy = NF_POLICY_DEDICATED)), "n_shared: 4, expected 0 beside NF_POLICY_DEDICATED");
    GUEST_REFUSED(nf_guest_add_devices(g, 0, 0), "devices: 0, expected 1 to 2147483647");
    GUEST_REFUSED(nf_guest_add_devices(g, 1, 4), "policy of devices: 4, expected NF_PCI_*");
    GUEST_REFUSED(nf_guest_or(g), "nf_guest_or: expected after nf_guest_add_devices()");
    GUEST_REFUSED(nf_guest_set_property(g, "a", "b"), "nf_guest_set_property: expected after nf_guest_add_devices()");
    GUEST_REFUSED((nf_guest_add_devices(g, 1, 0), nf_guest_add_devices(g, 1, 0)), "devices: expected nf_guest_set_property() to say which");
    GUEST_REFUSED((nf_guest_add_devices(g, 1, 0), nf_guest_or(g)), "devices: expected nf_guest_set_property() to say which");
    GUEST_REFUSED((nf_guest_add_devices(g, 1, 0), nf_guest_set_property(g, "dev_type", "VF")), "dev_type: VF, expected type-PCI, type-PF, type-VF or vdpa");
    GUEST_REFUSED((nf_guest_add_devices(g, 1, 0), nf_guest_set_property(g, "a", "b"), nf_guest_set_property(g, "a", NULL)), "a: expected each property of devices once");
    GUEST_REFUSED((nf_guest_add_devices(g, 1, 0), nf_guest_set_property(g, "rp_uuids", "b")),
                  "rp_uuids: expected a property of devices; nodes are arguments, and providers, resource classes and traits of devices are not matched here");
    GUEST_REFUSED(nf_guest_add_resource(g, "VGPU", 0), "VGPU: 0 units, expected 1 to 2147483647");
    GUEST_REFUSED((nf_guest_add_resource(g, "VGPU", 1), nf_guest_add_resource(g, "VGPU", 1)), "VGPU: expected each resource class once");
    GUEST_REFUSED(nf_guest_add_trait(g, NULL, 0), "trait: expected text of 1 to 255 bytes");
    GUEST_REFUSED(nf_guest_add_physnet(g, ""), "physnet: expected text of 1 to 255 bytes");
    GUEST_REFUSED(nf_guest_finish(g, NULL, NULL), "item: expected room for it");
    nf_builder_free(b);
}

/* One more than a guest may have of what is counted; a network that is there already is no more. */
static void a_guest_of_too_much(void) {
    nf_builder *b = NULL;
    const nf_shared *shared;
    nf_guest *g = NULL;
    char name[16];
    CHECK(nf_builder_new(NULL, &b) == NF_OK);
    nf_builder_add_host(b, "h");
    nf_builder_add_cell(b, 0, 64);
    for (unsigned n = 0; n <= NF_MAX_NETS; n++) {
        snprintf(name, sizeof name, "net%u", n);
        nf_builder_add_physnet(b, name);
    }
    CHECK(nf_builder_end_host(b, NULL) == NF_OK && nf_builder_finish(b, &shared) == NF_OK);
    CHECK(shared->fleet->net_words == 2 && shared->fleet->cell_nets[0] == ~(uint64_t)1);
    CHECK(nf_guest_new(b, &g) == NF_OK);
    for (unsigned n = 0; n < NF_MAX_NETS; n++) {
        snprintf(name, sizeof name, "net%u", n);
        CHECK(nf_guest_add_physnet(g, name) == NF_OK && nf_guest_add_physnet(g, name) == NF_OK);
    }
    CHECK(nf_guest_add_tunnel(g) == NF_EINVAL);
    CHECK(!strcmp(nf_guest_error(g), "networks: expected at most 64 of a guest"));
    nf_guest_free(g);
    CHECK(nf_guest_new(b, &g) == NF_OK);
    for (unsigned n = 0; n < NF_MAX_PCI; n++) {
        CHECK(nf_guest_add_devices(g, 1, NF_PCI_LEGACY) == NF_OK);
        CHECK(nf_guest_set_property(g, "vendor_id", "8086") == NF_OK);
    }
    CHECK(nf_guest_add_devices(g, 1, NF_PCI_LEGACY) == NF_EINVAL);
    CHECK(!strcmp(nf_guest_error(g), "devices: expected at most 64 requests of a guest"));
    nf_guest_free(g);
    CHECK(nf_guest_new(b, &g) == NF_OK);
    for (unsigned n = 0; n < NF_MAX_RESOURCES; n++) {
        snprintf(name, sizeof name, "CUSTOM_%u", n);
        CHECK(nf_guest_add_resource(g, name, 1) == NF_OK);
    }
    CHECK(nf_guest_add_resource(g, "VGPU", 1) == NF_EINVAL);
    CHECK(!strcmp(nf_guest_error(g), "VGPU: expected at most 256 resource classes of a guest"));
    nf_guest_free(g);
    nf_builder_free(b);
}

/* By hand, of a host as describe() has it. */
static void refusals_name_what_they_are_about(void) {
    nf_builder *b = NULL;
    const nf_shared *shared;
    CHECK(nf_builder_new(NULL, &b) == NF_OK && describe(b, 1) == NF_OK);
    CHECK(nf_builder_finish(b, &shared) == NF_OK);
    static const struct {
        const char *resource;
        uint32_t units, cpus;
        int64_t page_kib;
        const char *net, *product, *words;
    } CASES[] = {
        {NULL, 0, 6, 0, NULL, NULL, "too few free dedicated CPUs: 6 wanted, 5 there"},
        {NULL, 0, 1, 64, NULL, NULL, "pages of 64 KiB: no pages of that size"},
        {"WORD1", 8, 1, 0, NULL, NULL, NULL}, /* 9 x 1.5 = 13 units, 2 of them used */
        {"WORD1", 3, 1, 0, NULL, NULL, "WORD1: the host does not give a guest so many units at once"},
        {"VGPU", 1, 1, 0, NULL, NULL, "VGPU: the host has no inventory of it"},
        {NULL, 0, 1, 0, "net1", "WORD1", NULL},
        {NULL, 0, 1, 0, "nowhere", NULL, NULL},
        {NULL, 0, 1, 0, NULL, "1018", "device request 0: too few matching PCI devices: 1 wanted, 0 there"},
        {NULL, 0, 1, 0, NULL, "1017", "device request 0: too few matching PCI devices: 1 wanted, 0 there"}, /* a PF, not asked for by name */
    };
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        nf_guest *g = NULL;
        nf_claim_item item;
        nf_scratch scratch;
        nf_reason why = {NF_OK, 0, 0, 0};
        nf_guest_cell cell = {.memory = 8, .page_kib = CASES[i].page_kib, .n_dedicated = CASES[i].cpus,
                              .policy = NF_POLICY_DEDICATED};
        CHECK(nf_guest_new(b, &g) == NF_OK && nf_guest_add_cells(g, 1, &cell) == NF_OK);
        if (CASES[i].resource) nf_guest_add_resource(g, CASES[i].resource, CASES[i].units);
        if (CASES[i].net) nf_guest_add_physnet(g, CASES[i].net);
        if (CASES[i].product) {
            nf_guest_add_devices(g, 1, NF_PCI_LEGACY);
            nf_guest_set_property(g, "product_id", CASES[i].product);
        }
        CHECK(nf_guest_finish(g, &item, &scratch) == NF_OK);
        item.host = 0;
        nf_status status = nf_shared_fit(shared, &item, &scratch, &why);
        const char *said = status == NF_OK ? NULL : nf_guest_why(g, &why);
        CHECK(CASES[i].words ? said && !strcmp(said, CASES[i].words) : !said);
        if (said && CASES[i].words && strcmp(said, CASES[i].words)) fprintf(stderr, "%zu: %s\n", i, said);
        nf_guest_free(g);
    }
    nf_builder_free(b);
}

int main(void) {
    what_a_host_cannot_be();
    what_shows_at_the_end();
    what_a_guest_cannot_ask();
    a_guest_of_too_much();
    refusals_name_what_they_are_about();
    return FAILURES();
}
