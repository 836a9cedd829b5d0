/*
 * How many guests of several cells fit one after the other? Where thread policies only count
 * threads, and nothing ties the cells together, a guest takes numbers from each cell: no mask has
 * to be looked at. Each book holds the state of a host cell, so that rules, order and choice are
 * those of nf_fit(), guest after guest.
 */
#include "capacity_books.h"

#include "pair.h"

/* The state of a cell, and the numbers that it points to. */
typedef struct book {
    nf_cell cell;
    int32_t cores[NF_BOOKS_THREADS], pages_free[NF_BOOKS_SIZES], pages_used[NF_BOOKS_SIZES],
        pages_total[NF_BOOKS_SIZES];
} book;

bool nf_books_open(nf_books *l, const nf_fleet *f, const nf_request *r,
                   const nf_options *options) {
    *l = (nf_books){.f = f, .request = r, .options = options};
    if (r->n_cells < 2 || r->n_cells > NF_BOOKS_GUESTS || r->n_pci ||
        f->n_page_sizes > NF_BOOKS_SIZES)
        return false;
    for (uint32_t g = 0; g < r->n_cells; g++) {
        nf_demand *w = &l->want[g];
        nf_demand_of(f, r, g, w);
        if (w->pins && w->threads == NF_THREADS_ISOLATE) return false;
        if (w->pins && w->threads == NF_THREADS_REQUIRE && w->reserved) return false;
        if (w->pins && w->threads == NF_THREADS_REQUIRE)
            l->some_require = true;
        else if (w->pins)
            l->others_pin = true;
        l->kind[g] = g;
        for (uint32_t k = 0; k < g && l->kind[g] == g; k++)
            if (nf_alike(r, k, g)) l->kind[g] = l->kind[k];
    }
    return true;
}

/* Do counts say what threads are left? Not which cores have how many, once cells that require
 * siblings share cores with others, or leave more than one thread of a core. */
static bool counts_do(const nf_books *l, const nf_layout *layout) {
    if (layout->threads > NF_BOOKS_THREADS) return false;
    return !l->some_require || (layout->threads <= 2 && !l->others_pin);
}

static void open_book(book *b, const nf_fleet *f, uint32_t cell) {
    nf_cell *c = &b->cell, own;
    nf_cell_load(&own, f, cell);
    *c = own;
    for (uint32_t k = 0; k < own.layout->threads; k++) b->cores[k] = own.cores[k * own.stride];
    for (uint32_t s = 0; s < f->n_page_sizes; s++) {
        b->pages_free[s] = own.pages_free[s * own.stride];
        b->pages_used[s] = own.pages_used[s * own.stride];
        b->pages_total[s] = own.pages_total[s * own.stride];
    }
    c->stride = 1;
    c->cores = b->cores;
    c->pages_free = b->pages_free;
    c->pages_used = b->pages_used;
    c->pages_total = b->pages_total;
}

/* Threads: whole cores and half of the last one, or any. In the latter case nobody asks which
 * cores they come from (counts_do()), only how many threads are left in all. */
static void use_threads(book *b, const nf_demand *w) {
    int32_t n = (int32_t)(w->n_dedicated + w->reserved);
    if (!w->pins || !b->cell.layout->threads) return;
    b->cell.free -= n;
    if (w->threads == NF_THREADS_REQUIRE) {
        b->cores[1] -= (n + 1) / 2;
        n /= 2;
    }
    b->cores[0] -= n;
}

/* False: no claim could count it. */
static bool use(book *b, const nf_guest_cell *g, const nf_demand *w) {
    uint32_t size = w->page_kib == NF_PAGES_NONE ? NF_NONE : nf_choose_pages(&b->cell, w);
    nf_usage u = nf_usage_of(&b->cell, g, size);
    if (!nf_times_countable(&b->cell, &u, 1)) return false;
    nf_cell_use(&b->cell, &u, 1);
    use_threads(b, w);
    return true;
}

/* Guest cell g and those behind it: the first places in order that do. can[g]: places that g alone
 * could have; guests of one kind take ascending places. */
// NOLINTNEXTLINE(misc-no-recursion): one level per guest cell, of which there are NF_BOOKS_GUESTS
static bool find_places(const nf_books *l, const uint32_t *can, uint32_t g, uint32_t used,
                        uint32_t *place) {
    if (g == l->request->n_cells) return true;
    uint32_t open = can[g] & ~used;
    for (uint32_t k = 0; k < g; k++)
        if (l->kind[k] == l->kind[g]) open &= ~((2u << place[k]) - 1u);
    for (; open; open &= open - 1) {
        place[g] = nf_lowest(open);
        if (find_places(l, can, g + 1, used | 1u << place[g], place)) return true;
    }
    return false;
}

static bool place_one(const nf_books *l, book *books, uint32_t cells, const nf_limits *limits) {
    uint32_t n = l->request->n_cells, order[NF_BOOKS_CELLS], can[NF_BOOKS_GUESTS] = {0};
    uint32_t place[NF_BOOKS_GUESTS];
    if (cells > n) {
        nf_cell states[NF_BOOKS_CELLS];
        nf_ordering by = nf_ordering_of(l->request, l->options);
        for (uint32_t i = 0; i < cells; i++) states[i] = books[i].cell;
        nf_order(states, cells, &by, order);
    } else {
        for (uint32_t i = 0; i < cells; i++) order[i] = i;
    }
    for (uint32_t g = 0; g < n; g++) {
        if (l->kind[g] != g) {
            can[g] = can[l->kind[g]];
            continue;
        }
        for (uint32_t i = 0; i < cells; i++)
            if (nf_pair_rule(&books[order[i]].cell, &l->want[g], limits, NULL) == NF_OK)
                can[g] |= 1u << i;
        if (!can[g]) return false;
    }
    if (!find_places(l, can, 0, 0, place)) return false;
    for (uint32_t g = 0; g < n; g++)
        if (!use(&books[order[place[g]]], &l->request->cells[g], &l->want[g])) return false;
    return true;
}

bool nf_books_count(const nf_books *l, uint32_t host, const nf_limits *limits, uint32_t cap,
                    uint32_t *count) {
    const nf_fleet *f = l->f;
    uint32_t first = f->host_first_cell[host], cells = nf_host_cells(f, host);
    uint32_t n = l->request->n_cells;
    book books[NF_BOOKS_CELLS];
    *count = 0;
    if (cells < n) return true;
    if (cells > NF_BOOKS_CELLS || cap > UINT16_MAX) return false;
    if (l->request->n_nets && n != cells) return false; /* all cells are near all there is */
    if (l->options->strategy == NF_CLOSEST && f->host_distance_at[host] != NF_NO_DISTANCES) return false;
    for (uint32_t i = 0; i < cells; i++) {
        if (!counts_do(l, &f->layouts[f->cell_layout[first + i]])) return false;
        open_book(&books[i], f, first + i);
    }
    while (*count < cap && place_one(l, books, cells, limits)) ++*count;
    return true;
}
