/* Do the engine's answers contradict each other? Bytes become a sequence of calls; each answer is
 * compared with what another call, or the columns, say of the same question. */
#include "calls.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "changes.h"
#include "holds.h"

enum { MOST_STEPS = 12, MOST_HELD = 6, CAP = 8, N_LOCKS = 2 };

/* A claim that has not been given back. */
typedef struct held {
    uint32_t host;
    uint64_t generation;
    wish wish;
    nf_placement placement;
} held;

typedef struct stage {
    nf_fleet *fleet;
    nf_lock locks[N_LOCKS];
    nf_shared shared;
    held *held[MOST_HELD];
    uint32_t n_held;
    bool changed; /* hosts are others than they were */
} stage;

static void is_sound(const nf_fleet *f) {
    const char *reason = NULL;
    if (nf_fleet_check(f, &reason) != NF_OK) fprintf(stderr, "%s\n", reason);
    HOLDS(!reason);
}

static nf_scratch scratch_of(size_t bytes) {
    nf_scratch scratch = {malloc(bytes), bytes};
    HOLDS(bytes && scratch.memory);
    return scratch;
}

static nf_status fit_on(const nf_fleet *f, uint32_t host, const wish *w, nf_placement *out,
                        nf_reason *why) {
    nf_scratch scratch = scratch_of(nf_fit_bytes(f, &w->request));
    nf_status status = nf_fit(f, host, &w->request, &w->options, &scratch, out, why);
    free(scratch.memory);
    HOLDS(status >= 0 && status < NF_STATUS_END);
    return status;
}

/* One host as a fleet of its own; its memory is to be freed. */
static void *copy_of(const nf_fleet *f, uint32_t host, nf_fleet *copy) {
    nf_scratch memory = scratch_of(nf_host_copy_bytes(f) + 1);
    HOLDS(nf_copy_host(f, host, &memory, copy) == NF_OK);
    is_sound(copy);
    return memory.memory;
}

/* A placement keeps what the request asked for, and takes only what is free. */
static void placement_holds(const nf_fleet *f, uint32_t host, const wish *w,
                            const nf_placement *out) {
    const nf_request *r = &w->request;
    for (uint32_t g = 0; g < r->n_cells; g++) {
        const nf_placed_cell *c = &out->cells[g];
        const nf_guest_cell *guest = &r->cells[g];
        bool pins = guest->policy >= NF_POLICY_DEDICATED;
        HOLDS(c->cell >= f->host_first_cell[host] && c->cell < f->host_end_cell[host]);
        for (uint32_t other = 0; other < g; other++) HOLDS(out->cells[other].cell != c->cell);
        HOLDS(c->n_slots == (pins ? guest->n_dedicated : 0));
        HOLDS((c->page_kib != 0) == (guest->page_kib != NF_PAGES_NONE));
        HOLDS(!c->page_kib || guest->memory * 1024 % c->page_kib == 0);
        HOLDS(guest->page_kib <= 0 || c->page_kib == guest->page_kib);
        HOLDS((c->reserved >= 0) == (pins && g == 0 && r->emulator_isolated));
        const nf_layout *l = &f->layouts[f->cell_layout[c->cell]];
        uint64_t taken[1024] = {0};
        for (uint32_t i = 0; i < c->n_slots + (c->reserved >= 0); i++) {
            uint32_t slot = i < c->n_slots ? out->slots[c->first_slot + i] : (uint32_t)c->reserved;
            uint64_t bit = (uint64_t)1 << (slot % 64);
            HOLDS(slot < l->n_slots && f->layout_cpus[l->cpu_at + slot] >= 0);
            HOLDS(f->layout_words[l->mask_at + slot / 64] & bit);
            HOLDS(!(f->pinned[f->cell_mask_at[c->cell] + slot / 64] & bit));
            HOLDS(!(taken[slot / 64] & bit));
            taken[slot / 64] |= bit;
        }
    }
    for (uint32_t i = 0; i < r->n_pci; i++) {
        uint64_t drawn = 0;
        for (uint32_t d = 0; d < out->n_draws; d++)
            if (out->draws[d].request == i) drawn += out->draws[d].count;
        HOLDS(r->pci[i].n_providers || drawn == r->pci[i].count);
    }
    for (uint32_t p = f->host_first_pool[host]; p < f->host_end_pool[host]; p++) {
        int64_t drawn = 0;
        for (uint32_t d = 0; d < out->n_draws; d++)
            if (out->draws[d].pool == p) drawn += out->draws[d].count;
        HOLDS(drawn == 0 || drawn <= f->pool_count[p]);
    }
}

