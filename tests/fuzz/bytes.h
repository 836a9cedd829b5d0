/* Numbers out of the fuzzer's bytes; zeros once they are used up. */
#ifndef BYTES_H
#define BYTES_H

#include <stddef.h>
#include <stdint.h>

typedef struct bytes {
    const uint8_t *at;
    size_t left;
} bytes;

static inline uint32_t next_byte(bytes *b) {
    if (!b->left) return 0;
    b->left--;
    return *b->at++;
}

/* 0 .. n - 1; one byte where that is enough. */
static inline uint32_t below(bytes *b, uint32_t n) {
    uint32_t value = next_byte(b);
    if (n > 256) value |= next_byte(b) << 8;
    if (n > 65536) value |= next_byte(b) << 16 | next_byte(b) << 24;
    return n ? value % n : 0;
}

/* 0 .. n - 1 from the other end: what came later to a case, so that older ones keep their meaning. */
static inline uint32_t last_below(bytes *b, uint32_t n) {
    if (!b->left) return 0;
    b->left--;
    return b->at[b->left] % n;
}

/* 1 time in n; 0 once the bytes are used up. */
static inline uint32_t now_and_then(bytes *b, uint32_t n) { return below(b, n) == n - 1; }

#endif
