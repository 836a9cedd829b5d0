/* Does the guest fit this host, and where does it land? */
#include "fit.h"

#include "resources.h"

#define DEFAULT_BUDGET 200000u

bool nf_request_ok(const nf_request *r) {
    if (r->n_cells > NF_MAX_GUEST || r->n_nets > NF_MAX_NETS || r->n_pci > NF_MAX_PCI) return false;
    if ((r->n_cells && !r->cells) || (r->n_nets && !r->nets) || (r->n_pci && !r->pci)) return false;
    for (uint32_t g = 0; g < r->n_cells; g++) {
        const nf_guest_cell *c = &r->cells[g];
        if (c->memory < 0 || c->memory > NF_MAX_AMOUNT) return false;
        if (c->page_kib < NF_PAGES_ANY || c->policy > NF_POLICY_MIXED) return false;
        if (c->threads > NF_THREADS_REQUIRE) return false;
        if (c->n_dedicated > NF_MAX_SLOTS || c->n_shared > NF_MAX_SLOTS) return false;
    }
    for (uint32_t p = 0; p < r->n_pci; p++) {
        const nf_pci_request *q = &r->pci[p];
        if (q->count > INT32_MAX || q->policy > NF_PCI_PREFERRED || !q->matches || !q->usable)
            return false;
        if (q->n_providers && !q->providers) return false;
    }
    return true;
}

bool nf_options_ok(const nf_options *o) {
    return o->strategy <= NF_CLOSEST && o->net_affinity <= NF_NETS_ALL &&
           o->limits <= NF_LIMITS_GIVEN && o->pci_matching <= NF_MATCH_EXACT &&
           /* neither negative nor NaN, which would be no limit at all */
           (o->limits != NF_LIMITS_GIVEN || (o->cpu_ratio >= 0.0 && o->ram_ratio >= 0.0));
}

static int64_t budget_of(const nf_options *options) {
    return options->budget ? options->budget : DEFAULT_BUDGET;
}

static uint32_t at_least_one(uint32_t n) { return n ? n : 1; }

static void lay_out(nf_job *j, const nf_fleet *f, const nf_request *request, uint32_t n_cells,
                    nf_arena *a) {
    uint32_t cells = at_least_one(n_cells), guests = at_least_one(request->n_cells);
    j->states = nf_carve(a, cells, sizeof *j->states);
    j->order = nf_carve(a, cells, sizeof *j->order);
    j->place = nf_carve(a, guests, sizeof *j->place);
    j->cells = nf_carve(a, guests, sizeof *j->cells);
    j->best_place = nf_carve(a, guests, sizeof *j->best_place);
    j->first_alike = nf_carve(a, guests, sizeof *j->first_alike);
    j->cell_mask = nf_carve(a, nf_words_for(cells), sizeof *j->cell_mask);
    j->wants = nf_carve(a, guests, sizeof *j->wants);
    nf_pci_lay_out(&j->pci, f, request, cells, a);
}

/* Most fits need no search: it is laid out behind the rest where one begins. */
static void lay_out_search(nf_job *j, const nf_request *r, uint32_t n_cells, nf_arena *a) {
    nf_search_lay_out(&j->search, at_least_one(n_cells), at_least_one(r->n_cells),
                      r->n_nets + r->n_pci, a);
}

/* One guest cell that nothing ties to a host cell takes the first that does: assign_all(). */
static bool may_search(const nf_request *r) {
    return r->n_cells > 1 || (r->n_cells && (r->n_nets || r->n_pci));
}

static size_t bytes_for(const nf_fleet *f, const nf_request *request) {
    nf_job j;
    nf_arena a = {NULL, 0};
    lay_out(&j, f, request, f->max_cells, &a);
    if (may_search(request)) lay_out_search(&j, request, f->max_cells, &a);
    return a.used;
}

size_t nf_fit_bytes(const nf_fleet *f, const nf_request *request) {
    return f && request && nf_request_ok(request) ? bytes_for(f, request) : 0;
}

uint32_t nf_max_slots(const nf_request *request) {
    uint64_t n = 0;
    if (!request || (request->n_cells && !request->cells)) return 0;
    for (uint32_t g = 0; g < request->n_cells; g++) n += request->cells[g].n_dedicated;
    return n < UINT32_MAX ? (uint32_t)n : UINT32_MAX;
}

bool nf_scratch_ok(const nf_scratch *scratch, size_t bytes) {
    return scratch && scratch->memory && !((uintptr_t)scratch->memory & 7u) &&
           scratch->bytes >= bytes;
}