/* A refusal for want of something names more than there is. */
static void refusal_holds(const nf_reason *why, nf_status status) {
    HOLDS(why->status == (int32_t)status);
    switch (status) {
    case NF_TOO_FEW_CELLS: case NF_PAGES: case NF_PAGES_TOTAL: case NF_MEMORY: case NF_MEMORY_TOTAL:
    case NF_DEDICATED_TOTAL: case NF_SHARED_TOTAL: case NF_FREE_CPUS: case NF_UNLISTED_CPUS:
    case NF_REQUIRE_NO_SMT: case NF_EMULATOR_CPU: case NF_CPU_LIMIT:
    case NF_MEMORY_LIMIT: case NF_ASSIGNMENT: case NF_PCI_NUMA:
        HOLDS(why->wanted > why->available);
        break;
    default: break;
    }
}

/* What stands in the way of pairs, and what a fit says. */
static void explain_agrees(const nf_fleet *f, uint32_t host, const wish *w, nf_status fitted,
                           const nf_placement *out) {
    const nf_request *r = &w->request;
    uint32_t cells = f->host_end_cell[host] - f->host_first_cell[host];
    size_t n = (size_t)cells * r->n_cells;
    nf_reason *reasons = calloc(n, sizeof *reasons);
    HOLDS(nf_explain(f, host, r, &w->options, reasons, n) == NF_OK);
    bool any = false;
    for (size_t i = 0; i < n; i++) any |= reasons[i].status == NF_OK;
    for (uint32_t g = 0; g < r->n_cells && fitted == NF_OK; g++) {
        size_t at = (size_t)g * cells + out->cells[g].cell - f->host_first_cell[host];
        HOLDS(reasons[at].status == NF_OK);
    }
    bool settled = !r->n_nets && !r->n_pci && !r->n_resources && !r->host_classes;
    if (r->n_cells == 1 && settled) HOLDS(any == (fitted == NF_OK));
    free(reasons);
}

/* The devices of a fit are what its cells get when they are asked for alone. */
static void pci_agrees(const nf_fleet *f, uint32_t host, const wish *w, const nf_placement *out) {
    uint32_t cells[MOST_GUEST];
    nf_placement again;
    answer_make(&again, f, &w->request);
    for (uint32_t g = 0; g < w->request.n_cells; g++) cells[g] = out->cells[g].cell;
    nf_scratch scratch = scratch_of(nf_fit_bytes(f, &w->request));
    nf_status status = nf_pci(f, host, &w->request, &w->options, cells, w->request.n_cells,
                              &scratch, &again);
    free(scratch.memory);
    HOLDS(status == NF_OK || (status == NF_UNDECIDED && w->options.budget));
    if (status == NF_OK) {
        HOLDS(again.n_draws == out->n_draws);
        HOLDS(!out->n_draws ||
              !memcmp(again.draws, out->draws, out->n_draws * sizeof *out->draws));
    }
    answer_free(&again);
}

/* Can what a fit has just found be taken? Not always where isolate takes whole cores, and where
 * something comes near to what can be counted. */
static bool must_be_claimable(const nf_fleet *f, const wish *w, const nf_placement *out) {
    const int32_t much = 1 << 29;
    for (uint32_t g = 0; g < w->request.n_cells; g++) {
        uint32_t cell = out->cells[g].cell;
        if (w->cells[g].threads == NF_THREADS_ISOLATE || w->cells[g].memory > 1 << 20) return false;
        if (f->cell_memory_used[cell] > much || f->cell_cpu_used[cell] > much) return false;
        for (uint32_t at = cell; at < f->n_page_sizes * f->n_cells; at += f->n_cells)
            if (f->pages_used[at] > much || f->pages_free[at] < -much) return false;
    }
    return true;
}

