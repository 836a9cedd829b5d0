/* Why does the guest not fit? Asked only after a refusal, so it may cost a little. */
#include "fit.h"

/* The refusal that came furthest through the checks says most about what is missing. */
int nf_refuse_pair(nf_job *j, uint32_t guest) {
    nf_reason furthest = {0, 0, 0, 0}, here;
    for (uint32_t i = 0; i < j->n_cells; i++) {
        nf_pair(&j->states[i], &j->wants[guest], &j->limits, &here);
        if (here.status > furthest.status) furthest = here;
    }
    return nf_refuse(j->why, furthest.status, furthest.detail, furthest.wanted,
                     furthest.available);
}

/* Can the sets at hand be met, with nothing decided yet? */
static bool can_be_met(nf_search *s) {
    uint32_t matched;
    s->accept = NULL;
    return nf_assign(s, &matched) == NF_OK;
}

/* The network that cannot be near by itself, else all of them together; NF_OK: they all can. */
int nf_refuse_networks(nf_job *j) {
    nf_search *s = &j->search;
    const nf_request *r = j->request;
    uint32_t affinity = j->options->net_affinity;
    for (uint32_t n = 0; n < r->n_nets; n++) {
        nf_near(j->f, j->host, r, affinity, j->order, n, n + 1, s);
        uint32_t near = s->n_hits ? nf_mask_count(s->hits, s->words)
                                  : nf_mask_count(s->forced, s->words);
        if (!near || can_be_met(s)) continue;
        int status = r->nets[n] == NF_TUNNEL_NET ? NF_TUNNEL : NF_PHYSNET;
        return nf_refuse(j->why, status, r->nets[n], affinity == NF_NETS_ALL ? near : 1, 0);
    }
    nf_near(j->f, j->host, r, affinity, j->order, 0, r->n_nets, s);
    return can_be_met(s) ? NF_OK : nf_refuse(j->why, NF_NETWORKS, 0, r->n_nets, 0);
}

static int64_t usable_anywhere(const nf_pci_job *p, uint32_t r) {
    int64_t sum = 0;
    for (uint32_t i = 0; i < p->n_pools; i++) {
        int32_t count = p->f->pool_count[p->first_pool + i];
        if (count > 0 && nf_pci_takes(p, r, i, false)) sum += count;
    }
    return sum;
}

int nf_refuse_pci(nf_job *j) {
    if (j->budget < 0) return nf_refuse(j->why, NF_UNDECIDED, 0, 0, 0);
    for (uint32_t r = 0; r < j->request->n_pci; r++) {
        int64_t there = usable_anywhere(&j->pci, r), wanted = j->request->pci[r].count;
        if (there < wanted || !there)
            return nf_refuse(j->why, NF_PCI_DEVICES, r, wanted, there);
    }
    int status = j->request->n_nets && j->request->n_cells ? NF_TOGETHER : NF_PCI_TOGETHER;
    return nf_refuse(j->why, status, 0, j->request->n_pci, 0);
}
