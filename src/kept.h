/* Memory of a builder: lists that grow, byte strings of which each is kept once and has a number,
 * and what it has to say. The one part of the library that allocates. */
#ifndef NF_KEPT_H
#define NF_KEPT_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "numafit/builder.h"

#define NF_ABSENT UINT32_MAX

/* NULL stands for malloc() and free(). */
bool nf_allocator_ok(const nf_allocator *given);
nf_allocator nf_allocator_of(const nf_allocator *given);

/* Items side by side; those of a list are all of one size. Zeroed memory is an empty one. */
typedef struct nf_list {
    void *items;
    size_t count, room;
} nf_list;

#define NF_ITEMS(type, list) ((type *)(list)->items)

/* count new items at the end, zeroed; NULL: there is no memory for them, nothing has changed. */
void *nf_list_add(const nf_allocator *memory, nf_list *list, size_t size, size_t count);
void nf_list_free(const nf_allocator *memory, nf_list *list);

/* Byte strings by number, in the order in which they were met; each stands on a multiple of 8, and
 * ends in a NUL of its own. Zeroed memory is an empty set. */
typedef struct nf_kept {
    nf_list bytes;   /* of nf_word, whatever they hold */
    nf_list entries;
    uint32_t *table; /* hash table of numbers + 1 */
    size_t table_size;
} nf_kept;

/* NF_ABSENT: it is not there. */
uint32_t nf_kept_find(const nf_kept *kept, const void *bytes, size_t length);
/* NF_ABSENT: there is no memory for it, and nothing has changed. */
uint32_t nf_kept_add(const nf_allocator *memory, nf_kept *kept, const void *bytes, size_t length);
uint32_t nf_kept_count(const nf_kept *kept);
const void *nf_kept_at(const nf_kept *kept, uint32_t number, size_t *length);
/* Only the first count stay. */
void nf_kept_cut(nf_kept *kept, uint32_t count);
void nf_kept_free(const nf_allocator *memory, nf_kept *kept);

/* Ascending, in place. */
void nf_sort(uint64_t *values, size_t count);

enum { NF_ERROR_BYTES = 1024 };

/* A line for the caller to read; what is too long for it is cut off. */
typedef struct nf_line {
    char text[NF_ERROR_BYTES];
    size_t used;
} nf_line;

__attribute__((format(printf, 2, 3)))
void nf_say(nf_line *line, const char *format, ...);
void nf_say_list(nf_line *line, const char *format, va_list values);

#endif