/* Taken and given back, every column is what it was. */
static void claim_undoes(const nf_fleet *f, uint32_t host, const wish *w, const nf_placement *out) {
    nf_reason why;
    uint64_t before = world_digest(f), generation = f->host_generation[host];
    nf_status status = nf_claim(f, host, &w->request, out, &why);
    HOLDS(status == NF_OK || status == NF_STALE);
    is_sound(f);
    if (must_be_claimable(f, w, out)) HOLDS(status == NF_OK);
    /* its upper half counts something else */
    uint32_t next = (uint32_t)generation + (status == NF_OK);
    HOLDS(f->host_generation[host] == (generation >> 32 << 32 | next));
    if (status == NF_OK) HOLDS(nf_release(f, host, &w->request, out, &why) == NF_OK);
    is_sound(f);
    HOLDS(world_digest(f) == before);
}

/* The host's answer of a fit, with all that follows from it; -1 where a scan is undecided. */
static nf_status fit_agrees(const nf_fleet *f, uint32_t host, const wish *w) {
    nf_placement out;
    nf_reason why = {0, 0, 0, 0};
    uint8_t fits = 9;
    answer_make(&out, f, &w->request);
    uint64_t before = world_digest(f);
    nf_status status = fit_on(f, host, w, &out, &why), quietly = fit_on(f, host, w, &out, NULL);
    HOLDS((status == NF_OK) == (quietly == NF_OK));
    nf_scratch scratch = scratch_of(nf_fit_bytes(f, &w->request));
    nf_status scanned = nf_scan(f, &(nf_hosts){NULL, host, 1}, &w->request, &w->options, &scratch,
                                &fits);
    free(scratch.memory);
    HOLDS(world_digest(f) == before);
    HOLDS(scanned == NF_OK || (scanned == NF_UNDECIDED && !fits));
    HOLDS(scanned != NF_OK || status == NF_UNDECIDED || fits == (status == NF_OK));
    HOLDS(w->options.budget || w->request.n_cells > 1 || status != NF_UNDECIDED);
    explain_agrees(f, host, w, status, &out);
    if (status == NF_OK) {
        placement_holds(f, host, w, &out);
        pci_agrees(f, host, w, &out);
        claim_undoes(f, host, w, &out);
    } else {
        refusal_holds(&why, status);
    }
    answer_free(&out);
    return scanned == NF_OK ? (fits ? NF_OK : NF_ASSIGNMENT) : NF_UNDECIDED;
}

/* Some hosts, by range or by list. */
typedef struct selection {
    uint32_t list[MOST_HOSTS * 2];
    nf_hosts hosts;
} selection;

static void select_hosts(selection *s, const nf_fleet *f, bytes *b) {
    s->hosts = (nf_hosts){NULL, below(b, f->n_hosts + 1), 0};
    s->hosts.count = below(b, f->n_hosts - s->hosts.first + 1);
    if (!f->n_hosts || below(b, 2)) return;
    s->hosts = (nf_hosts){s->list, 0, below(b, MOST_HOSTS * 2 + 1)};
    for (uint32_t i = 0; i < s->hosts.count; i++) s->list[i] = below(b, f->n_hosts);
}

static uint32_t host_at(const selection *s, uint32_t i) {
    return s->hosts.list ? s->hosts.list[i] : s->hosts.first + i;
}

/* Many hosts at once: each as by itself, and the shared call as the plain one. */
static void scan_agrees(stage *s, const wish *w, const selection *chosen, const nf_status *alone) {
    uint32_t n = chosen->hosts.count;
    uint8_t *fits = calloc(n, 1), *shared = calloc(n, 1);
    nf_scratch scratch = scratch_of(nf_fit_bytes(s->fleet, &w->request));
    nf_status status = nf_scan(s->fleet, &chosen->hosts, &w->request, &w->options, &scratch, fits);
    HOLDS(nf_shared_scan(&s->shared, &chosen->hosts, &w->request, &w->options, &scratch, shared) ==
          status);
    bool undecided = false;
    for (uint32_t i = 0; i < n; i++) {
        nf_status one = alone[host_at(chosen, i)];
        undecided |= one == NF_UNDECIDED;
        HOLDS(fits[i] == (one == NF_OK) && shared[i] == fits[i]);
    }
    HOLDS(status == (undecided ? NF_UNDECIDED : NF_OK));
    free(scratch.memory);
    free(fits);
    free(shared);
}

