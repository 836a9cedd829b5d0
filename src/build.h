/*
 * What a builder holds: the fleet so far in rows, and the host that is being described in drafts.
 * Rows of a host that is refused are cut off again.
 */
#ifndef NF_BUILD_H
#define NF_BUILD_H

#include <inttypes.h>

#include "kept.h"

typedef struct nf_host_row {
    double cpu_ratio, ram_ratio;
    uint64_t distance_at;
    uint32_t end_cell, end_pool;
    uint32_t kind;
} nf_host_row;

typedef struct nf_cell_row {
    int32_t id, socket;
    uint32_t layout;
    uint64_t mask_at;
    int64_t memory, memory_used, cpu_used;
} nf_cell_row;

typedef struct nf_page_row {
    uint32_t cell, size; /* size: its number in NF_KEPT_PAGE_SIZES */
    int32_t total, used, free;
} nf_page_row;

typedef struct nf_near_row {
    uint32_t cell, net;
} nf_near_row;

typedef struct nf_inventory_row {
    uint32_t host, resource;
    uint32_t min, max, step;
    int64_t limit, used;
} nf_inventory_row;

typedef struct nf_pool_row {
    uint32_t class, family, kind;
    int32_t cell, count;
} nf_pool_row;

/* A pool before its host is complete; its properties stand in NF_PROPERTIES. */
typedef struct nf_pool_draft {
    size_t first;
    uint32_t n;
    uint32_t family; /* 0, or the number of its address in NF_KEPT_WORDS + 1 */
    uint32_t kind, count;
    int32_t node;
} nf_pool_draft;

enum {
    /* rows, in the order of hosts */
    NF_HOSTS, NF_CELLS, NF_PAGE_ROWS, NF_NEAR, NF_INVENTORIES, NF_POOLS, NF_MASKS, NF_DISTANCES,
    NF_MATRICES,   /* where each of NF_KEPT_MATRICES begins in NF_DISTANCES */
    /* drafts of the host, and of its last cell; never longer than one host asks */
    NF_CPUS,       /* nf_cpu_of() ... */
    NF_PROPERTIES, /* pool after pool: name << 32 | value, both in NF_KEPT_WORDS */
    NF_POOL_DRAFTS, NF_TRAITS,
    NF_ORDER,      /* what is being sorted, counted, or put together */
    NF_DRAFT,
    NF_LISTS
};

enum {
    NF_KEPT_NAMES,      /* of hosts */
    NF_KEPT_LAYOUTS,    /* an nf_layout, and what NF_LAYOUT_* find behind it */
    NF_KEPT_PAGE_SIZES, /* uint32_t KiB */
    NF_KEPT_NETS,       /* physnets: network 1 and on */
    NF_KEPT_RESOURCES,
    NF_KEPT_WORDS,      /* names and values of properties, traits */
    NF_KEPT_CLASSES,    /* of pools: the node, then properties in the order of their names */
    NF_KEPT_KINDS,      /* of hosts: nf_kind_at() */
    NF_KEPT_MATRICES,   /* distances */
    NF_KEPT_SETS
};

/* A layout: what nf_layout says, its words, its CPU ids, then the ids of its shared CPUs. */
#define NF_LAYOUT_WORDS(layout) ((const uint64_t *)(const void *)((layout) + 1))
#define NF_LAYOUT_CPUS(layout) \
    ((const int32_t *)(const void *)(NF_LAYOUT_WORDS(layout) + (layout)->n_words))

typedef struct nf_unit {
    uint32_t resource, min, max, step;
} nf_unit;

/* A kind of host: units of its inventories, then its traits, each in ascending order. */
typedef struct nf_kind {
    uint32_t n_units, n_traits;
    const nf_unit *units;
    const uint32_t *traits;
} nf_kind;

struct nf_builder {
    nf_allocator memory;
    nf_list lists[NF_LISTS];
    nf_kept kept[NF_KEPT_SETS];
    size_t marks[NF_LISTS];         /* what of the rows is hosts' that are complete */
    uint32_t kept_marks[NF_KEPT_SETS];
    nf_line error;
    nf_line host;                   /* the name of the one that is described */
    nf_status status;               /* of the host */
    bool in_host, in_cell, in_devices, in_inventory, finished;
    bool of_cell;                   /* is an error the last cell's? */
    uint32_t n_cores;               /* of the cell */
    uint32_t matrix_cells;          /* of the host; NF_ABSENT: no distances */
    uint32_t max_cells, max_pools;
    nf_fleet fleet;
    nf_shared shared;
    void *slab; /* columns and locks */
};

