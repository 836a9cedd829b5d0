/* What was said of a guest becomes a request, with room for what calls write; and refusals of that
 * request in words. */
#include <string.h>

#include "arena.h"
#include "build_guest.h"
#include "engine.h"
#include "fit.h"

/* Everything that a request points to, cut out of one block. */
typedef struct parts {
    nf_guest_cell *cells;
    uint32_t *nets;
    nf_pci_request *pci;
    nf_word *masks;
    nf_resource *resources;
    nf_word *kinds;
} parts;

static size_t lay_out_request(const nf_guest *g, parts *p, void *memory) {
    nf_arena a = {memory, 0};
    size_t words = nf_words_for(g->fleet->n_classes);
    p->cells = nf_carve(&a, g->lists[NF_GUEST_CELLS].count, sizeof *p->cells);
    p->nets = nf_carve(&a, g->lists[NF_GUEST_NETS].count, sizeof *p->nets);
    p->pci = nf_carve(&a, g->lists[NF_GUEST_DEVICES].count, sizeof *p->pci);
    p->masks = nf_carve(&a, 2 * words * g->lists[NF_GUEST_DEVICES].count, sizeof *p->masks);
    p->resources = nf_carve(&a, g->lists[NF_GUEST_RESOURCES].count, sizeof *p->resources);
    p->kinds = nf_carve(&a, nf_words_for(g->fleet->n_host_classes), sizeof *p->kinds);
    return a.used;
}

static void fill_devices(const nf_guest *g, const parts *p) {
    const nf_devices_row *rows = NF_ITEMS(const nf_devices_row, &g->lists[NF_GUEST_DEVICES]);
    uint32_t n_classes = g->fleet->n_classes;
    nf_word *masks = p->masks;
    for (size_t i = 0; i < g->lists[NF_GUEST_DEVICES].count; i++) {
        nf_word *matches = masks, *usable = masks + nf_words_for(n_classes);
        masks = usable + nf_words_for(n_classes);
        for (uint32_t class = 0; class < n_classes; class++) {
            if (!nf_class_matches(g, &rows[i], class)) continue;
            nf_bit_set(matches, class);
            if (nf_class_usable(g, &rows[i], class)) nf_bit_set(usable, class);
        }
        p->pci[i] = (nf_pci_request){.count = rows[i].count, .policy = rows[i].policy,
                                     .matches = matches, .usable = usable};
    }
}

/* Units of the classes that some host has; false: kinds names the hosts that will do. */
static bool fill_resources(const nf_guest *g, const parts *p, uint32_t *count) {
    const nf_resource_row *rows = NF_ITEMS(const nf_resource_row, &g->lists[NF_GUEST_RESOURCES]);
    bool all = true;
    const char *name;
    *count = 0;
    for (size_t i = 0; i < g->lists[NF_GUEST_RESOURCES].count; i++) {
        uint32_t number = nf_find_text(g->b, NF_KEPT_RESOURCES, nf_word_of(g, rows[i].name));
        if (number != NF_ABSENT) p->resources[(*count)++] = (nf_resource){number, rows[i].amount};
    }
    uint32_t kinds = g->b ? nf_kept_count(&g->b->kept[NF_KEPT_KINDS]) : 0;
    for (uint32_t kind = 0; kind < kinds; kind++) {
        if (nf_kind_lacks(g, kind, &name))
            all = false;
        else
            nf_bit_set(p->kinds, kind);
    }
    return all;
}

static void fill_request(nf_guest *g, const parts *p) {
    const nf_list *lists = g->lists, *cells = &lists[NF_GUEST_CELLS], *nets = &lists[NF_GUEST_NETS];
    if (cells->count) memcpy(p->cells, cells->items, cells->count * sizeof *p->cells);
    if (nets->count) memcpy(p->nets, nets->items, nets->count * sizeof *p->nets);
    fill_devices(g, p);
    g->request = (nf_request){
        .abi = NF_ABI_VERSION, .fleet = g->fleet->identity, .emulator_isolated = g->isolated,
        .n_cells = (uint32_t)cells->count, .cells = p->cells,
        .n_nets = (uint32_t)nets->count, .nets = p->nets,
        .n_pci = (uint32_t)lists[NF_GUEST_DEVICES].count, .pci = p->pci,
        .resources = p->resources};
    if (!fill_resources(g, p, &g->request.n_resources)) g->request.host_classes = p->kinds;
}

