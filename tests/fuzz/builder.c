/* Calls of a builder and of guests in any order, with memory that runs out: what is refused is said and
 * leaves nothing, and a fleet that is built is a sound one, whose guests go where they may. */
#include <math.h>
#include <numafit/builder.h>
#include <stdbool.h>
#include <string.h>

#include "calls.h"
#include "holds.h"

typedef struct purse {
    uint32_t left; /* allocations until one fails; 0: none does */
    long held;
    bool empty;
} purse;

static void *spend(void *context, size_t size) {
    purse *p = context;
    if (p->left && !--p->left) p->empty = true;
    if (p->empty) return NULL;
    p->held++;
    return malloc(size);
}

static void give_back(void *context, void *memory) {
    ((purse *)context)->held--;
    free(memory);
}

static const char *text(bytes *b) {
    static char longest[NF_MAX_NAME + 2];
    static const char *const WORDS[] = {"a", "A", "b", "host", "vendor_id", "product_id", "dev_type",
                                        "address", "type-PCI", "type-PF", "type-VF", "vdpa",
                                        "remote_managed", "live_migratable", "true", "false"};
    uint32_t n = below(b, 20);
    memset(longest, 'x', sizeof longest - 1);
    if (n == 16) return NULL;
    if (n == 17) return "";
    if (n == 18) return longest;
    if (n == 19) return longest + 1;
    return WORDS[n];
}

/* Mostly small. */
static uint32_t number(bytes *b) {
    static const uint32_t ENDS[] = {UINT32_MAX, INT32_MAX, 1u << 31, 65536, 65535, 8192, 8193, 1024};
    uint32_t n = below(b, 72);
    return n < 64 ? n : ENDS[n - 64];
}

static int64_t amount(bytes *b) {
    static const int64_t ENDS[] = {INT64_MAX, INT64_MIN, -1, NF_MAX_AMOUNT, INT32_MAX, 1 << 20};
    uint32_t n = below(b, 38);
    return n < 32 ? (int64_t)n * 64 : ENDS[n - 32];
}

static double ratio(bytes *b) {
    static const double RATIOS[] = {1.0, 16.0, 0.0, 1.5, -1.0, 1e300, INFINITY, NAN};
    return RATIOS[below(b, 8)];
}

static nf_status describe(nf_builder *builder, bytes *b) {
    uint32_t cpus[70];
    int32_t matrix[16];
    const char *one, *two;
    uint32_t n;
    switch (below(b, 18)) {
    case 0: return nf_builder_add_cell(builder, number(b), amount(b));
    case 1: return nf_builder_set_ratios(builder, ratio(b), ratio(b));
    case 2: return nf_builder_set_usage(builder, amount(b), amount(b));
    case 3: return nf_builder_set_socket(builder, number(b));
    case 4: case 5: case 6: return nf_builder_add_cpus(builder, number(b), number(b), below(b, 9));
    case 7: case 8:
        n = 1 + below(b, now_and_then(b, 8) ? 69 : 4);
        for (uint32_t i = 0; i < n; i++) cpus[i] = number(b);
        return nf_builder_add_core(builder, cpus, n);
    case 9: return nf_builder_add_pages(builder, 4u << below(b, 30), amount(b), amount(b), amount(b));
    case 10: return nf_builder_add_physnet(builder, text(b));
    case 11: return nf_builder_add_tunnel(builder);
    case 12:
        for (uint32_t i = 0; i < 16; i++) matrix[i] = (int32_t)number(b);
        return nf_builder_set_distances(builder, matrix, below(b, 5));
    case 13:
        one = text(b);
        two = text(b);
        return nf_builder_add_devices(builder, one, two, text(b), (int32_t)below(b, 6) - 1, number(b));
    case 14:
        one = text(b);
        return nf_builder_set_property(builder, one, text(b));
    case 15: return nf_builder_add_inventory(builder, text(b), amount(b), amount(b), ratio(b), amount(b));
    case 16: return nf_builder_set_units(builder, number(b), number(b), number(b));
    default: return nf_builder_add_trait(builder, text(b));
    }
}

