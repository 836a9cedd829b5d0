/* Lists that grow, byte strings that are kept once, and lines of text. */
#include "kept.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct entry {
    uint64_t hash;
    size_t first; /* word */
    size_t length;
} entry;

static void *from_malloc(void *context, size_t bytes) {
    (void)context;
    return malloc(bytes);
}

static void to_free(void *context, void *memory) {
    (void)context;
    free(memory);
}

bool nf_allocator_ok(const nf_allocator *given) {
    return !given || (given->allocate && given->release);
}

nf_allocator nf_allocator_of(const nf_allocator *given) {
    return given ? *given : (nf_allocator){from_malloc, to_free, NULL};
}

void *nf_list_add(const nf_allocator *memory, nf_list *list, size_t size, size_t count) {
    size_t most = SIZE_MAX / 4 / size;
    if (count > most || list->count > most - count) return NULL;
    size_t needed = list->count + count;
    if (needed > list->room || !list->items) {
        size_t room = needed < 8 ? 8 : needed + needed / 2;
        void *items = memory->allocate(memory->context, room * size);
        if (!items) return NULL;
        if (list->items) memcpy(items, list->items, list->count * size);
        if (list->items) memory->release(memory->context, list->items);
        list->items = items;
        list->room = room;
    }
    void *added = (char *)list->items + list->count * size;
    memset(added, 0, count * size);
    list->count = needed;
    return added;
}

void nf_list_free(const nf_allocator *memory, nf_list *list) {
    if (list->items) memory->release(memory->context, list->items);
    *list = (nf_list){NULL, 0, 0};
}

static uint64_t hash_of(const void *bytes, size_t length) { /* FNV-1a */
    const unsigned char *at = bytes;
    uint64_t hash = 0xcbf29ce484222325u;
    for (size_t i = 0; i < length; i++) hash = (hash ^ at[i]) * 0x100000001b3u;
    return hash;
}

static const entry *entry_at(const nf_kept *kept, uint32_t number) {
    return &NF_ITEMS(const entry, &kept->entries)[number];
}

/* Where it stands in the table, or the free place where it would. The table is never full. */
static size_t place_of(const nf_kept *kept, uint64_t hash, const void *bytes, size_t length) {
    size_t at = (size_t)hash & (kept->table_size - 1);
    for (; kept->table[at]; at = (at + 1) & (kept->table_size - 1)) {
        const entry *e = entry_at(kept, kept->table[at] - 1);
        if (e->hash == hash && e->length == length &&
            !memcmp(NF_ITEMS(uint64_t, &kept->bytes) + e->first, bytes, length))
            break;
    }
    return at;
}

static bool make_room(const nf_allocator *memory, nf_kept *kept) {
    size_t needed = kept->entries.count + 1, size = kept->table_size ? kept->table_size : 8;
    if (needed <= kept->table_size / 2) return true;
    while (needed > size / 2) size *= 2;
    uint32_t *table = memory->allocate(memory->context, size * sizeof *table);
    if (!table) return false;
    memset(table, 0, size * sizeof *table);
    /* in the order of their numbers: to take the last one out again is to empty its place */
    for (uint32_t i = 0; i < kept->entries.count; i++) {
        size_t at = (size_t)entry_at(kept, i)->hash & (size - 1);
        while (table[at]) at = (at + 1) & (size - 1);
        table[at] = i + 1;
    }
    if (kept->table) memory->release(memory->context, kept->table);
    kept->table = table;
    kept->table_size = size;
    return true;
}

uint32_t nf_kept_find(const nf_kept *kept, const void *bytes, size_t length) {
    if (!kept->table_size) return NF_ABSENT;
    uint32_t found = kept->table[place_of(kept, hash_of(bytes, length), bytes, length)];
    return found ? found - 1 : NF_ABSENT;
}

uint32_t nf_kept_add(const nf_allocator *memory, nf_kept *kept, const void *bytes, size_t length) {
    uint64_t hash = hash_of(bytes, length);
    size_t words = length / sizeof(uint64_t) + 1, first = kept->bytes.count;
    if (kept->entries.count >= NF_ABSENT - 1 || !make_room(memory, kept)) return NF_ABSENT;
    size_t at = place_of(kept, hash, bytes, length);
    if (kept->table[at]) return kept->table[at] - 1;
    uint64_t *to = nf_list_add(memory, &kept->bytes, sizeof *to, words);
    if (!to) return NF_ABSENT;
    entry *e = nf_list_add(memory, &kept->entries, sizeof *e, 1);
    if (!e) {
        kept->bytes.count = first;
        return NF_ABSENT;
    }
    if (length) memcpy(to, bytes, length);
    *e = (entry){hash, first, length};
    kept->table[at] = nf_kept_count(kept);
    return kept->table[at] - 1;
}

uint32_t nf_kept_count(const nf_kept *kept) { return (uint32_t)kept->entries.count; }

const void *nf_kept_at(const nf_kept *kept, uint32_t number, size_t *length) {
    const entry *e = entry_at(kept, number);
    if (length) *length = e->length;
    return NF_ITEMS(const uint64_t, &kept->bytes) + e->first;
}

void nf_kept_cut(nf_kept *kept, uint32_t count) {
    while (nf_kept_count(kept) > count) {
        const entry *e = entry_at(kept, nf_kept_count(kept) - 1);
        const void *bytes = NF_ITEMS(const uint64_t, &kept->bytes) + e->first;
        kept->table[place_of(kept, e->hash, bytes, e->length)] = 0;
        kept->bytes.count = e->first;
        kept->entries.count--;
    }
}

void nf_kept_free(const nf_allocator *memory, nf_kept *kept) {
    nf_list_free(memory, &kept->bytes);
    nf_list_free(memory, &kept->entries);
    if (kept->table) memory->release(memory->context, kept->table);
    *kept = (nf_kept){{NULL, 0, 0}, {NULL, 0, 0}, NULL, 0};
}

static void sink(uint64_t *values, size_t at, size_t count) {
    uint64_t moved = values[at];
    for (size_t child; (child = 2 * at + 1) < count; at = child) {
        if (child + 1 < count && values[child + 1] > values[child]) child++;
        if (values[child] <= moved) break;
        values[at] = values[child];
    }
    values[at] = moved;
}

/* By a heap: qsort() may allocate. */
void nf_sort(uint64_t *values, size_t count) {
    for (size_t at = count / 2; at-- > 0;) sink(values, at, count);
    for (size_t end = count; end-- > 1;) {
        uint64_t largest = values[0];
        values[0] = values[end];
        values[end] = largest;
        sink(values, 0, end);
    }
}

void nf_say_list(nf_line *line, const char *format, va_list values) {
    size_t left = sizeof line->text - line->used;
    /* NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized): its callers start it */
    int length = vsnprintf(line->text + line->used, left, format, values);
    if (length > 0) line->used += (size_t)length < left ? (size_t)length : left - 1;
}

void nf_say(nf_line *line, const char *format, ...) {
    va_list values;
    va_start(values, format);
    nf_say_list(line, format, values);
    va_end(values);
}
