/* Numbers at random, the same in every run. */
#ifndef DICE_H
#define DICE_H

#include <stdint.h>

static uint64_t dice_state = 88172645463325252u;

/* 0 to below - 1 */
static inline uint32_t dice(uint32_t below) {
    dice_state ^= dice_state << 13;
    dice_state ^= dice_state >> 7;
    dice_state ^= dice_state << 17;
    return (uint32_t)(dice_state >> 11) % below;
}

#endif
