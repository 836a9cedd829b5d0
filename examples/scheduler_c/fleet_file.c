/* Reads a fleet: a word for the column, how many values it has, then the values. */
#include "fleet_file.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_COLUMNS = 64 };

static int fail(const char *path, const char *name, const char *expected) {
    fprintf(stderr, "%s: %s: expected %s\n", path, name, expected);
    return -1;
}

static void **pointer_of(nf_fleet *fleet, const nf_column_info *column) {
    return (void **)(void *)((char *)fleet + column->offset);
}

static int read_value(FILE *in, uint32_t type, char *to) {
    switch (type) {
    case NF_INT16: return fscanf(in, "%" SCNd16, (int16_t *)(void *)to) == 1;
    case NF_UINT32: return fscanf(in, "%" SCNu32, (uint32_t *)(void *)to) == 1;
    case NF_INT32: return fscanf(in, "%" SCNd32, (int32_t *)(void *)to) == 1;
    case NF_UINT64: return fscanf(in, "%" SCNu64, (uint64_t *)(void *)to) == 1;
    case NF_INT64: return fscanf(in, "%" SCNd64, (int64_t *)(void *)to) == 1;
    case NF_DOUBLE: return fscanf(in, "%lf", (double *)(void *)to) == 1;
    default: break;
    }
    nf_layout *l = (nf_layout *)(void *)to;
    return fscanf(in, "%" SCNu32 "%" SCNu32 "%" SCNu32 "%" SCNu32 "%" SCNu32 "%" SCNu32 "%" SCNu32
                      "%" SCNu32 "%" SCNu64 "%" SCNu64,
                  &l->shift, &l->threads, &l->n_cores, &l->n_slots, &l->n_shared, &l->n_dedicated,
                  &l->same_sets, &l->n_words, &l->mask_at, &l->cpu_at) == 10;
}

static int read_column(FILE *in, const char *path, nf_fleet *fleet, const nf_column_info *column,
                       size_t n) {
    void **to = pointer_of(fleet, column);
    free(*to);
    /* one more than needed, so that an empty column is not a null pointer */
    if (n > SIZE_MAX / column->size - 1 || !(*to = calloc(n + 1, column->size)))
        return fail(path, column->name, "a number of values that fits into memory");
    for (size_t i = 0; i < n; i++)
        if (!read_value(in, column->type, (char *)*to + i * column->size))
            return fail(path, column->name, "as many numbers as it says");
    return 0;
}

static int read_names(FILE *in, const char *path, fleet_file *out, size_t n) {
    char name[256];
    if (out->names || n != out->fleet.n_hosts || !(out->names = calloc(n + 1, sizeof(char *))))
        return fail(path, "names", "one name per host, behind n_hosts");
    for (size_t i = 0; i < n; i++)
        if (fscanf(in, "%255s", name) != 1 || !(out->names[i] = strdup(name)))
            return fail(path, "names", "one name per host");
    return 0;
}

static int read_entry(FILE *in, const char *path, fleet_file *out, const char *word, size_t n,
                      size_t *lengths) {
    if (!strcmp(word, "names")) return read_names(in, path, out, n);
    const nf_count_info *count;
    for (uint32_t i = 0; (count = nf_count(i)) != NULL; i++)
        if (!strcmp(word, count->name)) {
            char *to = (char *)&out->fleet + count->offset;
            if (count->size == sizeof(uint64_t)) {
                *(uint64_t *)(void *)to = n;
                return 0;
            }
            if (n > UINT32_MAX) return fail(path, word, "at most 4294967295");
            *(uint32_t *)(void *)to = (uint32_t)n;
            return 0;
        }
    const nf_column_info *column;
    for (uint32_t i = 0; (column = nf_column(i)) != NULL && i < MOST_COLUMNS; i++)
        if (!strcmp(word, column->name)) {
            lengths[i] = n;
            return read_column(in, path, &out->fleet, column, n);
        }
    return fail(path, word, "the name of a column of nf_fleet");
}

/* nf_fleet_check() trusts the counts, so the lengths of what was read must be those. */
static int lengths_hold(const char *path, nf_fleet *f, const size_t *lengths) {
    const nf_column_info *column;
    for (uint32_t i = 0; (column = nf_column(i)) != NULL; i++) {
        uint64_t shape[2];
        nf_column_shape(f, i, shape);
        if (shape[1] && shape[0] > UINT64_MAX / shape[1])
            return fail(path, column->name, "counts that a column can have");
        if (lengths[i] != shape[0] * shape[1])
            return fail(path, column->name, "as many values as the counts say");
        if (!*pointer_of(f, column)) return fail(path, column->name, "every column; it is missing");
    }
    return 0;
}

int fleet_read(fleet_file *out, const char *path) {
    char word[64];
    unsigned version = 0;
    size_t n, lengths[MOST_COLUMNS] = {0};
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
    if (!out->names) return fail(path, "names", "one name per host; they are missing");
    out->fleet.abi = NF_ABI_VERSION;
    if (lengths_hold(path, &out->fleet, lengths)) return -1;
    if (nf_fleet_check(&out->fleet, &reason) != NF_OK)
        return fail(path, reason, "columns that agree");
    return 0;
}

void fleet_free(fleet_file *file) {
    const nf_column_info *column;
    for (uint32_t i = 0; (column = nf_column(i)) != NULL; i++)
        free(*pointer_of(&file->fleet, column));
    for (size_t i = 0; file->names && file->names[i]; i++) free(file->names[i]);
    free(file->names);
    memset(file, 0, sizeof *file);
}
