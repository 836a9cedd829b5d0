/* Each call of the builder at a time that is not its own, and with each of its words missing: a status
 * that stays, the words of the first error, and nothing that is read through a null pointer. */
#include "check.h"
#include "described.h"

#include <stdbool.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))

/* Of a host; with ``text`` where a word goes. */
typedef nf_status host_call(nf_builder *b, const char *text);
static const uint32_t CPUS[] = {0, 1};

static nf_status ratios(nf_builder *b, const char *t) { (void)t; return nf_builder_set_ratios(b, 1, 1); }
static nf_status cell(nf_builder *b, const char *t) { (void)t; return nf_builder_add_cell(b, 9, 64); }
static nf_status usage(nf_builder *b, const char *t) { (void)t; return nf_builder_set_usage(b, 1, 1); }
static nf_status socket_of(nf_builder *b, const char *t) { (void)t; return nf_builder_set_socket(b, 1); }
static nf_status cpus(nf_builder *b, const char *t) { (void)t; return nf_builder_add_cpus(b, 0, 2, NF_CPUS_SHARED); }
static nf_status core(nf_builder *b, const char *t) { (void)t; return nf_builder_add_core(b, CPUS, 2); }
static nf_status pages(nf_builder *b, const char *t) { (void)t; return nf_builder_add_pages(b, 4, 8, 0, 0); }
static nf_status tunnel(nf_builder *b, const char *t) { (void)t; return nf_builder_add_tunnel(b); }
static nf_status distances(nf_builder *b, const char *t) { (void)t; return nf_builder_set_distances(b, NEAR, 2); }
static nf_status units(nf_builder *b, const char *t) { (void)t; return nf_builder_set_units(b, 1, 2, 1); }
static nf_status end(nf_builder *b, const char *t) { (void)t; return nf_builder_end_host(b, NULL); }
static nf_status physnet(nf_builder *b, const char *t) { return nf_builder_add_physnet(b, t); }
static nf_status vendor(nf_builder *b, const char *t) { return nf_builder_add_devices(b, t, "1", "type-PF", 0, 1); }
static nf_status product(nf_builder *b, const char *t) { return nf_builder_add_devices(b, "1", t, "type-PF", 0, 1); }
static nf_status kind(nf_builder *b, const char *t) { return nf_builder_add_devices(b, "1", "1", t, 0, 1); }
static nf_status property(nf_builder *b, const char *t) { return nf_builder_set_property(b, t, "1"); }
static nf_status value(nf_builder *b, const char *t) { return nf_builder_set_property(b, "x", t); }
static nf_status inventory(nf_builder *b, const char *t) { return nf_builder_add_inventory(b, t, 1, 0, 1, 0); }
static nf_status trait(nf_builder *b, const char *t) { return nf_builder_add_trait(b, t); }

static host_call *const ALONE[] = {ratios, cell, usage, socket_of, cpus, core, pages, tunnel,
                                   distances, units, end};
static host_call *const WORDED[] = {physnet, vendor, product, kind, property, value, inventory, trait};

/* The first error stays, and the host that begins next is sound. */
static void keeps_refusing(nf_builder *b, host_call *call) {
    char first[256];
    snprintf(first, sizeof first, "%s", nf_builder_error(b));
    CHECK(*first && call(b, "text") == NF_EINVAL && !strcmp(nf_builder_error(b), first));
    if (call != end)
        CHECK(nf_builder_end_host(b, NULL) == NF_EINVAL && !strcmp(nf_builder_error(b), first));
}

static nf_builder *ready_for_all(void) {
    nf_builder *b = NULL;
    CHECK(nf_builder_new(NULL, &b) == NF_OK && nf_builder_add_host(b, "h") == NF_OK);
    CHECK(cell(b, "") == NF_OK && kind(b, "type-PF") == NF_OK && inventory(b, "VGPU") == NF_OK);
    return b;
}