bool nf_hosts_ok(const nf_fleet *f, const nf_hosts *hosts) {
    if (!hosts) return false;
    uint32_t most = 0, there = nf_n_hosts(f);
    if (!hosts->list) return hosts->first <= there && hosts->count <= there - hosts->first;
    for (uint32_t i = 0; i < hosts->count; i++)
        if (hosts->list[i] > most) most = hosts->list[i];
    return !hosts->count || most < there;
}

void nf_placement_lay_out(nf_placement *p, uint32_t cells, uint32_t slots, uint32_t draws,
                          nf_arena *a) {
    *p = (nf_placement){.cells = nf_carve(a, cells, sizeof *p->cells),
                        .slots = nf_carve(a, slots, sizeof *p->slots),
                        .draws = nf_carve(a, draws, sizeof *p->draws),
                        .cells_size = cells,
                        .slots_size = slots,
                        .draws_size = draws};
}

/* Room for all that a fit of this request can write? */
static bool placement_has_room(const nf_fleet *f, const nf_request *r, const nf_placement *p) {
    if (r->n_cells && (!p->cells || p->cells_size < r->n_cells)) return false;
    uint32_t slots = nf_max_slots(r), draws = r->n_pci ? nf_max_draws(f, r) : 0;
    return (!slots || (p->slots && p->slots_size >= slots)) &&
           (!draws || (p->draws && p->draws_size >= draws));
}

int nf_job_check(const nf_fleet *f, const nf_request *request, const nf_options *options,
                 const nf_scratch *scratch) {
    if (!f || !request || !options) return NF_EINVAL;
    if (f->abi != NF_ABI_VERSION || request->abi != NF_ABI_VERSION) return NF_EABI;
    if (f->identity != request->fleet) return NF_EFLEET;
    if (!nf_request_ok(request) || !nf_options_ok(options) || nf_missing_column(f)) return NF_EINVAL;
    if ((request->n_resources || request->n_fallback) && !nf_resources_ok(f, request)) return NF_EINVAL;
    for (uint32_t p = 0; p < request->n_pci; p++)
        if (!nf_mask_within(request->pci[p].usable, request->pci[p].matches,
                            nf_words_for(f->n_classes)))
            return NF_EINVAL;
    if (!nf_scratch_ok(scratch, bytes_for(f, request))) return NF_ESPACE;
    return NF_OK;
}

void nf_job_start(nf_job *j, const nf_fleet *f, uint32_t host, const nf_request *request,
                  const nf_options *options, nf_reason *why) {
    j->f = f;
    j->request = request;
    j->options = options;
    j->why = why;
    j->host = host;
    j->first_cell = f->host_first_cell[host];
    j->n_cells = nf_host_cells(f, host);
    j->limits = nf_limits_for(f, host, options);
    j->budget = budget_of(options);
}

void nf_job_prepare(nf_job *j, void *memory) {
    const nf_request *r = j->request;
    uint32_t guests = r->n_cells;
    j->rest = (nf_arena){memory, 0};
    lay_out(j, j->f, r, j->n_cells, &j->rest);
    if (r->n_pci)
        nf_pci_start(&j->pci, j->f, j->host, r, j->options->pci_matching == NF_MATCH_EXACT,
                     &j->budget);
    if (!guests) return;
    for (uint32_t g = 0; g < guests; g++) nf_demand_of(j->f, r, g, &j->wants[g]);
    for (uint32_t i = 0; i < j->n_cells; i++)
        nf_cell_load(&j->states[i], j->f, j->first_cell + i);
    if (j->n_cells > guests) {
        nf_ordering by = nf_ordering_of(r, j->options);
        nf_order(j->states, j->n_cells, &by, j->order);
    } else { /* every cell is taken: nova leaves the host's order alone */
        for (uint32_t i = 0; i < j->n_cells; i++) j->order[i] = i;
    }
    for (uint32_t i = 0; i < j->n_cells; i++) j->order[i] += j->first_cell;
}

static int pair_at(const nf_job *j, uint32_t place, uint32_t guest) {
    return nf_pair(&j->states[j->order[place] - j->first_cell], &j->wants[guest], &j->limits, NULL);
}

/* Guests that ask for the same are of one class. */
static void classify(nf_job *j) {
    nf_search *s = &j->search;
    s->n_classes = 0;
    for (uint32_t g = 0; g < s->n_guests; g++) {
        uint32_t c = 0;
        while (c < s->n_classes && !nf_alike(j->request, j->first_alike[c], g)) c++;
        if (c == s->n_classes) j->first_alike[s->n_classes++] = g;
        s->class_of[g] = c;
    }
}

