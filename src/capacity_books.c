/*
 * How many guests of several cells fit one after the other? Where thread policies only count
 * threads, and nothing ties the cells together, a guest takes numbers from each cell: no mask has
 * to be looked at. Order and choice of cells are those of nf_fit(), guest after guest.
 */
#include "capacity_books.h"

/* What a cell has left. */
typedef struct book {
    int64_t free, listed, pairs; /* CPUs; CPUs in sibling sets; cores with two free threads */
    int64_t cpu_used, cpu_room;
    int64_t memory, memory_used, memory_room;
    int64_t devices;
    int64_t pages[NF_BOOKS_SIZES], total[NF_BOOKS_SIZES];
    uint32_t present, n_shared, threads;
} book;

bool nf_books_open(nf_books *l, const nf_fleet *f, const nf_request *r,
                    const nf_options *options) {
    *l = (nf_books){.f = f, .request = r, .options = options};
    if (r->n_cells < 2 || r->n_cells > NF_BOOKS_GUESTS || r->n_pci ||
        f->n_page_sizes > NF_BOOKS_SIZES)
        return false;
    for (uint32_t g = 0; g < r->n_cells; g++) {
        const nf_guest_cell *cell = &r->cells[g];
        nf_demand *w = &l->want[g];
        nf_demand_of(f, cell, r->emulator_isolated && g == 0, w);
        if (w->pins && w->threads == NF_THREADS_ISOLATE) return false;
        if (w->pins && w->threads == NF_THREADS_REQUIRE && w->reserved) return false;
        if (!w->kib || w->kib > INT32_MAX) return false; /* 2 TiB: no sum of them overflows */
        for (uint32_t s = 0; s < f->n_page_sizes; s++) l->need[g][s] = w->kib / f->page_kib[s];
        l->kind[g] = g;
        for (uint32_t k = 0; k < g; k++)
            if (!memcmp(&r->cells[k], cell, sizeof *cell) && l->want[k].reserved == w->reserved) {
                l->kind[g] = l->kind[k];
                break;
            }
    }
    return true;
}

static int64_t whole(double limit) { return limit < 9e15 ? (int64_t)limit : (int64_t)9e15; }

static void open_book(const nf_fleet *f, uint32_t cell, const nf_limits *limits, book *b) {
    const nf_layout *layout = &f->layouts[f->cell_layout[cell]];
    *b = (book){.free = f->cell_free[cell],
                .cpu_used = f->cell_cpu_used[cell],
                .memory = f->cell_memory[cell],
                .memory_used = f->cell_memory_used[cell],
                .devices = f->cell_devices[cell],
                .present = f->cell_page_sizes[cell],
                .n_shared = layout->n_shared,
                .threads = layout->threads};
    for (uint32_t k = 1; k <= layout->threads; k++) b->listed += nf_cores_with(f, cell, k);
    if (layout->threads == 2) b->pairs = nf_cores_with(f, cell, 2);
    for (uint32_t s = 0; s < f->n_page_sizes; s++) {
        b->pages[s] = f->pages_free[(size_t)s * f->n_cells + cell];
        b->total[s] = f->pages_total[(size_t)s * f->n_cells + cell];
    }
    b->cpu_room = b->memory_room = INT64_MAX;
    if (!limits->on) return;
    b->cpu_room = whole(layout->n_shared * limits->cpu_ratio) - b->cpu_used;
    b->memory_room = whole((double)b->memory * limits->ram_ratio) - b->memory_used;
}

/* The page size that the guest cell would get: NF_NONE: none has to be asked for. */
static bool pages_fit(const book *b, const nf_demand *w, const int64_t *need, uint32_t *size) {
    *size = NF_NONE;
    if (w->page_kib != NF_PAGES_NONE) {
        uint32_t sizes = nf_page_candidates(b->present, w) & w->whole_pages;
        for (; sizes; sizes &= ~(1u << *size)) {
            *size = 31u - (uint32_t)__builtin_clz(sizes);
            if (need[*size] <= b->pages[*size]) return true;
        }
        return false;
    }
    if (!b->present) return w->memory <= b->memory - (w->pins ? b->memory_used : 0);
    *size = nf_lowest(b->present);
    if (!(w->whole_pages >> *size & 1u)) return false;
    return need[*size] <= (w->pins ? b->pages[*size] : b->total[*size]);
}

