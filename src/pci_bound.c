/*
 * Can the PCI requests be served at best? Sound bounds: a no is a no for every choice of cells. What
 * excludes each other is counted on both sides, and what placement allocated is not looked at: both
 * only make the best look better.
 */
#include "engine.h"

enum { SHUT = -2, LOOSE = -1 };

/* Where request r may take from a pool: SHUT, LOOSE (whatever is chosen), or the number of the
 * cell that must be chosen for it (near a socket: LOOSE, which errs on the safe side). */
static int32_t tie(const nf_pci_job *p, uint32_t r, uint32_t pool) {
    int32_t cell = p->f->pool_cell[p->first_pool + pool];
    if (!nf_pci_takes(p, r, pool, false)) return SHUT;
    nf_reach reach = p->stuck >> r & 1u ? NF_REACH_CELLS : nf_pci_widest(p, r);
    if (cell < 0)
        return nf_within(reach, cell == NF_POOL_ANYWHERE ? NF_AT_UNKNOWN : NF_AT_OTHER) ? LOOSE
                                                                                         : SHUT;
    return nf_within(reach, NF_AT_SOCKET) ? LOOSE : cell;
}

/* The loosest tie that one of these requests has to a pool. */
static int32_t loosest(const nf_pci_job *p, nf_word requests, uint32_t pool) {
    int32_t best = SHUT;
    for (nf_word left = requests; left && best != LOOSE; left &= left - 1) {
        int32_t mine = tie(p, nf_lowest(left), pool);
        if (mine != SHUT) best = mine;
    }
    return best;
}

/* Sum of the largest n of the gains; spoils them. */
static int64_t largest(int64_t *gains, uint32_t cells, uint32_t n) {
    int64_t sum = 0;
    while (n--) {
        uint32_t best = 0;
        for (uint32_t c = 1; c < cells; c++)
            if (gains[c] > gains[best]) best = c;
        if (!cells || gains[best] <= 0) break;
        sum += gains[best];
        gains[best] = 0;
    }
    return sum;
}

/* Devices that request r takes at least, beside others or alone. Nova serves a request whose
 * allocation holds fewer than it counts, once there are as many. */
static uint32_t least_taken(const nf_pci_job *p, uint32_t r, bool beside) {
    const nf_pci_request *q = &p->request->pci[r];
    return beside && q->n_providers && !p->exact ? 0 : q->count;
}

bool nf_pci_hopeful(nf_pci_job *p, nf_word requests, const nf_word *open, uint32_t more,
                    int64_t *wanted, int64_t *best) {
    int64_t need = 0, sure = 0;
    for (nf_word left = requests; left; left &= left - 1)
        need += least_taken(p, nf_lowest(left), requests & (requests - 1));
    memset(p->gains, 0, p->n_cells * sizeof *p->gains);
    for (uint32_t i = 0; i < p->n_pools; i++) {
        int32_t count = p->f->pool_count[p->first_pool + i], cell;
        if (count <= 0 || (cell = loosest(p, requests, i)) == SHUT) continue;
        if (cell == LOOSE || nf_bit_get(p->near, (uint32_t)cell))
            sure += count;
        else if (nf_bit_get(open, (uint32_t)cell))
            p->gains[cell] += count;
    }
    if (sure < need) sure += largest(p->gains, p->n_cells, more);
    if (wanted) *wanted = need;
    if (best) *best = sure;
    return sure >= need;
}

void nf_pci_find_alone(nf_pci_job *p) {
    uint32_t words = nf_words_for(p->f->n_classes);
    p->alone = 0;
    for (uint32_t r = 0; r < p->request->n_pci && !p->exact; r++) {
        bool shared = false;
        for (uint32_t q = 0; q < r && !shared; q++)
            shared = nf_mask_meets(p->request->pci[q].usable, p->request->pci[r].matches, words);
        if (!shared) p->alone |= (nf_word)1 << r;
    }
}

/* Nova looks at the guest's own cells alone once they hold enough matching devices, although some
 * of these may be PFs that the request cannot have. More cells only add to what matches. */
void nf_pci_find_stuck(nf_pci_job *p) {
    p->stuck = 0;
    for (nf_word left = p->alone; left; left &= left - 1) {
        uint32_t r = nf_lowest(left);
        int64_t near = 0;
        for (uint32_t i = 0; i < p->n_pools; i++) {
            int32_t cell = p->f->pool_cell[p->first_pool + i];
            int32_t count = p->f->pool_count[p->first_pool + i];
            if (cell >= 0 && count > 0 && nf_bit_get(p->near, (uint32_t)cell) &&
                nf_pci_takes(p, r, i, true))
                near += count;
        }
        if (near >= p->request->pci[r].count) p->stuck |= (nf_word)1 << r;
    }
}

bool nf_pci_needs(const nf_pci_job *p, uint32_t r, nf_word *cells) {
    int64_t loose = 0, count = p->request->pci[r].count;
    nf_mask_zero(cells, nf_words_for(p->n_cells));
    for (uint32_t i = 0; i < p->n_pools; i++) {
        int32_t here = p->f->pool_count[p->first_pool + i], cell = tie(p, r, i);
        if (here <= 0 || cell == SHUT) continue;
        if (cell == LOOSE)
            loose += here;
        else
            nf_bit_set(cells, (uint32_t)cell);
    }
    return count > 0 && loose < count;
}
