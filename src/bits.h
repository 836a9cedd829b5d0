/* Words of a mask: the few operations that the engine needs, over n words of 64 bits. */
#ifndef NF_BITS_H
#define NF_BITS_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

typedef uint64_t nf_word;
#define NF_WORD_BITS 64u

static inline uint32_t nf_words_for(uint32_t bits) {
    return (bits + NF_WORD_BITS - 1u) / NF_WORD_BITS;
}

/* Where the processor may lack the instruction, compilers call a function: this is shorter. */
static inline uint32_t nf_popcount(nf_word w) {
#ifdef __POPCNT__
    return (uint32_t)__builtin_popcountll(w);
#else
    w -= (w >> 1) & 0x5555555555555555u;
    w = (w & 0x3333333333333333u) + ((w >> 2) & 0x3333333333333333u);
    w = (w + (w >> 4)) & 0x0f0f0f0f0f0f0f0fu;
    return (uint32_t)((w * 0x0101010101010101u) >> 56);
#endif
}

static inline uint32_t nf_lowest(nf_word w) { return (uint32_t)__builtin_ctzll(w); }

static inline bool nf_bit_get(const nf_word *mask, uint32_t bit) {
    return (mask[bit / NF_WORD_BITS] >> (bit % NF_WORD_BITS)) & 1u;
}

static inline void nf_bit_set(nf_word *mask, uint32_t bit) {
    mask[bit / NF_WORD_BITS] |= (nf_word)1 << (bit % NF_WORD_BITS);
}

static inline void nf_bit_clear(nf_word *mask, uint32_t bit) {
    mask[bit / NF_WORD_BITS] &= ~((nf_word)1 << (bit % NF_WORD_BITS));
}

static inline void nf_mask_zero(nf_word *mask, uint32_t words) {
    memset(mask, 0, words * sizeof *mask);
}

static inline void nf_mask_copy(nf_word *to, const nf_word *from, uint32_t words) {
    memcpy(to, from, words * sizeof *to);
}

static inline bool nf_mask_meets(const nf_word *a, const nf_word *b, uint32_t words) {
    for (uint32_t i = 0; i < words; i++)
        if (a[i] & b[i]) return true;
    return false;
}

static inline bool nf_mask_empty(const nf_word *a, uint32_t words) {
    for (uint32_t i = 0; i < words; i++)
        if (a[i]) return false;
    return true;
}

/* Is every bit of a in b? */
static inline bool nf_mask_within(const nf_word *a, const nf_word *b, uint32_t words) {
    for (uint32_t i = 0; i < words; i++)
        if (a[i] & ~b[i]) return false;
    return true;
}

static inline uint32_t nf_mask_count(const nf_word *a, uint32_t words) {
    uint32_t n = 0;
    for (uint32_t i = 0; i < words; i++) n += nf_popcount(a[i]);
    return n;
}

/* First bit of mask at or after from; UINT32_MAX: none. */
static inline uint32_t nf_mask_next(const nf_word *mask, uint32_t words, uint32_t from) {
    uint32_t i = from / NF_WORD_BITS;
    if (i >= words) return UINT32_MAX;
    nf_word w = mask[i] & (~(nf_word)0 << (from % NF_WORD_BITS));
    while (!w) {
        if (++i >= words) return UINT32_MAX;
        w = mask[i];
    }
    return i * NF_WORD_BITS + nf_lowest(w);
}

/* The slots of one core, in the low bits: width <= 64 and a power of two, so that a core never
 * straddles two words. */
static inline nf_word nf_core_bits(const nf_word *mask, uint32_t core, uint32_t shift) {
    uint32_t slot = core << shift;
    nf_word all = shift == 6 ? ~(nf_word)0 : (((nf_word)1 << (1u << shift)) - 1u);
    return (mask[slot / NF_WORD_BITS] >> (slot % NF_WORD_BITS)) & all;
}

#endif