/* Room for what calls write: a placement, and scratch memory. */
static size_t lay_out_room(nf_guest *g, nf_arena *a) {
    const nf_fleet *f = g->fleet;
    size_t fit = nf_fit_bytes(f, &g->request), capacity = nf_capacity_bytes(f, &g->request);
    nf_placement_lay_out(&g->placement, g->request.n_cells, nf_max_slots(&g->request),
                         g->request.n_pci ? nf_max_draws(f, &g->request) : 0, a);
    g->scratch.bytes = fit > capacity ? fit : capacity;
    g->scratch.memory = nf_carve(a, g->scratch.bytes, 1);
    return a->used;
}


bool nf_guest_put_together(nf_guest *g) {
    parts p;
    nf_arena counted = {NULL, 0};
    size_t bytes = lay_out_request(g, &p, NULL);
    g->said = g->memory.allocate(g->memory.context, bytes);
    if (!g->said) return false;
    memset(g->said, 0, bytes);
    lay_out_request(g, &p, g->said);
    fill_request(g, &p);
    g->room = g->memory.allocate(g->memory.context, lay_out_room(g, &counted));
    if (!g->room) return false;
    nf_arena laid = {g->room, 0};
    lay_out_room(g, &laid);
    return true;
}

void nf_guest_take_apart(nf_guest *g) {
    if (g->said) g->memory.release(g->memory.context, g->said);
    if (g->room) g->memory.release(g->memory.context, g->room);
    g->said = g->room = NULL;
}

static void say_name(nf_guest *g, int set, uint32_t number) {
    if (g->b && number < nf_kept_count(&g->b->kept[set]))
        nf_say(&g->error, "%s: ", nf_text_at(g->b, set, number));
}

/* What the reason is about; nothing: the guest as a whole. */
static void say_subject(nf_guest *g, const nf_reason *why) {
    uint32_t detail = (uint32_t)why->detail;
    switch (why->status) {
    case NF_RESOURCE: say_name(g, NF_KEPT_RESOURCES, detail); return;
    case NF_PHYSNET: say_name(g, NF_KEPT_NETS, detail - 1 - NF_TUNNEL_NET); return;
    case NF_PCI_DEVICES: case NF_PCI_NUMA:
        nf_say(&g->error, "device request %u: ", detail);
        return;
    case NF_PAGE_SIZE: case NF_PAGE_MULTIPLE: case NF_PAGES: case NF_PAGES_TOTAL:
        if (why->detail > 0) nf_say(&g->error, "pages of %u KiB: ", detail);
        return;
    default: return;
    }
}

/* Of what is wanted and there; NULL: the status says all. */
static const char *unit_of(int32_t status) {
    switch (status) {
    case NF_PAGES: case NF_PAGES_TOTAL: return " KiB";
    case NF_MEMORY: case NF_MEMORY_TOTAL: case NF_MEMORY_LIMIT: return " MiB";
    case NF_NO_TOPOLOGY: case NF_HOST_CLASS: case NF_PAGE_SIZE: case NF_PAGE_MULTIPLE:
    case NF_PINNED_EMPTY: case NF_ISOLATE_SHARED: case NF_ISOLATE_EMPTY: case NF_REQUIRE_NO_SMT:
    case NF_EMULATOR_CPU: case NF_EMULATOR_EMPTY: case NF_PHYSNET: case NF_TUNNEL:
    case NF_PCI_TOGETHER: case NF_TOGETHER: case NF_UNDECIDED: case NF_STALE: case NF_REMOVED:
        return NULL;
    default: return "";
    }
}

const char *nf_guest_why(nf_guest *g, const nf_reason *why) {
    const char *name, *lacks = NULL;
    if (!g || !why) return "";
    g->error.used = 0;
    say_subject(g, why);
    if (why->status == NF_HOST_CLASS && g->b &&
        (uint32_t)why->detail < nf_kept_count(&g->b->kept[NF_KEPT_KINDS]))
        lacks = nf_kind_lacks(g, (uint32_t)why->detail, &name);
    if (lacks)
        nf_say(&g->error, "%s: %s", name, lacks);
    else
        nf_say(&g->error, "%s", nf_status_text(why->status));
    const char *unit = unit_of(why->status);
    if (unit && (why->wanted || why->available))
        nf_say(&g->error, ": %" PRId64 "%s wanted, %" PRId64 "%s there", why->wanted, unit,
               why->available, unit);
    return g->error.text;
}
