/* A guest is described call by call, and becomes a request in the numbers of its fleet. */
#include "build_guest.h"

#include <string.h>

static nf_status new_guest(nf_allocator memory, const nf_fleet *fleet, const nf_builder *b,
                           nf_guest **out) {
    nf_guest *g = memory.allocate(memory.context, sizeof *g);
    if (!g) return NF_ENOMEM;
    memset(g, 0, sizeof *g);
    g->fleet = fleet;
    g->b = b;
    g->memory = memory;
    *out = g;
    return NF_OK;
}

nf_status nf_guest_new(const nf_builder *b, nf_guest **out) {
    if (!b || !out || !b->finished) return NF_EINVAL;
    return new_guest(b->memory, &b->fleet, b, out);
}

nf_status nf_guest_of(const nf_fleet *fleet, const nf_allocator *allocator, nf_guest **out) {
    if (!fleet || !out || !nf_allocator_ok(allocator)) return NF_EINVAL;
    if (fleet->abi != NF_ABI_VERSION) return NF_EABI;
    return new_guest(nf_allocator_of(allocator), fleet, NULL, out);
}

void nf_guest_free(nf_guest *g) {
    if (!g) return;
    nf_allocator memory = g->memory;
    for (int i = 0; i < NF_GUEST_LISTS; i++) nf_list_free(&memory, &g->lists[i]);
    nf_kept_free(&memory, &g->words);
    nf_guest_take_apart(g);
    memory.release(memory.context, g);
}

const char *nf_guest_error(const nf_guest *g) { return g ? g->error.text : ""; }

__attribute__((format(printf, 3, 4)))
static nf_status refuse(nf_guest *g, nf_status status, const char *format, ...) {
    va_list more;
    va_start(more, format);
    g->error.used = 0;
    nf_say_list(&g->error, format, more);
    va_end(more);
    g->status = status;
    return status;
}

static nf_status no_memory(nf_guest *g) {
    return refuse(g, NF_ENOMEM, "the allocator gave no memory");
}

/* May something be said of the guest? */
static nf_status of_guest(nf_guest *g, const char *call) {
    if (!g) return NF_EINVAL;
    if (!g->finished) return g->status;
    g->error.used = 0;
    nf_say(&g->error, "%s: expected before nf_guest_finish()", call);
    return NF_EINVAL;
}

#define OF_GUEST(g)                                   \
    do {                                              \
        nf_status ready = of_guest(g, __func__);      \
        if (ready != NF_OK) return ready;             \
    } while (0)
#define WRONG(...) return refuse(g, NF_EINVAL, __VA_ARGS__)
#define WORDS_OK(g, key, text)                                                               \
    do {                                                                                     \
        if (!nf_text_ok(text)) WRONG("%s: expected text of 1 to %u bytes", key, NF_MAX_NAME); \
        if (!(g)->b) WRONG("%s %s: expected a fleet of a builder, which knows names", key, text); \
    } while (0)

static void *add(nf_guest *g, int list, size_t size, size_t count) {
    return nf_list_add(&g->memory, &g->lists[list], size, count);
}

static uint32_t keep(nf_guest *g, const char *text) {
    return nf_kept_add(&g->memory, &g->words, text, strlen(text));
}

/* Words for what nf_fit() answers by NF_EINVAL, and for CPUs that the cell's policy would leave out
 * of account. */
static nf_status check_cell(nf_guest *g, const nf_guest_cell *c) {
    if (c->memory < 0 || c->memory > NF_MAX_AMOUNT)
        WRONG("memory: %" PRId64 " MiB, expected 0 to %" PRId64, c->memory, NF_MAX_AMOUNT);
    if (c->page_kib < NF_PAGES_ANY)
        WRONG("page_kib: %" PRId64 ", expected KiB or NF_PAGES_*", c->page_kib);
    if (c->policy > NF_POLICY_MIXED) WRONG("policy: %u, expected NF_POLICY_*", c->policy);
    if (c->threads > NF_THREADS_REQUIRE) WRONG("threads: %u, expected NF_THREADS_*", c->threads);
    if (c->n_shared > NF_MAX_SLOTS || c->n_dedicated > NF_MAX_SLOTS)
        WRONG("vCPUs: %u shared and %u dedicated, expected at most %u", c->n_shared, c->n_dedicated,
              NF_MAX_SLOTS);
    if (c->n_dedicated && c->policy != NF_POLICY_DEDICATED && c->policy != NF_POLICY_MIXED)
        WRONG("n_dedicated: %u, expected NF_POLICY_DEDICATED or NF_POLICY_MIXED beside it",
              c->n_dedicated);
    if (c->n_shared && c->policy == NF_POLICY_DEDICATED)
        WRONG("n_shared: %u, expected 0 beside NF_POLICY_DEDICATED", c->n_shared);
    return NF_OK;
}