static void host_calls(void) {
    nf_builder *b;
    const nf_shared *shared;
    for (size_t i = 0; i < COUNT(ALONE) + COUNT(WORDED); i++) {
        host_call *call = i < COUNT(ALONE) ? ALONE[i] : WORDED[i - COUNT(ALONE)];
        CHECK(call(NULL, "text") == NF_EINVAL);
        CHECK(nf_builder_new(NULL, &b) == NF_OK);
        CHECK(call(b, "text") == NF_EINVAL); /* of no host */
        CHECK(strstr(nf_builder_error(b), "expected after nf_builder_add_host()") ||
              strstr(nf_builder_error(b), "nf_builder_add_"));
        CHECK(nf_builder_add_host(b, "h") == NF_OK);
        CHECK(nf_builder_set_ratios(b, -1, 1) == NF_EINVAL);
        keeps_refusing(b, call);
        CHECK(describe(b, 1) == NF_OK && nf_builder_finish(b, &shared) == NF_OK);
        CHECK(call(b, "text") == NF_EINVAL); /* too late */
        CHECK(nf_shared_check(shared, NULL) == NF_OK && shared->fleet->n_hosts == 1);
        nf_builder_free(b);
    }
}

static void host_words(void) {
    char longest[NF_MAX_NAME + 2] = {0};
    memset(longest, 'x', NF_MAX_NAME + 1);
    const char *const WRONG[] = {NULL, "", longest};
    for (size_t i = 0; i < COUNT(WORDED); i++)
        for (size_t w = 0; w < COUNT(WRONG); w++) {
            nf_builder *b = ready_for_all();
            CHECK(WORDED[i](b, WRONG[w]) == NF_EINVAL);
            keeps_refusing(b, WORDED[i]);
            nf_builder_free(b);
        }
}

