/* Which guest cell goes to which host cell, beside a search of all choices: the first in the order
 * of the host's cells, or that of the smallest sum of distances; and why there is none. */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "dice.h"
#include "fixture.h"

enum { MOST_GUESTS = 4, MOST_CELLS = 72, NETS = 6, ROUNDS = 30000, WIDE_ROUNDS = 60 };

typedef struct world {
    fixture f;
    uint32_t n_cells, n_guests, n_nets;
    nf_guest_cell guests[MOST_GUESTS];
    uint32_t nets[NETS];
    int32_t distances[MOST_CELLS * MOST_CELLS];
    int32_t small[MOST_CELLS], large[MOST_CELLS]; /* MiB free in pages of 4 KiB, of 2 MiB */
    nf_options options;
} world;

/* Cells differ in their free pages and their networks alone: they are looked at in the order of the
 * host. */
static void make(world *w, uint32_t cells, uint32_t guests) {
    w->n_cells = cells;
    w->n_guests = guests;
    for (uint32_t i = 0; i < cells * cells; i++) w->distances[i] = (int32_t)(10 + dice(12));
    fixture_one_host(&w->f, cells, w->distances);
    for (uint32_t c = 0; c < cells; c++) {
        w->small[c] = dice(4) ? 4096 : 0;
        w->large[c] = (int32_t)dice(3) * 64;
        w->f.fleet.pages_free[c] = w->small[c] * 256;
        w->f.fleet.pages_used[c] = (1 << 20) - w->small[c] * 256;
        w->f.fleet.pages_free[cells + c] = w->large[c] / 2;
        w->f.fleet.pages_used[cells + c] = 64 - w->large[c] / 2;
        uint64_t bits = dice(2) ? dice(1u << NETS) & dice(1u << NETS) : 1u << dice(NETS);
        ((uint64_t *)(uintptr_t)w->f.fleet.cell_nets)[c] = dice(3) ? bits : 0;
    }
    for (uint32_t g = 0; g < guests; g++) {
        static const int64_t kinds[][2] = {{4, 1024}, {2048, 64}, {2048, 128}, {NF_PAGES_ANY, 64}};
        const int64_t *kind = kinds[dice(4)];
        w->guests[g] = pinned(1 + dice(2), kind[1]);
        w->guests[g].page_kib = kind[0];
        if (g && !dice(3)) w->guests[g] = w->guests[g - 1];
    }
    w->n_nets = dice(NETS);
    for (uint32_t n = 0; n < w->n_nets; n++) w->nets[n] = dice(NETS);
    w->options = (nf_options){.strategy = dice(3), .net_affinity = dice(3) ? NF_NETS_ANY : NF_NETS_ALL};
}

static bool cell_does(const world *w, uint32_t g, uint32_t c) {
    int64_t memory = w->guests[g].memory;
    switch (w->guests[g].page_kib) {
    case 4: return w->small[c] >= memory;
    case 2048: return w->large[c] >= memory;
    default: return w->small[c] >= memory || w->large[c] >= memory;
    }
}

/* Are the chosen cells near enough to one network? */
static bool near(const world *w, uint32_t net, const uint32_t *chosen, uint32_t n) {
    bool some = false, every = true, known = false;
    for (uint32_t c = 0; c < w->n_cells; c++) {
        bool taken = false;
        if (!(w->f.fleet.cell_nets[c] >> net & 1u)) continue;
        for (uint32_t g = 0; g < n; g++) taken |= chosen[g] == c;
        known = true;
        some |= taken;
        every &= taken;
    }
    return !known || (w->options.net_affinity == NF_NETS_ALL ? every : some);
}

typedef struct found {
    uint32_t chosen[MOST_GUESTS], best[MOST_GUESTS], most;
    int64_t sum;
    bool any, alone[NETS]; /* could it be near that network alone? */
} found;

static void look(const world *w, found *x, uint32_t g) {
    if (g > x->most) x->most = g;
    if (g == w->n_guests) {
        int64_t sum = 0;
        bool all = true;
        for (uint32_t n = 0; n < w->n_nets; n++) {
            bool one = near(w, w->nets[n], x->chosen, g);
            x->alone[n] |= one;
            all &= one;
        }
        if (!all) return;
        for (uint32_t a = 0; a < g; a++)
            for (uint32_t b = 0; b < g; b++)
                if (a != b) sum += w->distances[x->chosen[a] * w->n_cells + x->chosen[b]];
        if (x->any && (w->options.strategy != NF_CLOSEST || sum >= x->sum)) return;
        x->any = true;
        x->sum = sum;
        memcpy(x->best, x->chosen, sizeof x->best);
        return;
    }
    for (uint32_t c = 0; c < w->n_cells; c++) {
        bool taken = false;
        for (uint32_t other = 0; other < g; other++) taken |= x->chosen[other] == c;
        x->chosen[g] = c;
        if (!taken && cell_does(w, g, c)) look(w, x, g + 1);
    }
}

