/* Which host cells are near the guest's networks? */
#include "engine.h"

nf_word nf_missed_networks(const nf_fleet *f, uint32_t host, uint32_t word, nf_word wanted,
                           uint32_t cell, uint32_t affinity) {
    const nf_word *nets = f->cell_nets + word;
    nf_word theirs = 0;
    for (uint32_t c = f->host_first_cell[host]; c < f->host_end_cell[host]; c++)
        if (c != cell) theirs |= nets[(size_t)c * f->net_words];
    return nf_missed(wanted, nets[(size_t)cell * f->net_words], theirs, affinity);
}

void nf_near(const nf_fleet *f, uint32_t host, const nf_request *request, uint32_t affinity,
             const uint32_t *order, uint32_t first, uint32_t last, nf_search *s) {
    uint32_t cells = nf_host_cells(f, host);
    s->n_hits = 0;
    nf_mask_zero(s->forced, s->words);
    for (uint32_t n = first; n < last; n++) {
        nf_word *hit = s->hits + (size_t)s->n_hits * s->words;
        uint32_t net = request->nets[n];
        bool known = false;
        nf_mask_zero(hit, s->words);
        for (uint32_t place = 0; place < cells; place++) {
            const nf_word *nets = f->cell_nets + (size_t)order[place] * f->net_words;
            if (net / NF_WORD_BITS >= f->net_words || !nf_bit_get(nets, net)) continue;
            nf_bit_set(affinity == NF_NETS_ALL ? s->forced : hit, place);
            known = true;
        }
        /* a network that no cell of the host is near sets no condition */
        if (known && affinity == NF_NETS_ANY) s->n_hits++;
    }
}