/* Each number of a call at both of its ends, and one beyond. */
static void host_numbers(void) {
#define NUMBER(good, bad)                      \
    do {                                       \
        nf_builder *b = ready_for_all();       \
        CHECK((good) == NF_OK);                \
        CHECK((bad) == NF_EINVAL);             \
        keeps_refusing(b, cell);               \
        nf_builder_free(b);                    \
    } while (0)
    NUMBER(nf_builder_set_units(b, 1, 1, 1), nf_builder_set_units(b, 0, 1, 1));
    NUMBER(nf_builder_set_units(b, INT32_MAX, 1, 1), nf_builder_set_units(b, 1u << 31, 1, 1));
    NUMBER(nf_builder_set_units(b, 1, INT32_MAX, 1), nf_builder_set_units(b, 1, 1u << 31, 1));
    NUMBER(nf_builder_set_units(b, 1, 1, INT32_MAX), nf_builder_set_units(b, 1, 1, 1u << 31));
    NUMBER(nf_builder_set_units(b, 1, 1, 1), nf_builder_set_units(b, 1, 0, 1));
    NUMBER(nf_builder_set_units(b, 1, 1, 1), nf_builder_set_units(b, 1, 1, 0));
    NUMBER(nf_builder_set_usage(b, NF_MAX_AMOUNT, INT32_MAX), nf_builder_set_usage(b, NF_MAX_AMOUNT + 1, 0));
    NUMBER(nf_builder_set_usage(b, 0, 0), nf_builder_set_usage(b, 0, (int64_t)INT32_MAX + 1));
    NUMBER(nf_builder_set_socket(b, INT32_MAX), nf_builder_set_socket(b, 1u << 31));
    NUMBER(nf_builder_add_pages(b, 4, 9, 9, 0), nf_builder_add_pages(b, 0, 9, 0, 0));
    NUMBER(nf_builder_add_pages(b, 4, 9, 0, 9), nf_builder_add_pages(b, 8, -1, 0, 0));
    NUMBER(nf_builder_add_pages(b, 4, 9, 0, 0), nf_builder_add_pages(b, 8, 9, -1, 0));
    NUMBER(nf_builder_add_pages(b, 4, 9, 0, 0), nf_builder_add_pages(b, 8, 9, 0, -1));
    NUMBER(nf_builder_add_pages(b, 4, INT32_MAX, 0, 0), nf_builder_add_pages(b, 8, 1ll << 31, 0, 0));
    NUMBER(nf_builder_add_devices(b, "1", "1", "type-VF", -1, INT32_MAX),
           nf_builder_add_devices(b, "1", "1", "type-VF", -1, 1u << 31));
    NUMBER(nf_builder_add_inventory(b, "A", INT32_MAX, INT32_MAX, 0, INT32_MAX),
           nf_builder_add_inventory(b, "B", -1, 0, 1, 0));
    NUMBER(nf_builder_add_inventory(b, "A", 1, 0, 1, 0), nf_builder_add_inventory(b, "B", 1ll << 31, 0, 1, 0));
    NUMBER(nf_builder_add_inventory(b, "A", 1, 0, 1, 0), nf_builder_add_inventory(b, "B", 1, -1, 1, 0));
    NUMBER(nf_builder_add_inventory(b, "A", 1, 0, 1, 0), nf_builder_add_inventory(b, "B", 1, 1ll << 31, 1, 0));
    NUMBER(nf_builder_add_inventory(b, "A", 1, 0, 1, 0), nf_builder_add_inventory(b, "B", 1, 0, 1, -1));
    NUMBER(nf_builder_add_inventory(b, "A", 1, 0, 1, 0), nf_builder_add_inventory(b, "B", 1, 0, 1, 1ll << 31));
    static const int32_t LONG[] = {10, NF_MAX_DISTANCE + 1}, BELOW[] = {10, -1};
    static const uint32_t FAR_CPU[] = {0, 1u << 31};
    NUMBER(NF_OK, nf_builder_set_distances(b, NULL, 1));
    NUMBER(NF_OK, nf_builder_set_distances(b, LONG, 0));
    NUMBER(NF_OK, nf_builder_set_distances(b, LONG, NF_MAX_CELLS + 1));
    NUMBER(NF_OK, nf_builder_set_distances(b, LONG, 2));
    NUMBER(NF_OK, nf_builder_set_distances(b, BELOW, 2));
    NUMBER(NF_OK, nf_builder_add_core(b, FAR_CPU, 2));
    NUMBER(nf_builder_add_core(b, CPUS, 2), nf_builder_add_core(b, NULL, 2));
    NUMBER(nf_builder_add_core(b, CPUS, 1), nf_builder_add_core(b, CPUS, 0));
}

typedef nf_status guest_call(nf_guest *g, const char *text);

static nf_status cells(nf_guest *g, const char *t) {
    const nf_guest_cell one = {.memory = 8, .n_shared = 1};
    (void)t;
    return nf_guest_add_cells(g, 1, &one);
}
static nf_status emulator(nf_guest *g, const char *t) { (void)t; return nf_guest_isolate_emulator(g); }
static nf_status tunnelled(nf_guest *g, const char *t) { (void)t; return nf_guest_add_tunnel(g); }
static nf_status devices(nf_guest *g, const char *t) { (void)t; return nf_guest_add_devices(g, 1, NF_PCI_LEGACY); }
static nf_status or_else(nf_guest *g, const char *t) { (void)t; return nf_guest_or(g); }
static nf_status net(nf_guest *g, const char *t) { return nf_guest_add_physnet(g, t); }
static nf_status wish(nf_guest *g, const char *t) { return nf_guest_set_property(g, t, NULL); }
static nf_status amount(nf_guest *g, const char *t) { return nf_guest_add_resource(g, t, 1); }
static nf_status quality(nf_guest *g, const char *t) { return nf_guest_add_trait(g, t, 1); }

static guest_call *const GUEST[] = {cells, emulator, tunnelled, devices, or_else, net, wish, amount, quality};
enum { FIRST_WORDED = 5 };