static bool cpus_fit(const book *b, const nf_demand *w) {
    int64_t n = w->n_dedicated, cpus = n + w->reserved;
    if (w->shares && (w->n_shared > b->n_shared || w->n_shared > b->cpu_room)) return false;
    if (w->shares && w->memory > b->memory_room) return false;
    if (!w->pins) return true;
    if (w->threads == NF_THREADS_REQUIRE && (b->pairs < 1 || 2 * b->pairs < n)) return false;
    return cpus <= b->free && cpus <= b->listed && (n || !w->reserved);
}

static void take(book *b, const nf_demand *w, const int64_t *need) {
    uint32_t size;
    int64_t n = w->pins ? w->n_dedicated + w->reserved : 0;
    pages_fit(b, w, need, &size);
    if (size != NF_NONE) b->pages[size] -= need[size];
    b->free -= n;
    b->listed -= n;
    if (w->threads == NF_THREADS_REQUIRE) b->pairs -= (n + 1) / 2;
    b->cpu_used += w->n_shared;
    b->memory_used += w->memory;
    b->cpu_room -= w->n_shared;
    b->memory_room -= w->memory;
}

/* As order.c puts them. */
static bool before(const book *a, const book *b, bool shares, bool pack) {
    int64_t sign = pack ? -1 : 1;
    int64_t cpus = shares ? a->cpu_used - b->cpu_used : b->free - a->free;
    int64_t memory = (a->memory_used - a->memory) - (b->memory_used - b->memory);
    if (a->devices != b->devices) return a->devices < b->devices;
    return cpus ? sign * cpus < 0 : sign * memory < 0;
}

static void put_in_order(const nf_books *l, const book *books, uint32_t cells, uint32_t *order) {
    bool pack = l->options->strategy != NF_SPREAD, shares = !l->want[0].pins;
    for (uint32_t i = 0; i < cells; i++) {
        uint32_t at = i;
        for (; at && before(&books[i], &books[order[at - 1]], shares, pack); at--)
            order[at] = order[at - 1];
        order[at] = i;
    }
}

/* Guest cell g and those behind it: the first places in order that do. can[g]: places that g alone
 * could have; guests of one kind take ascending places. */
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

static bool place_one(const nf_books *l, book *books, uint32_t cells) {
    uint32_t n = l->request->n_cells, order[NF_BOOKS_CELLS] = {0}, can[NF_BOOKS_GUESTS] = {0};
    uint32_t place[NF_BOOKS_GUESTS], size;
    if (cells > n)
        put_in_order(l, books, cells, order);
    else
        for (uint32_t i = 0; i < cells; i++) order[i] = i;
    for (uint32_t g = 0; g < n; g++) {
        if (l->kind[g] != g) {
            can[g] = can[l->kind[g]];
            continue;
        }
        for (uint32_t i = 0; i < cells; i++) {
            const book *b = &books[order[i]];
            if (cpus_fit(b, &l->want[g]) && pages_fit(b, &l->want[g], l->need[g], &size))
                can[g] |= 1u << i;
        }
        if (!can[g]) return false;
    }
    if (!find_places(l, can, 0, 0, place)) return false;
    for (uint32_t g = 0; g < n; g++) take(&books[order[place[g]]], &l->want[g], l->need[g]);
    return true;
}

bool nf_books_count(const nf_books *l, uint32_t host, uint32_t cap, uint32_t *count) {
    const nf_fleet *f = l->f;
    uint32_t first = f->host_first_cell[host], cells = nf_host_cells(f, host);
    uint32_t n = l->request->n_cells;
    book books[NF_BOOKS_CELLS];
    *count = 0;
    if (cells < n) return true;
    if (cells > NF_BOOKS_CELLS || cap > UINT16_MAX) return false;
    if (l->request->n_nets && n != cells) return false; /* all cells are near all there is */
    if (l->options->strategy == NF_CLOSEST && f->host_distance_at[host] != UINT64_MAX) return false;
    nf_limits limits = nf_limits_for(f, host, l->options);
    for (uint32_t i = 0; i < cells; i++) {
        const nf_layout *layout = &f->layouts[f->cell_layout[first + i]];
        for (uint32_t g = 0; g < n; g++)
            if (l->want[g].pins && l->want[g].threads == NF_THREADS_REQUIRE && layout->threads > 2)
                return false;
        open_book(f, first + i, &limits, &books[i]);
    }
    while (*count < cap && place_one(l, books, cells)) ++*count;
    return true;
}