/* Devices that only some cells have make those cells a set that must be met, like a network's. */
static void near_devices(nf_job *j) {
    nf_search *s = &j->search;
    for (uint32_t r = 0; r < j->request->n_pci; r++) {
        if (!nf_pci_needs(&j->pci, r, j->cell_mask)) continue;
        nf_word *hit = s->hits + (size_t)s->n_hits++ * s->words;
        nf_mask_zero(hit, s->words);
        for (uint32_t place = 0; place < j->n_cells; place++)
            if (nf_bit_get(j->cell_mask, j->order[place] - j->first_cell)) nf_bit_set(hit, place);
    }
}

static void choose(nf_job *j, uint32_t depth) {
    for (uint32_t g = 0; g < depth; g++)
        j->cells[g] = j->order[j->place[g]];
    nf_pci_choose(&j->pci, j->cells, depth);
}

static bool devices_do(void *context, const nf_search *s, uint32_t depth) {
    nf_job *j = context;
    choose(j, depth);
    if (depth == s->n_guests) {
        if (nf_pci_failed_before(&j->pci)) return false;
        if (nf_pci_serve(&j->pci)) return true;
        nf_pci_remember_failure(&j->pci);
        return false;
    }
    nf_pci_find_stuck(&j->pci);
    nf_mask_zero(j->cell_mask, nf_words_for(j->n_cells));
    for (uint32_t c = 0; c < s->n_classes; c++) {
        const nf_word *open = s->open + (size_t)c * s->words;
        for (uint32_t h = nf_mask_next(open, s->words, 0); h != NF_NONE;
             h = nf_mask_next(open, s->words, h + 1))
            nf_bit_set(j->cell_mask, j->order[h] - j->first_cell);
    }
    for (uint32_t r = 0; r < j->request->n_pci; r++)
        if (!nf_pci_hopeful(&j->pci, (nf_word)1 << r, j->cell_mask, s->n_guests - depth, NULL,
                            NULL))
            return false;
    return true;
}

/* Before any search: can each request, and each few of them together, be served at best? */
static int hope(nf_job *j) {
    uint32_t n = j->request->n_pci, words = nf_words_for(j->n_cells);
    const nf_search *s = &j->search;
    nf_pci_choose(&j->pci, NULL, 0);
    nf_pci_find_alone(&j->pci);
    nf_mask_zero(j->cell_mask, words);
    for (uint32_t place = 0; place < j->n_cells; place++)
        for (uint32_t c = 0; c < s->n_classes; c++)
            if (nf_bit_get(s->rows + (size_t)c * s->words, place))
                nf_bit_set(j->cell_mask, j->order[place] - j->first_cell);
    for (uint32_t r = 0; r < n; r++) {
        int64_t wanted, best;
        if (nf_pci_hopeful(&j->pci, (nf_word)1 << r, j->cell_mask, s->n_guests, &wanted, &best))
            continue;
        if (nf_refuse_pci(j) == NF_PCI_DEVICES) return NF_PCI_DEVICES;
        return nf_refuse(j->why, NF_PCI_NUMA, r, wanted, best);
    }
    nf_word all = n < 64 ? ((nf_word)1 << n) - 1 : ~(nf_word)0;
    for (nf_word set = n <= 6 ? 3 : all; set <= all && n > 1; set++) {
        if (!nf_pci_hopeful(&j->pci, set, j->cell_mask, s->n_guests, NULL, NULL))
            return nf_refuse(j->why, NF_PCI_TOGETHER, 0, n, 0);
        if (set == all) break;
    }
    return NF_OK;
}

static int search_places(nf_job *j, uint32_t *matched) {
    nf_search *s = &j->search;
    uint64_t distance_at = j->f->host_distance_at[j->host];
    if (j->request->n_pci) {
        s->accept = devices_do;
        s->context = j;
    }
    if (j->options->strategy != NF_CLOSEST || s->n_guests < 2 || distance_at == NF_NO_DISTANCES)
        return nf_assign(s, matched);
    nf_closest near = {.distance = j->f->distances + distance_at, .n_cells = j->n_cells,
                          .first_cell = j->first_cell, .order = j->order,
                          .best_place = j->best_place, .also = s->accept, .context = s->context};
    int status = nf_assign_closest(s, &near, matched);
    j->pci.served = false; /* the last choice tried need not be the best one */
    /* its devices have been found once within the budget, and are found again */
    if (status == NF_OK) j->budget = budget_of(j->options);
    return status;
}