static void guest_calls(void) {
    const char *const WRONG[] = {NULL, ""};
    nf_builder *b = NULL;
    const nf_shared *shared;
    nf_claim_item item;
    nf_scratch scratch;
    nf_guest *g;
    CHECK(nf_builder_new(NULL, &b) == NF_OK && describe(b, 1) == NF_OK);
    CHECK(nf_builder_finish(b, &shared) == NF_OK);
    for (size_t i = 0; i < COUNT(GUEST); i++) {
        CHECK(GUEST[i](NULL, "text") == NF_EINVAL);
        CHECK(nf_guest_new(b, &g) == NF_OK);
        CHECK(nf_guest_add_cells(g, 0, NULL) == NF_EINVAL);
        CHECK(GUEST[i](g, "text") == NF_EINVAL);
        CHECK(!strcmp(nf_guest_error(g), "cells: expected at least one, and what it asks"));
        CHECK(nf_guest_finish(g, &item, &scratch) == NF_EINVAL);
        nf_guest_free(g);
        CHECK(nf_guest_new(b, &g) == NF_OK && cells(g, "") == NF_OK);
        CHECK(nf_guest_finish(g, &item, &scratch) == NF_OK);
        CHECK(GUEST[i](g, "text") == NF_EINVAL); /* too late */
        nf_guest_free(g);
        for (size_t w = 0; i >= FIRST_WORDED && w < COUNT(WRONG); w++) {
            CHECK(nf_guest_new(b, &g) == NF_OK && devices(g, "") == NF_OK);
            CHECK(GUEST[i](g, WRONG[w]) == NF_EINVAL);
            CHECK(strstr(nf_guest_error(g), "expected text of 1 to 255 bytes"));
            nf_guest_free(g);
        }
    }
    CHECK(nf_guest_new(b, NULL) == NF_EINVAL && nf_guest_new(NULL, &g) == NF_EINVAL);
    CHECK(!strcmp(nf_guest_why(NULL, NULL), "") && nf_guest_error(NULL));
    nf_guest_free(NULL);
    nf_builder_free(NULL);
    nf_builder_free(b);
}

/* Each number of a guest's cell beyond its end, and of its devices and resources. */
static void guest_numbers(void) {
    static const nf_guest_cell WRONG[] = {
        {.memory = -1}, {.memory = NF_MAX_AMOUNT + 1}, {.page_kib = NF_PAGES_ANY - 1}, {.policy = 99},
        {.threads = 99}, {.n_shared = NF_MAX_SLOTS + 1}, {.n_dedicated = NF_MAX_SLOTS + 1},
        {.n_dedicated = 1}, {.n_shared = 1, .policy = NF_POLICY_DEDICATED}};
    nf_builder *b = NULL;
    const nf_shared *shared;
    nf_guest *g;
    nf_claim_item item;
    CHECK(nf_builder_new(NULL, &b) == NF_OK && describe(b, 1) == NF_OK);
    CHECK(nf_builder_finish(b, &shared) == NF_OK);
    for (size_t i = 0; i < COUNT(WRONG); i++) {
        CHECK(nf_guest_new(b, &g) == NF_OK);
        CHECK(nf_guest_add_cells(g, 1, &WRONG[i]) == NF_EINVAL && *nf_guest_error(g));
        nf_guest_free(g);
    }
    for (uint32_t i = 0; i < 7; i++) {
        CHECK(nf_guest_new(b, &g) == NF_OK && cells(g, "") == NF_OK);
        CHECK((i == 0   ? nf_guest_add_devices(g, 0, NF_PCI_LEGACY)
               : i == 1 ? nf_guest_add_devices(g, 1u << 31, NF_PCI_LEGACY)
               : i == 2 ? nf_guest_add_resource(g, "VGPU", 0)
               : i == 3 ? nf_guest_add_resource(g, "VGPU", 1u << 31)
               : i == 4 ? nf_guest_add_cells(g, 1, NULL)
               : i == 5 ? nf_guest_finish(g, NULL, NULL)
                        : nf_guest_add_devices(g, 1, 99)) == NF_EINVAL);
        CHECK(*nf_guest_error(g) && nf_guest_finish(g, &item, NULL) == NF_EINVAL);
        nf_guest_free(g);
    }
    CHECK(nf_builder_find_host(NULL, "host1") == UINT32_MAX);
    CHECK(nf_builder_find_host(b, NULL) == UINT32_MAX && nf_builder_find_host(b, "host1") == 0);
    CHECK(!nf_builder_host_name(NULL, 0) && !nf_builder_host_name(b, 1));
    CHECK(!strcmp(nf_builder_host_name(b, 0), "host1"));
    /* a fleet that no builder made knows no names */
    for (size_t i = FIRST_WORDED; i < COUNT(GUEST); i++) {
        CHECK(nf_guest_of(shared->fleet, NULL, &g) == NF_OK && devices(g, "") == NF_OK);
        CHECK(GUEST[i](g, "text") == NF_EINVAL);
        CHECK(strstr(nf_guest_error(g), "text: expected a fleet of a builder, which knows names"));
        nf_guest_free(g);
    }
    nf_builder_free(b);
}

