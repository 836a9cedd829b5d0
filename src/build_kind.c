/* By what do requests choose a host, whatever is free on it? Its traits, and how many units of its
 * inventories a guest may get. Equal ones are kept once. */
#include "build.h"

#include <math.h>
#include <string.h>

#include "fleet_check.h"

#define UNIT_WORDS (sizeof(nf_unit) / sizeof(uint32_t))

#define MOST_UNITS INT32_MAX /* placement keeps them in 32 bits */

nf_status nf_builder_add_inventory(nf_builder *b, const char *resource_class, int64_t total,
                                   int64_t reserved, double ratio, int64_t used) {
    OF_HOST(b);
    TEXT(b, "resource class", resource_class);
    if (total < 0 || total > MOST_UNITS || reserved < 0 || reserved > MOST_UNITS || used < 0 ||
        used > MOST_UNITS)
        REFUSE("%s: expected a total, reserved and used units of 0 to %" PRId32, resource_class,
               MOST_UNITS);
    if (!(ratio >= 0.0) || !isfinite(ratio))
        REFUSE("%s: allocation ratio %g, expected 0 or more", resource_class, ratio);
    uint32_t resource = nf_keep_text(b, NF_KEPT_RESOURCES, resource_class);
    if (resource == NF_ABSENT) return nf_no_memory(b);
    if (resource >= NF_MOST_RESOURCES)
        REFUSE("%s: expected at most %u resource classes in a fleet", resource_class,
               NF_MOST_RESOURCES);
    nf_list *rows = &b->lists[NF_INVENTORIES];
    for (size_t i = b->marks[NF_INVENTORIES]; i < rows->count; i++)
        if (NF_ITEMS(nf_inventory_row, rows)[i].resource == resource)
            REFUSE("%s: expected each resource class once", resource_class);
    nf_inventory_row *row = nf_add_rows(b, NF_INVENTORIES, sizeof *row, 1);
    if (!row) return nf_no_memory(b);
    double limit = (double)(total - reserved) * ratio; /* as a whole number: rounded down */
    *row = (nf_inventory_row){
        .host = (uint32_t)b->marks[NF_HOSTS], .resource = resource, .min = 1, .max = MOST_UNITS,
        .step = 1, .used = used,
        .limit = limit < 0.0 ? 0 : limit > (double)NF_MAX_AMOUNT ? NF_MAX_AMOUNT : (int64_t)limit};
    b->in_inventory = true;
    return NF_OK;
}

nf_status nf_builder_set_units(nf_builder *b, uint32_t min, uint32_t max, uint32_t step) {
    OF_PART(b, in_inventory, "nf_builder_add_inventory()");
    WITHIN(b, "min of units", min, 1, MOST_UNITS);
    WITHIN(b, "max of units", max, 1, MOST_UNITS);
    WITHIN(b, "step of units", step, 1, MOST_UNITS);
    nf_list *rows = &b->lists[NF_INVENTORIES];
    nf_inventory_row *row = NF_ITEMS(nf_inventory_row, rows) + rows->count - 1;
    row->min = min;
    row->max = max;
    row->step = step;
    return NF_OK;
}

nf_status nf_builder_add_trait(nf_builder *b, const char *name) {
    OF_HOST(b);
    TEXT(b, "trait", name);
    uint32_t number = nf_keep_text(b, NF_KEPT_WORDS, name);
    uint64_t *to = number == NF_ABSENT ? NULL : nf_add_rows(b, NF_TRAITS, sizeof *to, 1);
    if (!to) return nf_no_memory(b);
    *to = number;
    return NF_OK;
}

static size_t once(uint64_t *values, size_t n) {
    size_t kept = 0;
    nf_sort(values, n);
    for (size_t i = 0; i < n; i++)
        if (!kept || values[kept - 1] != values[i]) values[kept++] = values[i];
    return kept;
}

nf_status nf_end_kind(nf_builder *b, uint32_t *number) {
    const nf_list *list = &b->lists[NF_INVENTORIES];
    const nf_inventory_row *rows = NF_ITEMS(const nf_inventory_row, list);
    size_t first = b->marks[NF_INVENTORIES], n_units = list->count - first;
    uint64_t *traits = NF_ITEMS(uint64_t, &b->lists[NF_TRAITS]);
    size_t n_traits = once(traits, b->lists[NF_TRAITS].count);
    b->lists[NF_ORDER].count = b->lists[NF_DRAFT].count = 0;
    uint64_t *by = nf_add_rows(b, NF_ORDER, sizeof *by, n_units);
    size_t words = 2 + n_units * UNIT_WORDS + n_traits;
    uint32_t *to = nf_add_rows(b, NF_DRAFT, sizeof(uint64_t), words / 2 + 1);
    if (!by || !to) return nf_no_memory(b);
    to[0] = (uint32_t)n_units;
    to[1] = (uint32_t)n_traits;
    for (size_t i = 0; i < n_units; i++)
        by[i] = (uint64_t)rows[first + i].resource << 32 | i;
    nf_sort(by, n_units);
    for (size_t i = 0; i < n_units; i++) {
        const nf_inventory_row *row = &rows[first + (uint32_t)by[i]];
        nf_unit unit = {row->resource, row->min, row->max, row->step};
        memcpy(to + 2 + i * UNIT_WORDS, &unit, sizeof unit);
    }
    for (size_t i = 0; i < n_traits; i++) to[2 + n_units * UNIT_WORDS + i] = (uint32_t)traits[i];
    *number = nf_kept_add(&b->memory, &b->kept[NF_KEPT_KINDS], to, words * sizeof *to);
    return *number == NF_ABSENT ? nf_no_memory(b) : NF_OK;
}

nf_kind nf_kind_at(const nf_builder *b, uint32_t number) {
    const uint32_t *from = nf_kept_at(&b->kept[NF_KEPT_KINDS], number, NULL);
    nf_kind kind = {.n_units = from[0], .n_traits = from[1],
                    .units = (const nf_unit *)(const void *)(from + 2)};
    kind.traits = (const uint32_t *)(kind.units + kind.n_units);
    return kind;
}