static double score_of(const nf_fleet *f, uint32_t host, const wish *w, const nf_preference *p) {
    int64_t sum = 0;
    bool pins = w->request.n_cells && w->cells[0].policy >= NF_POLICY_DEDICATED;
    if (p->by == NF_BY_INDEX) return 0.0;
    if (p->by == NF_BY_SCORE) return p->scores[host];
    for (uint32_t c = f->host_first_cell[host]; c < f->host_end_cell[host]; c++)
        sum += pins ? f->cell_free[c] : f->cell_memory[c] - f->cell_memory_used[c];
    return p->by == NF_BY_ROOM ? (double)sum : -(double)sum;
}

/* The best of those that can, the first among equals. */
static void choice_agrees(stage *s, const wish *w, const selection *chosen, const nf_status *alone,
                          bytes *b) {
    double scores[MOST_HOSTS];
    nf_preference by = {below(b, 4), scores};
    nf_best best = {UINT32_MAX, 0.0}, shared = best;
    uint32_t expected = UINT32_MAX;
    for (uint32_t h = 0; h < MOST_HOSTS; h++) scores[h] = below(b, 3) - 1.0;
    nf_scratch scratch = scratch_of(nf_fit_bytes(s->fleet, &w->request));
    HOLDS(nf_choose(s->fleet, &chosen->hosts, &w->request, &w->options, &by, &scratch, &best) ==
          NF_OK);
    HOLDS(nf_shared_choose(&s->shared, &chosen->hosts, &w->request, &w->options, &by, &scratch,
                           &shared) == NF_OK);
    free(scratch.memory);
    for (uint32_t i = 0; i < chosen->hosts.count; i++) {
        uint32_t h = host_at(chosen, i);
        if (alone[h] != NF_OK) continue;
        if (expected == UINT32_MAX ||
            score_of(s->fleet, h, w, &by) > score_of(s->fleet, expected, w, &by))
            expected = h;
    }
    HOLDS(best.host == expected && shared.host == expected);
    HOLDS(expected == UINT32_MAX || best.score == score_of(s->fleet, expected, w, &by));
}

/* Guests that are placed and claimed one after the other; UINT32_MAX: undecided. */
static uint32_t placed_on(const nf_fleet *f, uint32_t host, const wish *w) {
    nf_fleet copy;
    nf_placement out;
    uint32_t count = 0;
    void *memory = copy_of(f, host, &copy);
    answer_make(&out, &copy, &w->request);
    while (count < CAP) {
        nf_status status = fit_on(&copy, 0, w, &out, NULL);
        if (status == NF_UNDECIDED) count = UINT32_MAX;
        if (status != NF_OK || nf_claim(&copy, 0, &w->request, &out, NULL) != NF_OK) break;
        is_sound(&copy);
        count++;
    }
    answer_free(&out);
    free(memory);
    return count;
}

/* Does it ask for anything that a host has only so much of? */
static bool runs_out(const wish *w) {
    bool devices = false;
    for (uint32_t i = 0; i < w->request.n_pci; i++) devices |= w->pci[i].count > 0;
    return w->request.n_cells || w->request.n_resources || w->request.n_fallback || devices;
}

static void capacity_agrees(stage *s, const wish *w, const selection *chosen) {
    uint32_t n = chosen->hosts.count;
    uint32_t *counts = calloc(n, sizeof *counts), *shared = calloc(n, sizeof *shared);
    nf_scratch scratch = scratch_of(nf_capacity_bytes(s->fleet, &w->request));
    uint64_t before = world_digest(s->fleet);
    nf_status status = nf_capacity(s->fleet, &chosen->hosts, &w->request, &w->options, CAP,
                                   &scratch, counts);
    nf_status again = nf_shared_capacity(&s->shared, &chosen->hosts, &w->request, &w->options, CAP,
                                         &scratch, shared);
    free(scratch.memory);
    HOLDS(world_digest(s->fleet) == before);
    if (!runs_out(w)) {
        HOLDS(status == NF_EINVAL && (again == NF_EINVAL || !n));
    } else {
        HOLDS(status == NF_OK || status == NF_UNDECIDED);
        HOLDS(again == status || again == NF_UNDECIDED);
    }
    for (uint32_t i = 0; status == NF_OK && i < n; i++) {
        uint32_t placed = placed_on(s->fleet, host_at(chosen, i), w);
        HOLDS(counts[i] == shared[i] && (placed == UINT32_MAX || counts[i] == placed));
    }
    free(counts);
    free(shared);
}

