/* malloc() and its kin that fail once: the n-th call of the thread that asked for it. Preloaded into a
 * Python whose own allocators are malloc's (PYTHONMALLOC=malloc). What one library takes by itself is
 * counted until it is given back; one thread alone may do that. */
#include <errno.h>
#include <stddef.h>
#include <stdint.h>

extern void *__libc_malloc(size_t), *__libc_calloc(size_t, size_t), *__libc_realloc(void *, size_t);
extern void *__libc_memalign(size_t, size_t);
extern void __libc_free(void *);

enum { ROOM = 1 << 12 };

static __thread long left;
static uintptr_t code_start, code_end;
static void *held[ROOM];
static long n_held;

/* The n-th allocation from now on fails; 0: none does. How many were left before. */
long fail_at(long n) {
    long before = left;
    left = n;
    return before;
}

/* Count what the code between these addresses takes. */
void watch(uintptr_t start, uintptr_t end) {
    code_start = start;
    code_end = end;
}

long blocks_held(void) { return n_held; }

static int fails(void) {
    if (left == 0 || --left) return 0;
    errno = ENOMEM;
    return 1;
}

static void *noted(void *block, void *caller) {
    if (block && (uintptr_t)caller >= code_start && (uintptr_t)caller < code_end && n_held < ROOM)
        held[n_held++] = block;
    return block;
}

#define CALLER __builtin_return_address(0)

void *malloc(size_t size) { return fails() ? NULL : noted(__libc_malloc(size), CALLER); }

void *calloc(size_t n, size_t size) { return fails() ? NULL : noted(__libc_calloc(n, size), CALLER); }

void *realloc(void *block, size_t size) {
    return fails() ? NULL : __libc_realloc(block, size);
}

void *memalign(size_t align, size_t size) { return fails() ? NULL : __libc_memalign(align, size); }

void *aligned_alloc(size_t align, size_t size) { return memalign(align, size); }

int posix_memalign(void **out, size_t align, size_t size) {
    void *block = memalign(align, size);
    if (!block) return ENOMEM;
    *out = block;
    return 0;
}

void free(void *block) {
    for (long i = n_held; block && i-- > 0;)
        if (held[i] == block) {
            held[i] = held[--n_held];
            break;
        }
    __libc_free(block);
}