nf_status nf_guest_add_cells(nf_guest *g, uint32_t count, const nf_guest_cell *cell) {
    OF_GUEST(g);
    if (!cell || !count) WRONG("cells: expected at least one, and what it asks");
    nf_list *cells = &g->lists[NF_GUEST_CELLS];
    if (count > NF_MAX_GUEST - cells->count)
        WRONG("cells: %u more, expected at most %u of a guest", count, NF_MAX_GUEST);
    if (check_cell(g, cell) != NF_OK) return g->status;
    nf_guest_cell *to = add(g, NF_GUEST_CELLS, sizeof *to, count);
    if (!to) return no_memory(g);
    for (uint32_t i = 0; i < count; i++) to[i] = *cell;
    return NF_OK;
}

nf_status nf_guest_isolate_emulator(nf_guest *g) {
    OF_GUEST(g);
    g->isolated = true;
    return NF_OK;
}

static nf_status add_net(nf_guest *g, uint32_t net) {
    const uint32_t *nets = NF_ITEMS(const uint32_t, &g->lists[NF_GUEST_NETS]);
    for (size_t i = 0; i < g->lists[NF_GUEST_NETS].count; i++)
        if (nets[i] == net) return NF_OK;
    if (g->lists[NF_GUEST_NETS].count == NF_MAX_NETS)
        WRONG("networks: expected at most %u of a guest", NF_MAX_NETS);
    uint32_t *to = add(g, NF_GUEST_NETS, sizeof *to, 1);
    if (!to) return no_memory(g);
    *to = net;
    return NF_OK;
}

nf_status nf_guest_add_physnet(nf_guest *g, const char *name) {
    OF_GUEST(g);
    WORDS_OK(g, "physnet", name);
    uint32_t net = nf_find_text(g->b, NF_KEPT_NETS, name);
    return net == NF_ABSENT ? NF_OK : add_net(g, NF_TUNNEL_NET + 1 + net);
}

nf_status nf_guest_add_tunnel(nf_guest *g) {
    OF_GUEST(g);
    return add_net(g, NF_TUNNEL_NET);
}

static nf_devices_row *last_devices(nf_guest *g) {
    nf_list *list = &g->lists[NF_GUEST_DEVICES];
    return list->count ? NF_ITEMS(nf_devices_row, list) + list->count - 1 : NULL;
}

static nf_alternative *last_alternative(nf_guest *g) {
    nf_list *list = &g->lists[NF_GUEST_ALTERNATIVES];
    return NF_ITEMS(nf_alternative, list) + list->count - 1;
}

static nf_status add_alternative(nf_guest *g, nf_devices_row *devices) {
    nf_alternative *one = add(g, NF_GUEST_ALTERNATIVES, sizeof *one, 1);
    if (!one) return no_memory(g);
    one->first = one->last = g->lists[NF_GUEST_WISHES].count;
    devices->last = g->lists[NF_GUEST_ALTERNATIVES].count;
    return NF_OK;
}

/* Devices of no property would be any devices, which nobody means. */
static nf_status check_alternative(nf_guest *g) {
    const nf_devices_row *devices = last_devices(g);
    if (devices && last_alternative(g)->first == last_alternative(g)->last)
        WRONG("devices: expected nf_guest_set_property() to say which");
    return NF_OK;
}

nf_status nf_guest_add_devices(nf_guest *g, uint32_t count, uint32_t policy) {
    OF_GUEST(g);
    if (check_alternative(g) != NF_OK) return g->status;
    if (!count || count > INT32_MAX) WRONG("devices: %u, expected 1 to %" PRId32, count, INT32_MAX);
    if (policy > NF_PCI_PREFERRED) WRONG("policy of devices: %u, expected NF_PCI_*", policy);
    if (g->lists[NF_GUEST_DEVICES].count == NF_MAX_PCI)
        WRONG("devices: expected at most %u requests of a guest", NF_MAX_PCI);
    nf_devices_row *row = add(g, NF_GUEST_DEVICES, sizeof *row, 1);
    if (!row) return no_memory(g);
    *row = (nf_devices_row){count, policy, g->lists[NF_GUEST_ALTERNATIVES].count, 0};
    return add_alternative(g, row);
}