/* Writes down what is wrong with the host, and takes all of it out of the fleet. */
__attribute__((format(printf, 3, 4)))
nf_status nf_refuse_host(nf_builder *b, nf_status status, const char *format, ...);
nf_status nf_no_memory(nf_builder *b);

/* May something be said of the host, or of this part of it? call: whose name an error gives. */
nf_status nf_of_host(nf_builder *b, const char *call);
nf_status nf_of_part(nf_builder *b, const char *call, bool there, const char *part);

/* How calls begin, and what they do with a value that is wrong. */
#define OF_HOST(b)                                                         \
    do {                                                                   \
        nf_status ready = nf_of_host(b, __func__);                         \
        if (ready != NF_OK) return ready;                                  \
    } while (0)
#define OF_PART(b, part, after)                                            \
    do {                                                                   \
        nf_status ready = nf_of_part(b, __func__, (b) && (b)->part, after); \
        if (ready != NF_OK) return ready;                                  \
    } while (0)
#define OF_CELL(b)                                                         \
    do {                                                                   \
        OF_PART(b, in_cell, "nf_builder_add_cell()");                      \
        (b)->of_cell = true;                                               \
    } while (0)

#define REFUSE(...) return nf_refuse_host(b, NF_EINVAL, __VA_ARGS__)
#define WITHIN(b, key, value, low, high)                                              \
    do {                                                                              \
        int64_t is = (value), least = (low), greatest = (high);                          \
        if (is < least || is > greatest)                                                 \
            REFUSE("%s: %" PRId64 ", expected %" PRId64 " to %" PRId64, key, is, least, greatest); \
    } while (0)
#define TEXT(b, key, text)                                                                    \
    do {                                                                                      \
        if (!nf_text_ok(text)) REFUSE("%s: expected text of 1 to %u bytes", key, NF_MAX_NAME); \
    } while (0)

static inline void *nf_add_rows(nf_builder *b, int list, size_t size, size_t count) {
    return nf_list_add(&b->memory, &b->lists[list], size, count);
}

static inline nf_cell_row *nf_last_cell(nf_builder *b) {
    return NF_ITEMS(nf_cell_row, &b->lists[NF_CELLS]) + b->lists[NF_CELLS].count - 1;
}

static inline uint32_t nf_ended_cells(const nf_builder *b) {
    return (uint32_t)b->marks[NF_CELLS];
}

/* build_cell.c: a CPU as it was named, with its core (NF_ABSENT: none was named), in a form that
 * sorts by CPU id. */
static inline uint64_t nf_cpu_of(uint32_t id, uint32_t core, uint32_t uses) {
    return (uint64_t)id << 32 | (uint64_t)(core + 1u) << 3 | uses;
}
/* All has been said of the cell: its layout and its mask. */
nf_status nf_end_cell(nf_builder *b);

/* build_devices.c: all has been said of the host: its pools in nova's order. */
nf_status nf_end_devices(nf_builder *b);
/* NF_ABSENT: no such type of device. */
uint32_t nf_device_kind(const char *type);
/* What has a place of its own here, or is placement's to match. */
bool nf_not_a_property(const char *name);
#define NF_NOT_A_PROPERTY                                                              \
    "nodes are arguments, and providers, resource classes and traits of devices are " \
    "not matched here"

/* build_kind.c: by what do requests choose the host? */
nf_status nf_end_kind(nf_builder *b, uint32_t *number);
nf_kind nf_kind_at(const nf_builder *b, uint32_t number);

/* Text that is not empty and not too long. */
bool nf_text_ok(const char *text);
/* The number of a text; NF_ABSENT: no memory. */
uint32_t nf_keep_text(nf_builder *b, int set, const char *text);
uint32_t nf_find_text(const nf_builder *b, int set, const char *text);
static inline const char *nf_text_at(const nf_builder *b, int set, uint32_t number) {
    return nf_kept_at(&b->kept[set], number, NULL);
}

#endif