static int assign(nf_job *j) {
    nf_search *s = &j->search;
    uint32_t matched = 0;
    lay_out_search(j, j->request, j->n_cells, &j->rest);
    s->place = j->place;
    s->budget = &j->budget;
    classify(j);
    for (uint32_t c = 0; c < s->n_classes; c++) {
        nf_word *row = s->rows + (size_t)c * s->words;
        nf_mask_zero(row, s->words);
        for (uint32_t place = 0; place < j->n_cells; place++)
            if (pair_at(j, place, j->first_alike[c]) == NF_OK) nf_bit_set(row, place);
        if (nf_mask_empty(row, s->words)) return nf_refuse_pair(j, j->first_alike[c]);
    }
    nf_near(j->f, j->host, j->request, j->options->net_affinity, j->order, 0, j->request->n_nets,
            s);
    if (j->request->n_pci) {
        int status = hope(j);
        if (status != NF_OK) return status;
        near_devices(j);
    }
    int status = search_places(j, &matched);
    if (status == NF_OK) return NF_OK;
    if (status == NF_ASSIGNMENT) return nf_refuse(j->why, status, 0, s->n_guests, matched);
    if (status == NF_UNDECIDED || !j->why) return nf_refuse(j->why, status, 0, 0, 0);
    if (j->request->n_nets && (status = nf_refuse_networks(j)) != NF_OK) return status;
    return nf_refuse_pci(j);
}

bool nf_near_networks(const nf_job *j, uint32_t cell) {
    const nf_request *r = j->request;
    for (uint32_t n = 0; n < r->n_nets; n++) {
        uint32_t word = r->nets[n] / NF_WORD_BITS;
        nf_word wanted = (nf_word)1 << (r->nets[n] % NF_WORD_BITS);
        if (word < j->f->net_words &&
            nf_missed_networks(j->f, j->host, word, wanted, cell, j->options->net_affinity))
            return false;
    }
    return true;
}

/* One guest cell: the first host cell that does, and no search at all. */
static bool assign_one(nf_job *j) {
    for (uint32_t place = 0; place < j->n_cells; place++) {
        if (pair_at(j, place, 0) != NF_OK) continue;
        if (!nf_near_networks(j, j->order[place])) continue;
        j->place[0] = place;
        if (!j->request->n_pci) return true;
        choose(j, 1);
        if (nf_pci_serve(&j->pci)) return true;
    }
    return false;
}

/* Is there a cell that guest cell 0 fits, whatever else keeps it off? */
static bool any_pair(const nf_job *j) {
    for (uint32_t place = 0; place < j->n_cells; place++)
        if (pair_at(j, place, 0) == NF_OK) return true;
    return false;
}

static int assign_all(nf_job *j) {
    uint32_t guests = j->request->n_cells;
    if (nf_asks_host(j->request)) {
        int whole = nf_resources_fit(j->f, j->host, j->request, j->why);
        if (whole != NF_OK) return whole;
    }
    if (!j->n_cells && nf_removed(j->f, j->host)) return nf_refuse(j->why, NF_REMOVED, 0, 0, 0);
    if (guests && !j->n_cells) return nf_refuse(j->why, NF_NO_TOPOLOGY, 0, guests, 0);
    if (j->n_cells < guests) return nf_refuse(j->why, NF_TOO_FEW_CELLS, 0, guests, j->n_cells);
    bool done = guests == 1 && assign_one(j);
    if (guests == 1 && !done && !j->why) return j->budget < 0 ? NF_UNDECIDED : NF_ASSIGNMENT;
    if (guests == 1 && !done && !any_pair(j)) return nf_refuse_pair(j, 0);
    if (guests && !done) {
        int status = assign(j);
        if (status != NF_OK) return status;
    }
    if (!j->request->n_pci || j->pci.served) return NF_OK;
    choose(j, guests);
    return nf_pci_serve(&j->pci) ? NF_OK : nf_refuse_pci(j);
}

int nf_job_assign(nf_job *j) {
    int status = assign_all(j);
    return j->request->n_pci && j->pci.overrun ? NF_ESPACE : status;
}