nf_status nf_guest_or(nf_guest *g) {
    OF_GUEST(g);
    if (!last_devices(g)) WRONG("nf_guest_or: expected after nf_guest_add_devices()");
    if (check_alternative(g) != NF_OK) return g->status;
    return add_alternative(g, last_devices(g));
}

nf_status nf_guest_set_property(nf_guest *g, const char *name, const char *value) {
    OF_GUEST(g);
    if (!last_devices(g)) WRONG("nf_guest_set_property: expected after nf_guest_add_devices()");
    WORDS_OK(g, "name of a property", name);
    if (value && !nf_text_ok(value)) WRONG("%s: expected text of 1 to %u bytes", name, NF_MAX_NAME);
    if (nf_not_a_property(name))
        WRONG("%s: expected a property of devices; " NF_NOT_A_PROPERTY, name);
    if (!strcmp(name, "dev_type") && value && nf_device_kind(value) == NF_ABSENT)
        WRONG("dev_type: %s, expected type-PCI, type-PF, type-VF or vdpa", value);
    nf_alternative *one = last_alternative(g);
    uint32_t key = keep(g, name), number = value ? keep(g, value) : NF_ABSENT;
    if (key == NF_ABSENT || (value && number == NF_ABSENT)) return no_memory(g);
    const nf_wish *wishes = NF_ITEMS(const nf_wish, &g->lists[NF_GUEST_WISHES]);
    for (size_t i = one->first; i < one->last; i++)
        if (wishes[i].name == key) WRONG("%s: expected each property of devices once", name);
    nf_wish *to = add(g, NF_GUEST_WISHES, sizeof *to, 1);
    if (!to) return no_memory(g);
    *to = (nf_wish){key, number};
    one->last = g->lists[NF_GUEST_WISHES].count;
    return NF_OK;
}

nf_status nf_guest_add_resource(nf_guest *g, const char *resource_class, uint32_t amount) {
    OF_GUEST(g);
    WORDS_OK(g, "resource class", resource_class);
    if (!amount || amount > INT32_MAX)
        WRONG("%s: %u units, expected 1 to %" PRId32, resource_class, amount, INT32_MAX);
    if (g->lists[NF_GUEST_RESOURCES].count == NF_MAX_RESOURCES)
        WRONG("%s: expected at most %u resource classes of a guest", resource_class,
              NF_MAX_RESOURCES);
    uint32_t name = keep(g, resource_class);
    if (name == NF_ABSENT) return no_memory(g);
    const nf_resource_row *rows = NF_ITEMS(const nf_resource_row, &g->lists[NF_GUEST_RESOURCES]);
    for (size_t i = 0; i < g->lists[NF_GUEST_RESOURCES].count; i++)
        if (rows[i].name == name) WRONG("%s: expected each resource class once", resource_class);
    nf_resource_row *row = add(g, NF_GUEST_RESOURCES, sizeof *row, 1);
    if (!row) return no_memory(g);
    *row = (nf_resource_row){name, amount};
    return NF_OK;
}

nf_status nf_guest_add_trait(nf_guest *g, const char *name, int forbidden) {
    OF_GUEST(g);
    WORDS_OK(g, "trait", name);
    uint32_t trait = keep(g, name);
    nf_trait_row *row = trait == NF_ABSENT ? NULL : add(g, NF_GUEST_TRAITS, sizeof *row, 1);
    if (!row) return no_memory(g);
    *row = (nf_trait_row){trait, forbidden != 0};
    return NF_OK;
}

nf_status nf_guest_finish(nf_guest *g, nf_claim_item *item, nf_scratch *scratch) {
    OF_GUEST(g);
    if (!item) WRONG("item: expected room for it");
    if (check_alternative(g) != NF_OK) return g->status;
    if (!nf_guest_put_together(g)) return no_memory(g);
    g->finished = true;
    *item = (nf_claim_item){.request = &g->request, .options = &g->options,
                            .generation = NF_ANY_GENERATION, .placement = &g->placement};
    if (scratch) *scratch = g->scratch;
    return NF_OK;
}