static nf_status ask(nf_guest *g, bytes *b) {
    const char *one;
    nf_guest_cell cell = {.memory = 0};
    switch (below(b, 9)) {
    case 0: case 1:
        cell.memory = amount(b);
        cell.page_kib = below(b, 2) ? (int64_t)below(b, 9) - 4 : 4 << below(b, 20);
        if (now_and_then(b, 2)) cell.page_kib = 0;
        cell.policy = below(b, 5);
        cell.threads = now_and_then(b, 2) ? below(b, 5) : 0;
        if (cell.policy >= NF_POLICY_DEDICATED) cell.n_dedicated = number(b);
        if (cell.policy != NF_POLICY_DEDICATED) cell.n_shared = number(b);
        return nf_guest_add_cells(g, 1 + below(b, 3), &cell);
    case 2: return nf_guest_isolate_emulator(g);
    case 3: return nf_guest_add_physnet(g, text(b));
    case 4: return nf_guest_add_tunnel(g);
    case 5: return nf_guest_add_devices(g, 1 + below(b, 3), below(b, 5));
    case 6:
        one = text(b);
        return nf_guest_set_property(g, one, text(b));
    case 7: return below(b, 2) ? nf_guest_or(g) : nf_guest_add_trait(g, text(b), below(b, 2) ? 1 : 0);
    default: return nf_guest_add_resource(g, text(b), number(b));
    }
}

/* A refusal is said, and it is the same until the end. */
static void is_said(nf_status status, const char *error, const purse *p) {
    HOLDS(status == NF_OK || *error);
    HOLDS(status == NF_OK || status == NF_EINVAL || (status == NF_ENOMEM && p->empty));
}

static void play_guest(nf_builder *builder, const nf_shared *shared, const purse *p, bytes *b) {
    nf_guest *g = NULL;
    nf_claim_item item;
    nf_scratch scratch;
    nf_status status = nf_guest_new(builder, &g);
    if (status != NF_OK) {
        HOLDS(status == NF_ENOMEM && p->empty);
        return;
    }
    nf_status first = NF_OK;
    for (uint32_t n = below(b, 8); n; n--) {
        status = ask(g, b);
        is_said(status, nf_guest_error(g), p);
        HOLDS(first == NF_OK || status == first);
        first = status;
    }
    status = nf_guest_finish(g, &item, &scratch);
    HOLDS(first == NF_OK || status == first);
    is_said(status, nf_guest_error(g), p);
    for (uint32_t h = 0; status == NF_OK && h < shared->fleet->n_hosts; h++) {
        nf_reason why = {NF_OK, 0, 0, 0};
        item.host = h;
        nf_status fitted = nf_shared_fit(shared, &item, &scratch, &why);
        HOLDS(fitted >= 0);
        if (fitted != NF_OK) {
            HOLDS(*nf_guest_why(g, &why));
            continue;
        }
        nf_status claimed = nf_shared_claim(shared, &item, 1, NULL, &why);
        HOLDS(claimed == NF_OK || claimed == NF_STALE);
        if (claimed == NF_OK) HOLDS(nf_shared_release(shared, &item, 1, NULL, NULL) == NF_OK);
    }
    nf_guest_free(g);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    bytes b = {data, size};
    purse p = {now_and_then(&b, 4) ? 1 + below(&b, 200) : 0, 0, false};
    nf_allocator memory = {spend, give_back, &p};
    nf_builder *builder = NULL;
    const nf_shared *shared = NULL;
    const char *reason = NULL;
    uint32_t expected = 0;
    if (nf_builder_new(&memory, &builder) == NF_OK) {
        for (uint32_t hosts = below(&b, 5); hosts; hosts--) {
            uint32_t index = UINT32_MAX;
            nf_status first = nf_builder_add_host(builder, text(&b));
            is_said(first, nf_builder_error(builder), &p);
            for (uint32_t n = below(&b, 24); n; n--) {
                nf_status status = describe(builder, &b);
                is_said(status, nf_builder_error(builder), &p);
                HOLDS(first == NF_OK || status == first);
                first = status;
            }
            nf_status status = nf_builder_end_host(builder, &index);
            HOLDS(first == NF_OK || status == first);
            is_said(status, nf_builder_error(builder), &p);
            HOLDS(status == NF_OK ? index == expected++ : index == UINT32_MAX);
            HOLDS(!nf_builder_host_name(builder, expected));
        }
        nf_status status = nf_builder_finish(builder, &shared);
        HOLDS(status == NF_OK || (status == NF_ENOMEM && p.empty));
        if (status == NF_OK) {
            HOLDS(shared->fleet->n_hosts == expected);
            HOLDS(nf_fleet_check(shared->fleet, &reason) == NF_OK);
            for (uint32_t n = below(&b, 3); n; n--) play_guest(builder, shared, &p, &b);
            nf_fleet fleet = *shared->fleet;
            play_calls(&fleet, &b);
        }
        nf_builder_free(builder);
    }
    HOLDS(!p.held);
    return 0;
}