/* Two kinds of guests in turns, placed one after the other as numafit.h says; false: undecided. */
static bool mixed_on(const nf_fleet *f, uint32_t host, wish *const kinds[2],
                     const double weights[2], uint32_t counts[2]) {
    nf_fleet copy;
    bool gone[2] = {false, false}, decided = true;
    void *memory = copy_of(f, host, &copy);
    counts[0] = counts[1] = 0;
    while (decided && !(gone[0] && gone[1])) {
        uint32_t k = (counts[1] + 1) / weights[1] < (counts[0] + 1) / weights[0];
        if (gone[k]) k = 1 - k;
        nf_placement out;
        answer_make(&out, &copy, &kinds[k]->request);
        wish asked = *kinds[k]; /* all have the options of the first */
        asked.options = kinds[0]->options;
        nf_status status = fit_on(&copy, 0, &asked, &out, NULL);
        decided = status != NF_UNDECIDED;
        if (status == NF_OK && nf_claim(&copy, 0, &asked.request, &out, NULL) == NF_OK)
            gone[k] = ++counts[k] == CAP;
        else
            gone[k] = true;
        answer_free(&out);
    }
    free(memory);
    return decided;
}

static void mix_agrees(stage *s, wish *one, wish *two, const selection *chosen, bytes *b) {
    uint32_t n = chosen->hosts.count, expected[2];
    double weights[2] = {1 + below(b, 3), 0.5 + below(b, 3)};
    wish *const both[2] = {one, two};
    nf_arrival kinds[2] = {{&one->request, weights[0]}, {&two->request, weights[1]}};
    if (!runs_out(one) || !runs_out(two)) return;
    uint32_t *counts = calloc(n, 2 * sizeof *counts), *shared = calloc(n, 2 * sizeof *shared);
    nf_scratch scratch = scratch_of(nf_mix_bytes(s->fleet, kinds, 2));
    nf_status status = nf_mix(s->fleet, &chosen->hosts, kinds, 2, &one->options, CAP, &scratch,
                              counts);
    HOLDS(nf_shared_mix(&s->shared, &chosen->hosts, kinds, 2, &one->options, CAP, &scratch,
                        shared) == status);
    free(scratch.memory);
    HOLDS(status == NF_OK || status == NF_UNDECIDED);
    for (uint32_t i = 0; status == NF_OK && i < n; i++) {
        HOLDS(mixed_on(s->fleet, host_at(chosen, i), both, weights, expected));
        HOLDS(counts[2 * i] == expected[0] && counts[2 * i + 1] == expected[1]);
        HOLDS(shared[2 * i] == expected[0] && shared[2 * i + 1] == expected[1]);
    }
    free(counts);
    free(shared);
}

static nf_claim_item item_of(held *h) {
    return (nf_claim_item){h->host, h->generation, &h->wish.request, &h->wish.options,
                           &h->placement};
}

/* Keep a place for later steps, where there is one. */
static void keep_place(stage *s, bytes *b) {
    nf_reason why;
    if (s->n_held == MOST_HELD || !s->fleet->n_hosts) return;
    held *h = calloc(1, sizeof *h);
    h->host = below(b, s->fleet->n_hosts);
    wish_make(&h->wish, s->fleet, b);
    answer_make(&h->placement, s->fleet, &h->wish.request);
    nf_claim_item item = item_of(h);
    nf_scratch scratch = scratch_of(nf_fit_bytes(s->fleet, &h->wish.request));
    nf_status status = nf_shared_fit(&s->shared, &item, &scratch, &why);
    free(scratch.memory);
    h->generation = item.generation;
    HOLDS(h->generation == s->fleet->host_generation[h->host]);
    uint64_t before = world_digest(s->fleet);
    if (status == NF_OK && below(b, 4)) { /* twice in one call is once too often, or it is not */
        nf_claim_item items[2] = {item, item};
        uint32_t failed = 9;
        if (nf_shared_claim(&s->shared, items, 2, &failed, &why) == NF_OK)
            HOLDS(nf_shared_release(&s->shared, items, 2, &failed, &why) == NF_OK);
        else
            HOLDS(failed < 2);
        HOLDS(world_digest(s->fleet) == before);
    }
    if (status == NF_OK) status = nf_shared_claim(&s->shared, &item, 1, NULL, &why);
    if (status == NF_OK) {
        s->held[s->n_held++] = h;
        return;
    }
    HOLDS(status > NF_OK && world_digest(s->fleet) == before);
    answer_free(&h->placement);
    free(h);
}