static void write_down(const nf_job *j, nf_placement *out) {
    uint32_t slot = 0;
    for (uint32_t g = 0; g < j->request->n_cells; g++) {
        const nf_demand *w = &j->wants[g];
        nf_placed_cell *placed = &out->cells[g];
        uint32_t cell = j->order[j->place[g]];
        const nf_cell *state = &j->states[cell - j->first_cell];
        placed->cell = cell;
        placed->id = j->f->cell_id[cell];
        placed->layout = j->f->cell_layout[cell];
        placed->page_kib =
            w->page_kib == NF_PAGES_NONE ? 0 : j->f->page_kib[nf_choose_pages(state, w)];
        placed->first_slot = slot;
        placed->n_slots = w->pins ? w->n_dedicated : 0;
        nf_pin(j->f, cell, state, w, out->slots + slot, &placed->reserved);
        slot += placed->n_slots;
    }
    out->n_draws = j->request->n_pci ? j->pci.n_draws : 0;
    if (out->n_draws) memcpy(out->draws, j->pci.draws, out->n_draws * sizeof *out->draws);
}

nf_status nf_fit(const nf_fleet *f, uint32_t host, const nf_request *request,
                 const nf_options *options, const nf_scratch *scratch, nf_placement *out,
                 nf_reason *why) {
    nf_job j;
    int status = nf_job_check(f, request, options, scratch);
    if (status != NF_OK) return status;
    if (!nf_host_ok(f, host) || !out) return NF_EINVAL;
    if (!placement_has_room(f, request, out)) return NF_ESPACE;
    nf_job_start(&j, f, host, request, options, why);
    nf_job_prepare(&j, scratch->memory);
    if ((status = nf_job_assign(&j)) != NF_OK) return status;
    write_down(&j, out);
    return NF_OK;
}

nf_status nf_pci(const nf_fleet *f, uint32_t host, const nf_request *request,
                 const nf_options *options, const uint32_t *cells, uint32_t n_cells,
                 const nf_scratch *scratch, nf_placement *out) {
    nf_job j;
    int status = nf_job_check(f, request, options, scratch);
    if (status != NF_OK) return status;
    if (!nf_host_ok(f, host) || (n_cells && !cells) || !out) return NF_EINVAL;
    if (nf_removed(f, host)) return NF_REMOVED;
    uint32_t draws = nf_max_draws(f, request);
    if (draws && (!out->draws || out->draws_size < draws)) return NF_ESPACE;
    nf_job_start(&j, f, host, request, options, NULL);
    for (uint32_t i = 0; i < n_cells; i++)
        if (cells[i] < j.first_cell || cells[i] - j.first_cell >= j.n_cells) return NF_EINVAL;
    out->n_draws = 0;
    if (!request->n_pci) return NF_OK;
    nf_arena a = {scratch->memory, 0};
    nf_pci_lay_out(&j.pci, f, request, at_least_one(j.n_cells), &a);
    nf_pci_start(&j.pci, f, host, request, options->pci_matching == NF_MATCH_EXACT, &j.budget);
    nf_pci_choose(&j.pci, cells, n_cells);
    j.pci.anywhere = !n_cells;
    bool served = nf_pci_serve(&j.pci);
    if (j.pci.overrun) return NF_ESPACE;
    if (!served) return j.budget < 0 ? NF_UNDECIDED : NF_PCI_NUMA;
    memcpy(out->draws, j.pci.draws, j.pci.n_draws * sizeof *out->draws);
    out->n_draws = j.pci.n_draws;
    return NF_OK;
}

nf_status nf_explain(const nf_fleet *f, uint32_t host, const nf_request *request,
                     const nf_options *options, nf_reason *reasons, size_t n_reasons) {
    if (!f || !request || !options) return NF_EINVAL;
    if (f->abi != NF_ABI_VERSION || request->abi != NF_ABI_VERSION) return NF_EABI;
    if (f->identity != request->fleet) return NF_EFLEET;
    if (host >= f->n_hosts || !nf_request_ok(request) || !nf_options_ok(options)) return NF_EINVAL;
    if (nf_missing_column(f)) return NF_EINVAL;
    uint32_t first = f->host_first_cell[host], cells = nf_host_cells(f, host);
    nf_limits limits = nf_limits_for(f, host, options);
    if (!reasons || n_reasons < (size_t)request->n_cells * cells) return NF_ESPACE;
    for (uint32_t g = 0; g < request->n_cells; g++) {
        nf_demand w;
        nf_demand_of(f, request, g, &w);
        for (uint32_t i = 0; i < cells; i++) {
            nf_reason *here = &reasons[(size_t)g * cells + i];
            *here = (nf_reason){0, 0, 0, 0};
            nf_cell c;
            nf_cell_load(&c, f, first + i);
            nf_pair(&c, &w, &limits, here);
        }
    }
    return NF_OK;
}
