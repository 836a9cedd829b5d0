/* Does the guest fit this host, and where does it land? */
#include "engine.h"

#define DEFAULT_BUDGET 200000u

/* Everything that one call works with, laid out in the caller's workspace. */
typedef struct job {
    const nf_fleet *f;
    const nf_request *request;
    const nf_options *options;
    nf_reason *why;
    uint32_t host, first_cell, n_cells;
    nf_limits limits;
    uint32_t *order;
    uint32_t *best_place;
    nf_want *wants;        /* [guest] */
    uint32_t *first_alike; /* [class]: the first guest of it */
    nf_search search;
} job;

static size_t aligned(size_t bytes) { return (bytes + 7u) & ~(size_t)7u; }

static uint32_t most_hits(const nf_request *request) { return request->n_nets; }

static bool request_ok(const nf_request *r) {
    if (r->n_cells > NF_MAX_GUEST || r->n_nets > NF_MAX_NETS) return false;
    if ((r->n_cells && !r->cells) || (r->n_nets && !r->nets)) return false;
    for (uint32_t g = 0; g < r->n_cells; g++) {
        const nf_guest_cell *c = &r->cells[g];
        if (c->memory < 0 || c->memory > INT64_MAX / 4096) return false;
        if (c->page_kib < NF_PAGES_ANY || c->policy > NF_POLICY_MIXED) return false;
        if (c->threads > NF_THREADS_REQUIRE) return false;
        if (c->n_dedicated > NF_MAX_SLOTS || c->n_shared > NF_MAX_SLOTS) return false;
    }
    return true;
}

static bool options_ok(const nf_options *o) {
    return o->strategy <= NF_CLOSEST && o->net_affinity <= NF_NETS_ALL &&
           o->limits <= NF_LIMITS_GIVEN;
}

static size_t head_bytes(uint32_t hosts, uint32_t guests) {
    return aligned(hosts * sizeof(uint32_t)) + 2 * aligned(guests * sizeof(uint32_t)) +
           aligned(guests * sizeof(nf_want));
}

size_t nf_workspace_bytes(const nf_fleet *f, const nf_request *request) {
    if (!request_ok(request)) return 0;
    uint32_t hosts = f->max_cells ? f->max_cells : 1;
    uint32_t guests = request->n_cells ? request->n_cells : 1;
    return head_bytes(hosts, guests) + nf_search_bytes(hosts, guests, most_hits(request));
}

/* Guests that ask for the same are of one class; isolated emulator threads set guest 0 apart. */
static void classify(job *j) {
    nf_search *s = &j->search;
    s->n_classes = 0;
    for (uint32_t g = 0; g < s->n_guests; g++) {
        const nf_guest_cell *mine = &j->request->cells[g];
        uint32_t c = 0;
        for (; c < s->n_classes; c++) {
            uint32_t other = j->first_alike[c];
            if (j->wants[other].reserved == j->wants[g].reserved &&
                !memcmp(&j->request->cells[other], mine, sizeof *mine))
                break;
        }
        if (c == s->n_classes) j->first_alike[s->n_classes++] = g;
        s->class_of[g] = c;
    }
}

static bool pins(const nf_guest_cell *g) {
    return g->policy == NF_POLICY_DEDICATED || g->policy == NF_POLICY_MIXED;
}

static void prepare(job *j, char *memory) {
    uint32_t guests = j->request->n_cells;
    j->order = (uint32_t *)(void *)memory;
    memory += aligned(j->n_cells * sizeof *j->order);
    j->best_place = (uint32_t *)(void *)memory;
    memory += aligned(guests * sizeof *j->best_place);
    j->first_alike = (uint32_t *)(void *)memory;
    memory += aligned(guests * sizeof *j->first_alike);
    j->wants = (nf_want *)(void *)memory;
    memory += aligned(guests * sizeof *j->wants);
    for (uint32_t g = 0; g < guests; g++)
        nf_want_from(j->f, &j->request->cells[g], j->request->emulator_isolated && g == 0,
                     &j->wants[g]);
    nf_search_lay_out(&j->search, j->n_cells, guests, most_hits(j->request), memory);
    j->search.budget = j->options->budget ? j->options->budget : DEFAULT_BUDGET;
    if (j->n_cells > guests)
        nf_order(j->f, j->host, !pins(&j->request->cells[0]), j->options->strategy, false,
                 j->order);
    else /* every cell is taken: nova leaves the host's order alone */
        for (uint32_t i = 0; i < j->n_cells; i++) j->order[i] = j->first_cell + i;
}

/* The refusal that came furthest through the checks says most about what is missing. */
static int refuse_pair(job *j, uint32_t guest) {
    nf_reason furthest = {0, 0, 0, 0}, here;
    for (uint32_t i = 0; i < j->n_cells; i++) {
        nf_pair(j->f, j->first_cell + i, &j->wants[guest], &j->limits, &here);
        if (here.status > furthest.status) furthest = here;
    }
    return nf_refuse(j->why, furthest.status, furthest.detail, furthest.wanted,
                     furthest.available);
}

/* Which network is it? One that cannot be near by itself, else all of them together. */
static int refuse_networks(job *j) {
    nf_search *s = &j->search;
    const nf_request *r = j->request;
    for (uint32_t n = 0; n < r->n_nets; n++) {
        nf_near(j->f, j->host, r, j->options->net_affinity, j->order, n, n + 1, s);
        uint32_t near = s->n_hits ? nf_mask_count(s->hits, s->words)
                                  : nf_mask_count(s->forced, s->words);
        bool all = j->options->net_affinity == NF_NETS_ALL;
        if (!near || nf_can_hit(s)) continue;
        int status = r->nets[n] == NF_TUNNEL_NET ? NF_TUNNEL : NF_PHYSNET;
        return nf_refuse(j->why, status, r->nets[n], all ? near : 1, 0);
    }
    return nf_refuse(j->why, NF_NETWORKS, 0, r->n_nets, 0);
}

