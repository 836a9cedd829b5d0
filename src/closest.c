/*
 * The choice of host cells with the smallest sum of NUMA distances between them; among equals the
 * first in the order given. Depth-first with the sum so far as bound: a step is taken back as soon
 * as it cannot beat the best. Where the budget ends first, the best choice seen is the answer.
 */
#include "engine.h"

/* Enough to see every choice on hosts of 16 cells; larger ones may end with a choice that is good
 * and not the best. */
#define MOST_STEPS 20000

static int64_t between(const nf_closest *near, uint32_t a, uint32_t b) {
    uint32_t i = near->order[a] - near->first_cell, j = near->order[b] - near->first_cell;
    return (int64_t)near->distance[(size_t)i * near->n_cells + j] +
           near->distance[(size_t)j * near->n_cells + i];
}

static int64_t sum_of(const nf_closest *near, const uint32_t *place, uint32_t n) {
    int64_t sum = 0;
    for (uint32_t a = 0; a < n; a++)
        for (uint32_t b = 0; b < a; b++) sum += between(near, place[a], place[b]);
    return sum;
}

/* The smallest that two cells can add to the sum. */
static int64_t least_between(const nf_closest *near) {
    int64_t least = INT64_MAX;
    for (uint32_t a = 0; a < near->n_cells; a++)
        for (uint32_t b = 0; b < a; b++) {
            int64_t here = between(near, a, b);
            if (here < least) least = here;
        }
    return least;
}

static bool improves(void *context, const nf_search *s, uint32_t depth) {
    nf_closest *near = context;
    int64_t sum = sum_of(near, s->place, depth), left = s->n_guests - depth;
    int64_t at_least = sum + near->least * (left * depth + left * (left - 1) / 2);
    if (near->found && at_least >= near->best) return false;
    if (near->also && !near->also(near->context, s, depth)) return false;
    if (depth < s->n_guests) return true;
    near->best = sum;
    near->found = true;
    memcpy(near->best_place, s->place, depth * sizeof *s->place);
    return false; /* go on: there may be a better one */
}

int nf_assign_closest(nf_search *s, nf_closest *near, uint32_t *matched) {
    near->found = false;
    near->least = least_between(near);
    if (*s->budget > MOST_STEPS) *s->budget = MOST_STEPS;
    s->accept = improves;
    s->context = near;
    int status = nf_assign(s, matched);
    if (!near->found) return status;
    /* NF_TOGETHER: all choices seen; NF_UNDECIDED: the best of those that the budget allowed */
    memcpy(s->place, near->best_place, s->n_guests * sizeof *s->place);
    return NF_OK;
}
