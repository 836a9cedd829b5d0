/*
 * Can the guest go on this host? Asked of host after host. The cells of many hosts are filtered
 * at once; for guests that nothing ties together that is the answer, by Hall's theorem: guest cells
 * find places of their own if every few kinds of them find as many cells as they need. The others
 * are asked one by one, those that are left.
 */
#include "scan_plan.h"

#include "resources.h"

#define ENOUGH 16u /* hosts that are alike, which are worth a block of their own */

static void find_kinds(nf_scan_plan *q) {
    const nf_request *r = q->request;
    uint32_t example[NF_KINDS] = {0};
    for (uint32_t g = 0; g < r->n_cells; g++) {
        uint32_t k = 0;
        while (k < q->n_kinds && !nf_alike(r, example[k], g)) k++;
        if (k == NF_KINDS) {
            q->n_kinds = 0;
            return;
        }
        if (k == q->n_kinds) {
            example[q->n_kinds] = g;
            q->kind_count[q->n_kinds++] = 0;
        }
        q->kind_count[k]++;
    }
    for (uint32_t k = 0; k < q->n_kinds; k++)
        nf_cell_filter_make(&q->filter[k], q->f, r, example[k], q->options);
}

void nf_scan_plan_make(nf_scan_plan *q, const nf_fleet *f, const nf_request *r,
                     const nf_options *options, void *memory) {
    q->f = f;
    q->request = r;
    q->options = options;
    q->memory = memory;
    q->n_kinds = 0;
    q->settled = !r->n_nets && !r->n_pci;
    q->simple = !r->n_pci || (r->n_pci == 1 && !r->pci->n_providers &&
                              options->pci_matching == NF_MATCH_NOVA);
    q->near_known = f->net_words <= NF_FEW_NET_WORDS;
    nf_mask_zero(q->nets, NF_FEW_NET_WORDS);
    for (uint32_t n = 0; q->near_known && n < r->n_nets; n++)
        if (r->nets[n] / NF_WORD_BITS < f->net_words) nf_bit_set(q->nets, r->nets[n]);
    find_kinds(q);
    q->nearby = nf_two_cell_hosts_can(q);
}

/* Have n hosts as many cells each, which follow one another from the first one's on? Ranges do not
 * overlap: where each begins as many cells behind the one before it, none has more, and the sum of
 * their ends tells whether one has fewer. */
static inline bool are_alike(const uint32_t *first, const uint32_t *end, uint32_t cells, uint32_t n) {
    uint32_t other = 0, ends = 0, at = first[0];
#pragma GCC unroll 4
    for (uint32_t h = 0; h < n; h++) { /* a loop that becomes vector code */
        other |= first[h] ^ at;
        ends += end[h];
        at += cells;
    }
    return !other && ends == n * first[0] + n * (n + 1) / 2 * cells && end[n - 1] == at;
}

/* How many of n hosts, from the first on, are alike? */
static uint32_t alike_run(const nf_fleet *f, uint32_t host, uint32_t cells, uint32_t n) {
    enum { STEP = 16 };
    const uint32_t *first = f->host_first_cell + host, *end = f->host_end_cell + host;
    if (n > 1 && first[1] != end[0]) return 1; /* it stands alone */
    if (are_alike(first, end, cells, n)) return n;
    uint32_t h = 0, at = first[0];
    while (h + STEP < n && first[h] == at && are_alike(first + h, end + h, cells, STEP)) {
        h += STEP;
        at += STEP * cells;
    }
    for (; h < n && first[h] == at && end[h] == at + cells; at += cells) h++;
    return h;
}

/* Hosts whose cells follow one another, no more of them than a block holds. */
static void any_run(const nf_fleet *f, uint32_t n, nf_block *b) {
    const uint32_t *first = f->host_first_cell + b->first, *end = f->host_end_cell + b->first;
    b->n_cells = 0;
    for (b->count = 0; b->count < n; b->count++) {
        uint32_t own = end[b->count] - first[b->count];
        if (!own) continue; /* it has no cells, wherever that is */
        if (!b->n_cells) b->first_cell = first[b->count];
        if (first[b->count] != b->first_cell + b->n_cells || own > NF_BLOCK - b->n_cells) return;
        b->n_cells += own;
    }
}

/* From b->first on, at most n hosts; 0 of them: the first has more cells than a block holds. */
static void find_run(const nf_fleet *f, uint32_t n, nf_block *b) {
    uint32_t cells = nf_host_cells(f, b->first), most = cells ? NF_BLOCK / cells : 0;
    if (most > n) most = n;
    b->first_cell = f->host_first_cell[b->first];
    b->count = most ? alike_run(f, b->first, cells, most) : 0;
    b->n_cells = b->count * cells;
    b->pairs = cells == 2;
    if (!cells) /* those without cells by themselves: others may be alike behind them */
        while (b->count < n && !nf_host_cells(f, b->first + b->count)) b->count++;
    if (b->count && (b->count == most || b->count >= ENOUGH || !cells)) return;
    uint32_t alike = b->count;
    any_run(f, n, b);
    b->pairs &= b->count == alike;
}

static void count_cells(const nf_scan_plan *q, nf_block *b) {
    const uint32_t *first = q->f->host_first_cell + b->first;
    const uint32_t *end = q->f->host_end_cell + b->first;
    const int32_t *ok = b->ok[0];
    uint32_t need = q->kind_count[0];
    if (b->pairs) { /* a loop that becomes vector code */
        for (uint32_t h = 0; h < b->count; h++)
            b->maybe[h] = (uint8_t)(-(ok[2 * h] + ok[2 * h + 1]) >= (int32_t)need);
        return;
    }
    for (uint32_t h = 0; h < b->count; h++) {
        int32_t sum = 0;
        for (uint32_t c = first[h]; c < end[h]; c++) sum -= ok[c - b->first_cell];
        b->maybe[h] = sum >= (int32_t)need;
    }
}

