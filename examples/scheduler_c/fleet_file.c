/* Reads a fleet: a word for the column, how many values it has, then the values. */
#include "fleet_file.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COLUMN(field, kind, per) {#field, kind, per, offsetof(nf_fleet, field)}

typedef enum kind { U32, I32, U64, I64, F64, LAYOUT } kind;

/* how many values a column must have; SPARE: whatever others point into */
typedef enum per { HOST, HOST_EDGE, CELL, CELL_NET, CELL_PAGE, CELL_CORE, POOL, SHAPE, SIZE, SPARE } per;

static const size_t size_of[] = {4, 4, 8, 8, 8, sizeof(nf_layout)};

static const struct column {
    const char *name;
    kind kind;
    per per;
    size_t at; /* of the pointer in nf_fleet */
} columns[] = {
    COLUMN(host_first_cell, U32, HOST_EDGE), COLUMN(host_cpu_ratio, F64, HOST),
    COLUMN(host_ram_ratio, F64, HOST), COLUMN(host_distance_at, U64, HOST),
    COLUMN(host_generation, U64, HOST), COLUMN(cell_id, I32, CELL),
    COLUMN(cell_socket, I32, CELL), COLUMN(cell_layout, U32, CELL),
    COLUMN(cell_mask_at, U64, CELL), COLUMN(cell_memory, I64, CELL),
    COLUMN(cell_page_sizes, U32, CELL), COLUMN(cell_nets, U64, CELL_NET),
    COLUMN(pages_total, I32, CELL_PAGE), COLUMN(cell_memory_used, I64, CELL),
    COLUMN(cell_cpu_used, I64, CELL), COLUMN(pages_used, I32, CELL_PAGE),
    COLUMN(pinned, U64, SPARE), COLUMN(cell_free, I32, CELL), COLUMN(cell_cores, I32, CELL_CORE),
    COLUMN(pages_free, I32, CELL_PAGE), COLUMN(cell_cpu_room, I32, CELL),
    COLUMN(cell_memory_room, I32, CELL), COLUMN(cell_devices, I64, CELL),
    COLUMN(host_first_pool, U32, HOST_EDGE), COLUMN(pool_class, U32, POOL),
    COLUMN(pool_cell, I32, POOL), COLUMN(pool_provider, U32, POOL),
    COLUMN(pool_family, U32, POOL), COLUMN(pool_kind, U32, POOL), COLUMN(pool_count, I32, POOL),
    COLUMN(pool_taken, I32, POOL), COLUMN(pool_hidden, I32, POOL), COLUMN(layouts, LAYOUT, SHAPE),
    COLUMN(layout_words, U64, SPARE), COLUMN(layout_cpus, I32, SPARE),
    COLUMN(page_kib, U32, SIZE), COLUMN(distances, I32, SPARE),
};
enum { N_COLUMNS = sizeof columns / sizeof *columns };

static const struct count {
    const char *name;
    size_t at;
} counts[] = {
    {"n_hosts", offsetof(nf_fleet, n_hosts)},
    {"n_cells", offsetof(nf_fleet, n_cells)},
    {"n_layouts", offsetof(nf_fleet, n_layouts)},
    {"n_page_sizes", offsetof(nf_fleet, n_page_sizes)},
    {"max_threads", offsetof(nf_fleet, max_threads)},
    {"max_cells", offsetof(nf_fleet, max_cells)},
    {"max_words", offsetof(nf_fleet, max_words)},
    {"net_words", offsetof(nf_fleet, net_words)},
    {"n_pools", offsetof(nf_fleet, n_pools)},
    {"max_pools", offsetof(nf_fleet, max_pools)},
    {"n_classes", offsetof(nf_fleet, n_classes)},
};
enum { N_COUNTS = sizeof counts / sizeof *counts };

static int fail(const char *path, const char *name, const char *expected) {
    fprintf(stderr, "%s: %s: expected %s\n", path, name, expected);
    return -1;
}

static void **pointer_of(nf_fleet *fleet, const struct column *column) {
    return (void **)((char *)fleet + column->at);
}

static int read_value(FILE *in, kind k, char *to) {
    switch (k) {
    case U32: return fscanf(in, "%" SCNu32, (uint32_t *)(void *)to) == 1;
    case I32: return fscanf(in, "%" SCNd32, (int32_t *)(void *)to) == 1;
    case U64: return fscanf(in, "%" SCNu64, (uint64_t *)(void *)to) == 1;
    case I64: return fscanf(in, "%" SCNd64, (int64_t *)(void *)to) == 1;
    case F64: return fscanf(in, "%lf", (double *)(void *)to) == 1;
    default: break;
    }
    nf_layout *l = (nf_layout *)(void *)to;
    return fscanf(in, "%" SCNu32 "%" SCNu32 "%" SCNu32 "%" SCNu32 "%" SCNu32 "%" SCNu32 "%" SCNu32
                      "%" SCNu32 "%" SCNu64 "%" SCNu64,
                  &l->shift, &l->threads, &l->n_cores, &l->n_slots, &l->n_shared, &l->n_dedicated,
                  &l->same_sets, &l->n_words, &l->mask_at, &l->cpu_at) == 10;
}