static void give_back(stage *s, uint32_t i) {
    nf_reason why;
    held *h = s->held[i];
    nf_claim_item item = item_of(h);
    bool gone = (h->generation ^ s->fleet->host_generation[h->host]) >> 32;
    HOLDS(nf_shared_release(&s->shared, &item, 1, NULL, &why) == (gone ? NF_STALE : NF_OK));
    answer_free(&h->placement);
    free(h);
    s->held[i] = s->held[--s->n_held];
}

/* All that claims change, of one moment: the same as it stands in the fleet. */
static void copies_agree(const stage *s) {
    const nf_column_info *column;
    nf_fleet to = *s->fleet;
    for (uint32_t i = 0; (column = nf_column(i)) != NULL; i++) {
        uint64_t shape[2];
        if (!column->claimed) continue;
        nf_column_shape(&to, i, shape);
        void *data = calloc(shape[0] * shape[1], column->size);
        memcpy((char *)&to + column->offset, &data, sizeof data);
    }
    HOLDS(nf_shared_copy(&s->shared, &to) == NF_OK);
    HOLDS(world_digest(&to) == world_digest(s->fleet));
    for (uint32_t i = 0; (column = nf_column(i)) != NULL; i++) {
        void *data;
        memcpy(&data, (char *)&to + column->offset, sizeof data);
        if (column->claimed) free(data);
    }
}

static void ask(stage *s, bytes *b) {
    wish one, two;
    selection chosen;
    nf_status alone[MOST_HOSTS];
    wish_make(&one, s->fleet, b);
    select_hosts(&chosen, s->fleet, b);
    for (uint32_t h = 0; h < s->fleet->n_hosts; h++) alone[h] = fit_agrees(s->fleet, h, &one);
    scan_agrees(s, &one, &chosen, alone);
    switch (below(b, 4)) {
    case 0: choice_agrees(s, &one, &chosen, alone, b); break;
    case 1: capacity_agrees(s, &one, &chosen); break;
    case 2:
        wish_make(&two, s->fleet, b);
        mix_agrees(s, &one, &two, &chosen, b);
        break;
    default: copies_agree(s); break;
    }
}

static void change(stage *s, bytes *b) {
    bool busy[MOST_HOSTS] = {false};
    for (uint32_t i = 0; i < s->n_held; i++) busy[s->held[i]->host] = true;
    s->changed |= change_fleet(&s->shared, busy, b);
    is_sound(s->fleet);
}

void play_calls(nf_fleet *fleet, bytes *b) {
    stage s = {.fleet = fleet};
    s.shared = (nf_shared){s.fleet, s.locks, N_LOCKS, s.fleet->host_room / N_LOCKS + 1};
    is_sound(s.fleet);
    uint64_t before = world_digest(s.fleet);
    for (int step = 0; step < MOST_STEPS && b->left; step++) {
        if (last_below(b, 4) == 3) change(&s, b);
        switch (below(b, 4)) {
        case 0: case 1: ask(&s, b); break;
        case 2: keep_place(&s, b); break;
        default:
            if (s.n_held) give_back(&s, below(b, s.n_held));
            break;
        }
        HOLDS(nf_shared_check(&s.shared, NULL) == NF_OK);
        for (int l = 0; l < N_LOCKS; l++) HOLDS(!s.locks[l].held);
    }
    while (s.n_held) give_back(&s, s.n_held - 1);
    if (!s.changed) HOLDS(world_digest(s.fleet) == before);
}