/* Does every selection of kinds find as many cells as it has guests? */
static bool all_find_cells(const nf_scan_plan *q, const nf_block *b, uint32_t c0, uint32_t n) {
    for (uint32_t some = 1; some < 1u << q->n_kinds; some++) {
        int32_t need = 0, there = 0;
        for (uint32_t k = 0; k < q->n_kinds; k++)
            if (some >> k & 1u) need += (int32_t)q->kind_count[k];
        for (uint32_t c = c0; c < c0 + n; c++) {
            int32_t any = 0;
            for (uint32_t k = 0; k < q->n_kinds; k++)
                if (some >> k & 1u) any |= b->ok[k][c];
            there -= any;
        }
        if (there < need) return false;
    }
    return true;
}

/* The same for two unlike guest cells on hosts of two: one way round or the other. */
static void unlike_pairs(const nf_scan_plan *q, nf_block *b) {
    const int32_t *one = b->ok[0], *two = b->ok[1];
    bool both = q->kind_count[0] == 1 && q->kind_count[1] == 1;
    for (uint32_t h = 0; h < b->count; h++)
        b->maybe[h] = (uint8_t)(((one[2 * h] & two[2 * h + 1]) | (one[2 * h + 1] & two[2 * h])) &
                                (int32_t)both);
}

/* Does some host of the block have devices that exclude each other, and could be taken at once? Then
 * each is asked. */
static bool some_mix(const nf_scan_plan *q, const nf_block *b) {
    if (!q->request->n_pci || q->request->pci->count < 2) return false;
    for (uint32_t h = 0; h < b->count; h++)
        if (nf_pci_mixes(q->f, b->first + h, q->request->pci)) return true;
    return false;
}

static void look_at_cells(const nf_scan_plan *q, uint32_t first, uint32_t most, nf_block *b) {
    const nf_fleet *f = q->f;
    b->first = first;
    b->settled = false;
    find_run(f, most < NF_BLOCK ? most : NF_BLOCK, b);
    bool asked = !b->count || !q->n_kinds; /* a host of very many cells is asked */
    if (!b->count) b->count = 1;
    memset(b->maybe, 1, b->count);
    if (asked) return;
    for (uint32_t k = 0; k < q->n_kinds; k++)
        nf_cell_filter_cells(&q->filter[k], b->first_cell, b->n_cells, b->ok[k]);
    b->settled = q->settled;
    if (q->nearby && b->pairs) {
        nf_two_cell_hosts_keep(q, b);
        b->settled = !some_mix(q, b);
    }
    if (q->n_kinds == 1) {
        count_cells(q, b);
        return;
    }
    if (q->n_kinds == 2 && b->pairs) {
        unlike_pairs(q, b);
        return;
    }
    for (uint32_t h = 0; h < b->count; h++)
        b->maybe[h] = all_find_cells(q, b, f->host_first_cell[first + h] - b->first_cell,
                                     nf_host_cells(f, first + h));
}

void nf_scan_plan_look(const nf_scan_plan *q, uint32_t first, uint32_t most, nf_block *b) {
    look_at_cells(q, first, most, b);
    if (nf_asks_host(q->request)) nf_resources_keep(q->f, first, b->count, q->request, b->maybe);
}

/* Is the cell near all that the guest wants and the host has? */
static bool near_enough(const nf_scan_plan *q, uint32_t host, uint32_t cell) {
    for (uint32_t w = 0; w < q->f->net_words; w++)
        if (q->nets[w] &&
            nf_missed_networks(q->f, host, w, q->nets[w], cell, q->options->net_affinity))
            return false;
    return true;
}

/* One guest cell: some cell that is near its networks and, if it wants any, devices. */
static bool one_cell_does(const nf_scan_plan *q, uint32_t host, const nf_block *b) {
    uint32_t first = q->f->host_first_cell[host], last = q->f->host_end_cell[host];
    for (uint32_t cell = first; cell < last; cell++) {
        if (!b->ok[0][cell - b->first_cell] || !near_enough(q, host, cell)) continue;
        if (!q->request->n_pci || nf_pci_serves_one(q->f, host, q->request->pci, cell - first))
            return true;
    }
    return false;
}

static int by_search(const nf_scan_plan *q, uint32_t host) {
    nf_job j;
    if (!nf_host_ok(q->f, host)) return NF_EINVAL;
    nf_job_start(&j, q->f, host, q->request, q->options, NULL);
    nf_job_prepare(&j, q->memory);
    return nf_job_assign(&j);
}

int nf_scan_plan_answer(const nf_scan_plan *q, uint32_t host, const nf_block *b) {
    uint32_t guests = q->request->n_cells, cells = nf_host_cells(q->f, host);
    if (b->settled) return NF_OK;
    if (!q->n_kinds || cells > NF_BLOCK) return by_search(q, host);
    bool simple = q->simple && !(q->request->n_pci && nf_pci_mixes(q->f, host, q->request->pci));
    if (guests == 1 && simple && q->near_known)
        return one_cell_does(q, host, b) ? NF_OK : NF_ASSIGNMENT;
    /* a guest that takes all cells is near all that there is */
    if (guests == cells && simple)
        return !q->request->n_pci || nf_pci_serves_one(q->f, host, q->request->pci, NF_NONE)
                   ? NF_OK
                   : NF_ASSIGNMENT;
    return by_search(q, host);
}