static int read_column(FILE *in, const char *path, nf_fleet *fleet, const struct column *column,
                       size_t n) {
    size_t size = size_of[column->kind];
    void **to = pointer_of(fleet, column);
    free(*to);
    /* one more than needed, so that an empty column is no null pointer */
    if (n > SIZE_MAX / size - 1 || !(*to = calloc(n + 1, size)))
        return fail(path, column->name, "a number of values that fits into memory");
    for (size_t i = 0; i < n; i++)
        if (!read_value(in, column->kind, (char *)*to + i * size))
            return fail(path, column->name, "as many numbers as it says");
    return 0;
}

static int read_names(FILE *in, const char *path, fleet_file *out, size_t n) {
    char name[256];
    if (out->names || n != out->fleet.n_hosts || !(out->names = calloc(n + 1, sizeof(char *))))
        return fail(path, "names", "one name a host, behind n_hosts");
    for (size_t i = 0; i < n; i++)
        if (fscanf(in, "%255s", name) != 1 || !(out->names[i] = strdup(name)))
            return fail(path, "names", "one name a host");
    return 0;
}

static int read_entry(FILE *in, const char *path, fleet_file *out, const char *word, size_t n,
                      size_t *lengths) {
    if (!strcmp(word, "names")) return read_names(in, path, out, n);
    for (int i = 0; i < N_COUNTS; i++)
        if (!strcmp(word, counts[i].name)) {
            if (n > UINT32_MAX) return fail(path, word, "at most 4294967295");
            *(uint32_t *)(void *)((char *)&out->fleet + counts[i].at) = (uint32_t)n;
            return 0;
        }
    for (int i = 0; i < N_COLUMNS; i++)
        if (!strcmp(word, columns[i].name)) {
            lengths[i] = n;
            return read_column(in, path, &out->fleet, &columns[i], n);
        }
    return fail(path, word, "the name of a column of nf_fleet");
}

static size_t values_of(const nf_fleet *f, per per, size_t there) {
    switch (per) {
    case HOST: return f->n_hosts;
    case HOST_EDGE: return (size_t)f->n_hosts + 1;
    case CELL: return f->n_cells;
    case CELL_NET: return (size_t)f->n_cells * f->net_words;
    case CELL_PAGE: return (size_t)f->n_cells * f->n_page_sizes;
    case CELL_CORE: return (size_t)f->n_cells * (f->max_threads ? f->max_threads : 1);
    case POOL: return f->n_pools;
    case SHAPE: return f->n_layouts;
    case SIZE: return f->n_page_sizes;
    default: return there;
    }
}

/* nf_fleet_check() cannot know how long the arrays are, so what points into them is checked here. */
static int lengths_hold(const char *path, const nf_fleet *f, const size_t *n) {
    size_t pinned = 0, words = 0, cpus = 0;
    for (int i = 0; i < N_COLUMNS; i++) {
        if (n[i] != values_of(f, columns[i].per, n[i]))
            return fail(path, columns[i].name, "as many values as the counts say");
        const void *column = *pointer_of((nf_fleet *)(uintptr_t)f, &columns[i]);
        if (column == f->pinned) pinned = n[i];
        if (column == f->layout_words) words = n[i];
        if (column == f->layout_cpus) cpus = n[i];
    }
    for (uint32_t l = 0; l < f->n_layouts; l++) {
        const nf_layout *layout = &f->layouts[l];
        if (layout->n_words > words || layout->mask_at > words - layout->n_words ||
            layout->n_slots > cpus || layout->cpu_at > cpus - layout->n_slots)
            return fail(path, "layouts", "masks and CPU ids within their columns");
    }
    for (uint32_t c = 0; c < f->n_cells; c++) {
        uint32_t l = f->cell_layout[c];
        if (l >= f->n_layouts || f->layouts[l].n_words > pinned ||
            f->cell_mask_at[c] > pinned - f->layouts[l].n_words)
            return fail(path, "cell_mask_at", "masks within the column pinned");
    }
    return 0;
}

int fleet_read(fleet_file *out, const char *path) {
    char word[64];
    unsigned version = 0;
    size_t n, lengths[N_COLUMNS] = {0};
    int status = 0;
    const char *reason = NULL;
    memset(out, 0, sizeof *out);
    FILE *in = fopen(path, "r");
    if (!in) return fail(path, "the file", "a file that can be read");
    if (fscanf(in, "numafit-columns %u", &version) != 1 || version != NF_ABI_VERSION)
        status = fail(path, "first line", "numafit-columns and this library's ABI version");
    while (!status && fscanf(in, "%63s %zu", word, &n) == 2)
        status = read_entry(in, path, out, word, n, lengths);
    fclose(in);
    if (status) return status;
    for (int i = 0; i < N_COLUMNS; i++)
        if (!*pointer_of(&out->fleet, &columns[i]))
            return fail(path, columns[i].name, "every column; it is missing");
    if (!out->names) return fail(path, "names", "one name a host; they are missing");
    out->fleet.abi = NF_ABI_VERSION;
    if (lengths_hold(path, &out->fleet, lengths)) return -1;
    if (nf_fleet_check(&out->fleet, &reason) != NF_OK)
        return fail(path, reason, "columns that agree");
    return 0;
}

void fleet_free(fleet_file *file) {
    for (int i = 0; i < N_COLUMNS; i++) free(*pointer_of(&file->fleet, &columns[i]));
    for (size_t i = 0; file->names && file->names[i]; i++) free(file->names[i]);
    free(file->names);
    memset(file, 0, sizeof *file);
}