/* The most guests that find a cell at once, whichever are left out. */
static uint32_t matched(const world *w, uint32_t g, uint32_t *chosen, uint32_t n) {
    uint32_t most;
    if (g == w->n_guests) return n;
    most = matched(w, g + 1, chosen, n);
    for (uint32_t c = 0; c < w->n_cells && most < w->n_guests; c++) {
        bool taken = false;
        for (uint32_t other = 0; other < n; other++) taken |= chosen[other] == c;
        if (taken || !cell_does(w, g, c)) continue;
        chosen[n] = c;
        uint32_t here = matched(w, g + 1, chosen, n + 1);
        if (here > most) most = here;
    }
    return most;
}

static bool lonely(const world *w) {
    for (uint32_t g = 0; g < w->n_guests; g++) {
        bool any = false;
        for (uint32_t c = 0; c < w->n_cells; c++) any |= cell_does(w, g, c);
        if (!any) return true;
    }
    return false;
}

static void compare(world *w) {
    answer a;
    found x = {.any = false};
    uint32_t chosen[MOST_GUESTS];
    uint8_t can = 9;
    nf_reason why = {0, 0, 0, 0};
    nf_request r = request_of(w->guests, w->n_guests);
    r.nets = w->nets;
    r.n_nets = w->n_nets;
    CHECK(nf_fleet_check(&w->f.fleet, NULL) == NF_OK);
    look(w, &x, 0);
    nf_status status = fit(&w->f.fleet, 0, &r, &w->options, &a, &why);
    nf_scratch scratch = {.bytes = nf_fit_bytes(&w->f.fleet, &r)};
    scratch.memory = malloc(scratch.bytes);
    CHECK(nf_scan(&w->f.fleet, &(nf_hosts){NULL, 0, 1}, &r, &w->options, &scratch, &can) == NF_OK);
    free(scratch.memory);
    CHECK(can == x.any);
    CHECK((status == NF_OK) == x.any);
    if (x.any) {
        for (uint32_t g = 0; g < w->n_guests; g++) CHECK(a.cells[g].cell == x.best[g]);
    } else if (lonely(w)) {
        CHECK(status == NF_PAGES);
    } else if (x.most < w->n_guests) {
        CHECK(status == NF_ASSIGNMENT && why.wanted == w->n_guests);
        CHECK(why.available == matched(w, 0, chosen, 0));
    } else {
        uint32_t n = 0;
        while (n < w->n_nets && x.alone[n]) n++;
        if (n == w->n_nets) {
            CHECK(status == NF_NETWORKS && why.wanted == n);
        } else {
            CHECK(status == (w->nets[n] == NF_TUNNEL_NET ? NF_TUNNEL : NF_PHYSNET));
            CHECK(why.detail == (int32_t)w->nets[n] && why.available == 0);
        }
    }
}

/* Nine networks, each near a cell of its own: eight guest cells cannot be near all of them, nine can.
 * That is seen before the search begins, in which 16!/8! choices wait. */
static void more_networks_than_guest_cells_are_refused_at_once(void) {
    enum { CELLS = 16, NINE = 9 };
    static int32_t distances[CELLS * CELLS];
    static nf_placed_cell cells[NINE];
    static uint32_t slots[NINE];
    fixture f;
    nf_reason why = {0, 0, 0, 0};
    const nf_options o = {.budget = 1000};
    nf_guest_cell guests[NINE];
    uint32_t nets[NINE];
    fixture_one_host(&f, CELLS, distances);
    for (uint32_t c = 0; c < CELLS; c++)
        ((uint64_t *)(uintptr_t)f.fleet.cell_nets)[c] = c < NINE ? (uint64_t)2 << c : 0;
    for (uint32_t n = 0; n < NINE; n++) {
        guests[n] = pinned(1, 64 + 2 * (int64_t)n); /* none like another */
        nets[n] = n + 1;
    }
    nf_placement out = {.cells = cells, .cells_size = NINE, .slots = slots, .slots_size = NINE};
    for (uint32_t n = NINE - 1; n <= NINE; n++) {
        nf_request r = request_of(guests, n);
        r.nets = nets;
        r.n_nets = NINE;
        nf_scratch scratch = {.bytes = nf_fit_bytes(&f.fleet, &r)};
        scratch.memory = malloc(scratch.bytes);
        CHECK(nf_fit(&f.fleet, 0, &r, &o, &scratch, &out, &why) ==
              (n < NINE ? NF_NETWORKS : NF_OK));
        free(scratch.memory);
    }
    CHECK(why.status == NF_NETWORKS && why.wanted == NINE);
    for (uint32_t g = 0; g < NINE; g++) CHECK(cells[g].cell == g);
    fixture_free(&f);
}

int main(void) {
    more_networks_than_guest_cells_are_refused_at_once();
    static world w;
    for (uint32_t i = 0; i < ROUNDS + WIDE_ROUNDS; i++) {
        if (i < ROUNDS)
            make(&w, 2 + 2 * dice(3), 1 + dice(MOST_GUESTS));
        else /* more cells than a word has bits */
            make(&w, MOST_CELLS - 2 * dice(6), 1 + dice(2));
        if (w.n_guests > w.n_cells) w.n_guests = w.n_cells;
        compare(&w);
        fixture_free(&w.f);
    }
    return FAILURES();
}
