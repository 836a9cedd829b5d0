/*
 * How are the CPUs of a cell numbered? Core by core, in the host's own order; then dedicated and
 * pinned CPUs that stand in no core. Equal layouts are kept once. numafit.columns.layouts numbers
 * them alike.
 */
#include "build.h"
#include "engine.h"

#define MOST_LISTED (NF_MAX_SLOTS - NF_MAX_CELL_CPUS) /* slots of cores: all others still fit */

static uint32_t id_of(uint64_t cpu) { return (uint32_t)(cpu >> 32); }
static uint32_t core_of(uint64_t cpu) { return ((uint32_t)cpu >> 3) - 1; } /* NF_ABSENT: none */
static uint32_t uses_of(uint64_t cpu) { return (uint32_t)cpu & 7u; }
static bool loose(uint64_t cpu) {
    return core_of(cpu) == NF_ABSENT && uses_of(cpu) & (NF_CPUS_DEDICATED | NF_CPUS_PINNED);
}

/* Sorts the CPUs and makes one of those that were named twice. */
static nf_status merge(nf_builder *b) {
    nf_list *list = &b->lists[NF_CPUS];
    uint64_t *cpus = NF_ITEMS(uint64_t, list);
    size_t kept = 0;
    nf_sort(cpus, list->count);
    for (size_t i = 0; i < list->count; i++) {
        uint64_t cpu = cpus[i];
        if (!kept || id_of(cpus[kept - 1]) != id_of(cpu)) {
            cpus[kept++] = cpu;
            continue;
        }
        uint32_t before = core_of(cpus[kept - 1]), core = core_of(cpu);
        if (before != core && before != NF_ABSENT && core != NF_ABSENT)
            return nf_refuse_host(b, NF_EINVAL,
                                  "CPU %u: stands in cores %u and %u, expected each core's "
                                  "threads once", id_of(cpu), before, core);
        cpus[kept - 1] = nf_cpu_of(id_of(cpu), core == NF_ABSENT ? before : core,
                                   uses_of(cpus[kept - 1]) | uses_of(cpu));
    }
    list->count = kept;
    if (kept > NF_MAX_CELL_CPUS)
        return nf_refuse_host(b, NF_EINVAL, "%zu CPUs: expected at most %u in a cell", kept,
                              NF_MAX_CELL_CPUS);
    return NF_OK;
}

/* Where no cores are known, each CPU is one. */
static void cores_of_one(nf_builder *b) {
    uint64_t *cpus = NF_ITEMS(uint64_t, &b->lists[NF_CPUS]);
    for (size_t i = 0; i < b->lists[NF_CPUS].count; i++)
        cpus[i] = nf_cpu_of(id_of(cpus[i]), b->n_cores++, uses_of(cpus[i]));
}

/* What there is to be numbered. fill: threads of each core, counted here and zeroed again. */
static nf_layout measure(const nf_builder *b, uint64_t *fill) {
    const nf_list *list = &b->lists[NF_CPUS];
    const uint64_t *cpus = NF_ITEMS(const uint64_t, list);
    nf_layout l = {.n_cores = b->n_cores, .same_sets = 1};
    uint32_t n_loose = 0;
    for (size_t i = 0; i < list->count; i++) {
        bool shared = uses_of(cpus[i]) & NF_CPUS_SHARED, own = uses_of(cpus[i]) & NF_CPUS_DEDICATED;
        l.n_shared += shared;
        l.n_dedicated += own;
        if (shared != own) l.same_sets = 0;
        n_loose += loose(cpus[i]);
        if (core_of(cpus[i]) == NF_ABSENT) continue;
        uint32_t threads = (uint32_t)++fill[core_of(cpus[i])];
        if (threads > l.threads) l.threads = threads;
    }
    for (uint32_t core = 0; core < l.n_cores; core++) fill[core] = 0;
    while (1u << l.shift < l.threads) l.shift++;
    l.n_slots = (l.n_cores << l.shift) + n_loose;
    l.n_words = nf_words_for(l.n_slots);
    return l;
}

/* Every CPU gets its slot: in the layout's lists, and in the mask of those that are pinned. */
static void number(const nf_builder *b, nf_layout *l, uint64_t *fill, nf_word *pinned) {
    const nf_list *list = &b->lists[NF_CPUS];
    const uint64_t *cpus = NF_ITEMS(const uint64_t, list);
    nf_word *dedicated = (nf_word *)(void *)(l + 1);
    int32_t *ids = (int32_t *)(void *)(dedicated + l->n_words);
    uint32_t *shared = (uint32_t *)(void *)(ids + l->n_slots);
    uint32_t next_loose = l->n_cores << l->shift;
    for (uint32_t slot = 0; slot < l->n_slots; slot++) ids[slot] = -1;
    for (size_t i = 0; i < list->count; i++) {
        uint32_t core = core_of(cpus[i]), uses = uses_of(cpus[i]), slot;
        if (uses & NF_CPUS_SHARED) *shared++ = id_of(cpus[i]);
        if (core != NF_ABSENT)
            slot = (core << l->shift) + (uint32_t)fill[core]++;
        else if (loose(cpus[i]))
            slot = next_loose++;
        else
            continue; /* only floated over */
        ids[slot] = (int32_t)id_of(cpus[i]);
        if (uses & NF_CPUS_DEDICATED) nf_bit_set(dedicated, slot);
        if (uses & NF_CPUS_PINNED) nf_bit_set(pinned, slot);
    }
}

nf_status nf_end_cell(nf_builder *b) {
    b->of_cell = true;
    if (merge(b) != NF_OK) return b->status;
    if (!b->n_cores) cores_of_one(b);
    b->lists[NF_ORDER].count = b->lists[NF_DRAFT].count = 0;
    uint64_t *fill = nf_add_rows(b, NF_ORDER, sizeof *fill, b->n_cores);
    if (!fill) return nf_no_memory(b);
    nf_layout sizes = measure(b, fill);
    if ((uint64_t)sizes.n_cores << sizes.shift > MOST_LISTED)
        return nf_refuse_host(b, NF_EINVAL, "%u cores: expected fewer beside one of %u threads",
                              sizes.n_cores, sizes.threads);
    size_t bytes = sizeof sizes + sizes.n_words * sizeof(nf_word) +
                   ((size_t)sizes.n_slots + sizes.n_shared) * sizeof(int32_t);
    nf_layout *l = nf_add_rows(b, NF_DRAFT, sizeof(nf_word), bytes / sizeof(nf_word) + 1);
    nf_cell_row *cell = nf_last_cell(b);
    cell->mask_at = b->lists[NF_MASKS].count;
    nf_word *pinned = nf_add_rows(b, NF_MASKS, sizeof *pinned, sizes.n_words);
    if (!l || !pinned) return nf_no_memory(b);
    *l = sizes;
    number(b, l, fill, pinned);
    cell->layout = nf_kept_add(&b->memory, &b->kept[NF_KEPT_LAYOUTS], l, bytes);
    if (cell->layout == NF_ABSENT) return nf_no_memory(b);
    b->lists[NF_CPUS].count = 0;
    b->in_cell = b->of_cell = false;
    return NF_OK;
}