static int assign(job *j) {
    nf_search *s = &j->search;
    uint32_t matched = 0;
    classify(j);
    for (uint32_t c = 0; c < s->n_classes; c++) {
        nf_word *row = s->rows + (size_t)c * s->words;
        nf_mask_zero(row, s->words);
        for (uint32_t place = 0; place < j->n_cells; place++)
            if (nf_pair(j->f, j->order[place], &j->wants[j->first_alike[c]], &j->limits, NULL) ==
                NF_OK)
                nf_bit_set(row, place);
        if (nf_mask_empty(row, s->words)) return refuse_pair(j, j->first_alike[c]);
    }
    nf_near(j->f, j->host, j->request, j->options->net_affinity, j->order, 0, j->request->n_nets,
            s);
    uint64_t distance_at = j->f->host_distance_at[j->host];
    int status;
    if (j->options->strategy == NF_CLOSEST && s->n_guests > 1 && distance_at != UINT64_MAX) {
        nf_near_pairs near = {.distance = j->f->distances + distance_at, .n_cells = j->n_cells,
                              .first_cell = j->first_cell, .order = j->order,
                              .best_place = j->best_place};
        status = nf_assign_closest(s, &near, &matched);
    } else {
        status = nf_assign(s, &matched);
    }
    if (status == NF_NETWORKS) return refuse_networks(j);
    if (status == NF_ASSIGNMENT) return nf_refuse(j->why, status, 0, s->n_guests, matched);
    return status == NF_OK ? NF_OK : nf_refuse(j->why, status, 0, 0, 0);
}

/* One guest cell without networks: the first host cell that does, and no search at all. */
static int assign_one(job *j) {
    for (uint32_t place = 0; place < j->n_cells; place++)
        if (nf_pair(j->f, j->order[place], &j->wants[0], &j->limits, NULL) == NF_OK) {
            j->search.place[0] = place;
            return NF_OK;
        }
    return refuse_pair(j, 0);
}

static void write_down(const job *j, nf_placement *out) {
    uint32_t slot = 0;
    for (uint32_t g = 0; g < j->request->n_cells; g++) {
        const nf_want *w = &j->wants[g];
        nf_placed_cell *placed = &out->cells[g];
        uint32_t cell = j->order[j->search.place[g]];
        placed->cell = cell;
        placed->page_kib =
            w->page_kib == NF_PAGES_NONE ? 0 : j->f->page_kib[nf_choose_pages(j->f, cell, w)];
        placed->first_slot = slot;
        placed->n_slots = w->pins ? w->n_dedicated : 0;
        nf_pin(j->f, cell, w, out->slots + slot, &placed->reserved);
        slot += placed->n_slots;
    }
}

static int start(job *j, const nf_fleet *f, uint32_t host, const nf_request *request,
                 const nf_options *options, nf_reason *why) {
    if (!f || !request || !options) return NF_EINVAL;
    if (f->abi != NF_ABI_VERSION || request->abi != NF_ABI_VERSION) return NF_EABI;
    if (host >= f->n_hosts || !request_ok(request) || !options_ok(options)) return NF_EINVAL;
    j->f = f;
    j->request = request;
    j->options = options;
    j->why = why;
    j->host = host;
    j->first_cell = f->host_first_cell[host];
    j->n_cells = nf_host_cells(f, host);
    j->limits = nf_limits_for(f, host, options);
    return NF_OK;
}

nf_status nf_fit(const nf_fleet *f, uint32_t host, const nf_request *request,
                 const nf_options *options, void *workspace, size_t workspace_bytes,
                 nf_placement *out, nf_reason *why) {
    job j;
    int status = start(&j, f, host, request, options, why);
    if (status != NF_OK) return status;
    if (!out || (request->n_cells && (!out->cells || !out->slots))) return NF_EINVAL;
    if (!workspace || ((uintptr_t)workspace & 7u) ||
        workspace_bytes < nf_workspace_bytes(f, request))
        return NF_ESPACE;
    if (!request->n_cells) return NF_OK;
    if (!j.n_cells) return nf_refuse(why, NF_NO_TOPOLOGY, 0, request->n_cells, 0);
    if (j.n_cells < request->n_cells)
        return nf_refuse(why, NF_TOO_FEW_CELLS, 0, request->n_cells, j.n_cells);
    prepare(&j, workspace);
    status = request->n_cells == 1 && !request->n_nets ? assign_one(&j) : assign(&j);
    if (status == NF_OK) write_down(&j, out);
    return status;
}

nf_status nf_explain(const nf_fleet *f, uint32_t host, const nf_request *request,
                     const nf_options *options, nf_reason *reasons, size_t n_reasons) {
    job j;
    int status = start(&j, f, host, request, options, NULL);
    if (status != NF_OK) return status;
    if (!reasons || n_reasons < (size_t)request->n_cells * j.n_cells) return NF_ESPACE;
    for (uint32_t g = 0; g < request->n_cells; g++) {
        nf_want w;
        nf_want_from(f, &request->cells[g], request->emulator_isolated && g == 0, &w);
        for (uint32_t i = 0; i < j.n_cells; i++) {
            nf_reason *here = &reasons[(size_t)g * j.n_cells + i];
            *here = (nf_reason){0, 0, 0, 0};
            nf_pair(f, j.first_cell + i, &w, &j.limits, here);
        }
    }
    return NF_OK;
}