/* Every status in words: numbers where some were compared, in their units. */
static void each_reason(void) {
    static const int32_t KIB[] = {NF_PAGES, NF_PAGES_TOTAL},
                         MIB[] = {NF_MEMORY, NF_MEMORY_TOTAL, NF_MEMORY_LIMIT},
                         NOTHING[] = {NF_NO_TOPOLOGY, NF_HOST_CLASS, NF_PAGE_SIZE, NF_PAGE_MULTIPLE,
                                      NF_PINNED_EMPTY, NF_ISOLATE_SHARED, NF_ISOLATE_EMPTY,
                                      NF_REQUIRE_NO_SMT, NF_EMULATOR_CPU, NF_EMULATOR_EMPTY,
                                      NF_PHYSNET, NF_TUNNEL, NF_PCI_TOGETHER, NF_TOGETHER,
                                      NF_UNDECIDED, NF_STALE, NF_REMOVED};
    nf_builder *b = NULL;
    const nf_shared *shared;
    CHECK(nf_builder_new(NULL, &b) == NF_OK && describe(b, 1) == NF_OK);
    CHECK(nf_builder_finish(b, &shared) == NF_OK);
    for (int named = 0; named < 2; named++)
        for (int32_t status = NF_OK + 1; status < NF_STATUS_END; status++) {
            const nf_reason why = {status, 1 << 20, 3, 2}, bare = {status, 0, 0, 0};
            const char *expected = ": 3 wanted, 2 there";
            nf_guest *g;
            for (size_t i = 0; i < COUNT(KIB); i++)
                if (KIB[i] == status) expected = ": 3 KiB wanted, 2 KiB there";
            for (size_t i = 0; i < COUNT(MIB); i++)
                if (MIB[i] == status) expected = ": 3 MiB wanted, 2 MiB there";
            for (size_t i = 0; i < COUNT(NOTHING); i++)
                if (NOTHING[i] == status) expected = "";
            CHECK((named ? nf_guest_new(b, &g) : nf_guest_of(shared->fleet, NULL, &g)) == NF_OK);
            const char *said = nf_guest_why(g, &why);
            CHECK(strstr(said, nf_status_text(status)));
            CHECK(!strcmp(strstr(said, nf_status_text(status)) + strlen(nf_status_text(status)), expected));
            CHECK(strstr(nf_guest_why(g, &bare), " wanted, ") == NULL);
            CHECK(*nf_guest_why(g, &bare) && !strcmp(nf_guest_why(g, NULL), ""));
            nf_guest_free(g);
        }
    nf_builder_free(b);
}

int main(void) {
    guest_numbers();
    each_reason();
    host_calls();
    host_words();
    host_numbers();
    guest_calls();
    return FAILURES();
}
