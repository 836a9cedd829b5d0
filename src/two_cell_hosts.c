/*
 * A guest of one cell near networks and devices, on hosts of two cells: a block of hosts at a time
 * and almost without branches. The answers are those of nf_scan_plan_answer(), which serves all
 * other cases.
 */
#include "scan_plan.h"

#define FEW_CLASSES 256u
#define FEW_DEVICES 255u
#define FEW_POOLS 256u

bool nf_two_cell_hosts_can(const nf_scan_plan *q) {
    const nf_fleet *f = q->f;
    const nf_request *r = q->request;
    if (r->n_cells != 1 || !q->simple || f->net_words != 1 || q->settled) return false;
    if (!r->n_pci) return true;
    return r->pci->count && r->pci->count <= FEW_DEVICES && r->pci->policy != NF_PCI_SOCKET &&
           f->max_pools <= FEW_POOLS && f->n_classes <= FEW_CLASSES;
}

/* Cells that are not near what the guest wants and the host has drop out. */
static void keep_near(const nf_scan_plan *q, nf_block *b) {
    const nf_word *nets = q->f->cell_nets + b->first_cell, wanted = q->nets[0];
    uint32_t affinity = q->options->net_affinity;
    int32_t *ok = b->ok[0];
    for (uint32_t h = 0; h < b->count; h++) {
        nf_word one = nets[2 * h], two = nets[2 * h + 1];
        ok[2 * h] &= -(int32_t)!nf_missed(wanted, one, two, affinity);
        ok[2 * h + 1] &= -(int32_t)!nf_missed(wanted, two, one, affinity);
    }
}

/* Devices of a host in four lanes of 16 bits: of a node that is not a cell of it, of an unknown node,
 * of its two cells. No pool counts for more than is wanted, so that no lane overflows. */
typedef uint64_t lanes;

static inline uint32_t lane(lanes all, uint32_t n) { return all >> (16u * n) & 0xffffu; }

static inline lanes pool_lanes(const nf_fleet *f, uint32_t pool, const uint8_t *class_does,
                               int32_t wanted) {
    int32_t count = f->pool_count[pool];
    count = count < wanted ? count : wanted;
    count = count > 0 ? count : 0;
    count &= -(int32_t)class_does[f->pool_class[pool]];
    return (lanes)(uint32_t)count << (16u * (uint32_t)(f->pool_cell[pool] - NF_POOL_ELSEWHERE));
}

/* As nova decides: matching devices say how far to look, usable ones whether that is enough. The
 * lanes of the cells are NF_AT_CELL and NF_AT_OTHER, or the other way round. */
static inline int32_t served(lanes matching, lanes usable, uint32_t cell, nf_reach widest,
                             uint32_t wanted) {
    uint32_t at = cell - (uint32_t)NF_POOL_ELSEWHERE, unknown = NF_POOL_ANYWHERE - NF_POOL_ELSEWHERE;
    uint32_t near = lane(matching, at), known = near + lane(matching, unknown);
    nf_reach reach = nf_looks(widest, wanted, near, known);
    uint32_t there = lane(usable, at);
    there += lane(usable, unknown) & -(uint32_t)nf_within(reach, NF_AT_UNKNOWN);
    there += (lane(usable, 5u - at) + lane(usable, 0)) & -(uint32_t)nf_within(reach, NF_AT_OTHER);
    return -(int32_t)(there >= wanted);
}

static void keep_served(const nf_scan_plan *q, nf_block *b) {
    const nf_fleet *f = q->f;
    const nf_pci_request *r = q->request->pci;
    const uint32_t *first = f->host_first_pool + b->first, *end = f->host_end_pool + b->first;
    uint8_t matches[FEW_CLASSES], usable[FEW_CLASSES];
    bool same = true;
    nf_reach widest = nf_widest_reach(r->policy, false); /* nf_two_cell_hosts_can(): not by socket */
    int32_t *ok = b->ok[0];
    for (uint32_t c = 0; c < f->n_classes; c++) {
        matches[c] = nf_bit_get(r->matches, c);
        usable[c] = matches[c] && nf_bit_get(r->usable, c);
        same &= matches[c] == usable[c];
    }
    for (uint32_t h = 0; h < b->count; h++) {
        lanes all = 0, mine = 0;
        for (uint32_t p = first[h]; p < end[h]; p++)
            mine += pool_lanes(f, p, usable, (int32_t)r->count);
        all = mine;
        if (!same) {
            all = 0;
            for (uint32_t p = first[h]; p < end[h]; p++)
                all += pool_lanes(f, p, matches, (int32_t)r->count);
        }
        ok[2 * h] &= served(all, mine, 0, widest, r->count);
        ok[2 * h + 1] &= served(all, mine, 1, widest, r->count);
    }
}

void nf_two_cell_hosts_keep(const nf_scan_plan *q, nf_block *b) {
    if (q->request->n_nets) keep_near(q, b);
    if (q->request->n_pci) keep_served(q, b);
}
