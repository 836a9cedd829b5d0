/* PCI devices of a host become pools in nova's order: by number of properties, else as they were
 * added (nova.pci.stats.PciDeviceStats sorts them so). Equal sets of properties are one class. */
#include "build.h"

#include <string.h>

uint32_t nf_device_kind(const char *type) {
    static const struct {
        const char *type;
        uint32_t kind;
    } KINDS[] = {{"type-PCI", NF_KIND_OTHER}, {"type-PF", NF_KIND_PF}, {"type-VF", NF_KIND_VF},
                 {"vdpa", NF_KIND_VF}};
    for (size_t i = 0; i < sizeof KINDS / sizeof *KINDS; i++)
        if (!strcmp(type, KINDS[i].type)) return KINDS[i].kind;
    return NF_ABSENT;
}

bool nf_not_a_property(const char *name) {
    static const char *const NAMES[] = {"numa_node", "resource_class", "traits",
                                        "rp_uuid",   "rp_uuids",       "count"};
    for (size_t i = 0; i < sizeof NAMES / sizeof *NAMES; i++)
        if (!strcmp(name, NAMES[i])) return true;
    return false;
}

/* One more of the pool added last; false: no memory. */
static bool with_property(nf_builder *b, const char *name, const char *value) {
    nf_pool_draft *pool =
        NF_ITEMS(nf_pool_draft, &b->lists[NF_POOL_DRAFTS]) + b->lists[NF_POOL_DRAFTS].count - 1;
    uint32_t key = nf_keep_text(b, NF_KEPT_WORDS, name);
    uint32_t number = nf_keep_text(b, NF_KEPT_WORDS, value);
    uint64_t *to = nf_add_rows(b, NF_PROPERTIES, sizeof *to, 1);
    if (!to || key == NF_ABSENT || number == NF_ABSENT) return false;
    *to = (uint64_t)key << 32 | number;
    pool->n++;
    if (!strcmp(name, "address")) pool->family = number + 1;
    return true;
}

nf_status nf_builder_add_devices(nf_builder *b, const char *vendor_id, const char *product_id,
                                 const char *type, int32_t node, uint32_t count) {
    OF_HOST(b);
    TEXT(b, "vendor_id", vendor_id);
    TEXT(b, "product_id", product_id);
    if (!nf_text_ok(type) || nf_device_kind(type) == NF_ABSENT)
        REFUSE("device type %.40s: expected type-PCI, type-PF, type-VF or vdpa", type ? type : "");
    WITHIN(b, "devices", count, 0, INT32_MAX);
    nf_pool_draft *pool = nf_add_rows(b, NF_POOL_DRAFTS, sizeof *pool, 1);
    if (!pool) return nf_no_memory(b);
    *pool = (nf_pool_draft){.first = b->lists[NF_PROPERTIES].count, .node = node,
                            .kind = nf_device_kind(type), .count = count};
    b->in_devices = true;
    return with_property(b, "vendor_id", vendor_id) && with_property(b, "product_id", product_id) &&
                   with_property(b, "dev_type", type)
               ? NF_OK
               : nf_no_memory(b);
}

nf_status nf_builder_set_property(nf_builder *b, const char *name, const char *value) {
    OF_PART(b, in_devices, "nf_builder_add_devices()");
    TEXT(b, "name of a property", name);
    if (!nf_text_ok(value)) REFUSE("%s: expected text of 1 to %u bytes", name, NF_MAX_NAME);
    if (nf_not_a_property(name))
        REFUSE("%s: expected a property of devices; " NF_NOT_A_PROPERTY, name);
    uint32_t key = nf_find_text(b, NF_KEPT_WORDS, name);
    const nf_pool_draft *pool =
        NF_ITEMS(nf_pool_draft, &b->lists[NF_POOL_DRAFTS]) + b->lists[NF_POOL_DRAFTS].count - 1;
    const uint64_t *properties = NF_ITEMS(uint64_t, &b->lists[NF_PROPERTIES]) + pool->first;
    for (uint32_t i = 0; key != NF_ABSENT && i < pool->n; i++)
        if (properties[i] >> 32 == key) REFUSE("%s: expected each property of devices once", name);
    return with_property(b, name, value) ? NF_OK : nf_no_memory(b);
}

/* An order of the drafts: number of properties << 32 | draft. */
static uint64_t *order(nf_builder *b, const nf_pool_draft *drafts, size_t n) {
    b->lists[NF_ORDER].count = 0;
    uint64_t *by = nf_add_rows(b, NF_ORDER, sizeof *by, n);
    if (!by) return NULL;
    for (size_t i = 0; i < n; i++) by[i] = (uint64_t)drafts[i].n << 32 | i;
    nf_sort(by, n);
    return by;
}

/* The number of a node and of properties, as one string of bytes. */
static uint32_t class_of(nf_builder *b, const nf_pool_draft *draft) {
    uint64_t *properties = NF_ITEMS(uint64_t, &b->lists[NF_PROPERTIES]) + draft->first;
    b->lists[NF_DRAFT].count = 0;
    uint64_t *bytes = nf_add_rows(b, NF_DRAFT, sizeof *bytes, draft->n + (size_t)1);
    if (!bytes) return NF_ABSENT;
    nf_sort(properties, draft->n);
    bytes[0] = draft->node < 0 ? UINT64_MAX : (uint64_t)draft->node;
    memcpy(bytes + 1, properties, draft->n * sizeof *bytes);
    return nf_kept_add(&b->memory, &b->kept[NF_KEPT_CLASSES], bytes,
                       (draft->n + (size_t)1) * sizeof *bytes);
}

static int32_t cell_of(const nf_builder *b, int32_t node) {
    const nf_cell_row *cells = NF_ITEMS(const nf_cell_row, &b->lists[NF_CELLS]);
    size_t first = nf_ended_cells(b), n = b->lists[NF_CELLS].count - first;
    if (node < 0) return NF_POOL_ANYWHERE;
    for (size_t i = 0; i < n; i++)
        if (cells[first + i].id == node) return (int32_t)i;
    return NF_POOL_ELSEWHERE;
}

nf_status nf_end_devices(nf_builder *b) {
    const nf_list *list = &b->lists[NF_POOL_DRAFTS];
    const nf_pool_draft *drafts = NF_ITEMS(const nf_pool_draft, list);
    size_t n = list->count, first = b->lists[NF_POOLS].count;
    if (!n) return NF_OK;
    if (n > INT32_MAX - first)
        REFUSE("devices: expected at most %" PRId32 " pools in a fleet", INT32_MAX);
    uint64_t *by = order(b, drafts, n);
    nf_pool_row *pools = by ? nf_add_rows(b, NF_POOLS, sizeof *pools, n) : NULL;
    if (!pools) return nf_no_memory(b);
    for (size_t i = 0; i < n; i++) {
        const nf_pool_draft *draft = &drafts[(uint32_t)by[i]];
        pools[i] = (nf_pool_row){.class = class_of(b, draft), .kind = draft->kind,
                                 .family = draft->family, .cell = cell_of(b, draft->node),
                                 .count = (int32_t)draft->count};
        if (pools[i].class == NF_ABSENT) return nf_no_memory(b);
    }
    return NF_OK;
}
