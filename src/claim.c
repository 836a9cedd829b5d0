/* Take what a placement holds, or give it back. */
#include "engine.h"
#include "resources.h"

/* Threads of one core change hands: keep the counters of the cell true. */
static void recount(const nf_fleet *f, uint32_t cell, uint32_t before, uint32_t after) {
    for (uint32_t k = after; k < before; k++) f->cell_cores[(size_t)k * f->n_cells + cell]--;
    for (uint32_t k = before; k < after; k++) f->cell_cores[(size_t)k * f->n_cells + cell]++;
    f->cell_free[cell] += (int32_t)after - (int32_t)before;
}

/* Pin or unpin threads (bits of one word); false: some of them are not there to be taken. */
static bool turn(const nf_fleet *f, uint32_t cell, const nf_layout *layout, uint32_t slot,
                 nf_word bits, bool take) {
    nf_word *pinned = f->pinned + f->cell_mask_at[cell] + slot / NF_WORD_BITS;
    nf_word dedicated = nf_dedicated_mask(f, layout)[slot / NF_WORD_BITS];
    if (take ? bits & ~(dedicated & ~*pinned) : bits & ~*pinned) return false;
    uint32_t core = slot >> layout->shift;
    if (core >= layout->n_cores) { /* stands in no sibling set: no core's count to keep */
        *pinned ^= bits;
        f->cell_free[cell] += take ? -1 : (int32_t)nf_popcount(bits & dedicated);
        return true;
    }
    const nf_word *whole = nf_dedicated_mask(f, layout), *mask = f->pinned + f->cell_mask_at[cell];
    nf_word own = nf_core_bits(whole, core, layout->shift);
    uint32_t before = nf_popcount(own & ~nf_core_bits(mask, core, layout->shift));
    *pinned ^= bits;
    bits &= dedicated;
    uint32_t turned = bits & (bits - 1u) ? nf_popcount(bits) : bits != 0;
    recount(f, cell, before, take ? before - turned : before + turned);
    return true;
}

/* The bits to turn for a slot, in its word: the thread itself, or with isolate its whole core. */
static nf_word bits_of(const nf_fleet *f, const nf_layout *layout, uint32_t slot, bool isolate) {
    if (!isolate || slot >> layout->shift >= layout->n_cores)
        return (nf_word)1 << (slot % NF_WORD_BITS);
    nf_word bits = 0;
    uint32_t first = slot >> layout->shift << layout->shift;
    for (uint32_t t = 0; t < 1u << layout->shift; t++)
        if (f->layout_cpus[layout->cpu_at + first + t] >= 0)
            bits |= (nf_word)1 << ((first + t) % NF_WORD_BITS);
    return bits;
}

typedef struct hold {
    const nf_fleet *f;
    uint32_t host;
    const nf_guest_cell *guest;
    const nf_placed_cell *placed;
    const uint32_t *slots;
    const nf_layout *layout;
    bool isolate;
    bool undo; /* putting back what was there a moment ago: nothing to check */
} hold;

/* Slot i of what the cell holds: the vCPUs' first, the emulator threads' last. */
static uint32_t n_slots(const hold *h) { return h->placed->n_slots + (h->placed->reserved >= 0); }

static uint32_t slot_of(const hold *h, uint32_t i) {
    return i < h->placed->n_slots ? h->slots[h->placed->first_slot + i]
                                  : (uint32_t)h->placed->reserved;
}

/* Two slots of one isolated core stand for one taking. */
static bool same_core_before(const hold *h, uint32_t i) {
    if (!h->isolate) return false;
    for (uint32_t j = 0; j < i; j++)
        if (slot_of(h, j) >> h->layout->shift == slot_of(h, i) >> h->layout->shift) return true;
    return false;
}

static bool turn_slot(const hold *h, uint32_t i, bool take) {
    uint32_t slot = slot_of(h, i);
    if (same_core_before(h, i)) return true;
    return turn(h->f, h->placed->cell, h->layout, slot, bits_of(h->f, h->layout, slot, h->isolate),
                take);
}

static int turn_cpus(const hold *h, bool take, nf_reason *why) {
    uint32_t n = n_slots(h);
    for (uint32_t i = 0; i < n; i++) {
        if (turn_slot(h, i, take)) continue;
        int32_t cpu = h->f->layout_cpus[h->layout->cpu_at + slot_of(h, i)];
        while (i--) turn_slot(h, i, !take);
        return nf_refuse(why, NF_STALE, cpu, n, 0);
    }
    return NF_OK;
}

/* May it be taken from the cell? Others may overcommit: only pages that were asked for, and the
 * memory of pinned guests, must be there. */
static int may_take(const nf_cell *c, const nf_usage *u, bool pins, bool asked, nf_reason *why) {
    bool counts = nf_times_countable(c, u, 1);
    if (u->size == NF_NONE) {
        int64_t left = c->memory - c->memory_used;
        return counts && !(pins && u->memory > left) ? NF_OK
                                                     : nf_refuse(why, NF_STALE, 0, u->memory, left);
    }
    int64_t free = nf_pages_free(c, u->size);
    if (!counts || ((asked || pins) && u->pages > free))
        return nf_refuse(why, NF_STALE, c->page_kib[u->size], u->pages, free);
    return NF_OK;
}

/* Is it in use, so that it can be given back? */
static int may_give_back(const nf_cell *c, const nf_usage *u, nf_reason *why) {
    if (u->size != NF_NONE) {
        int64_t used = c->pages_used[u->size * c->stride];
        if (u->pages > used) return nf_refuse(why, NF_STALE, c->page_kib[u->size], u->pages, used);
    }
    if (u->memory > c->memory_used || u->cpus > c->cpu_used)
        return nf_refuse(why, NF_STALE, 0, u->memory, c->memory_used);
    return NF_OK;
}

static int turn_memory(const hold *h, bool take, nf_reason *why) {
    nf_cell c;
    int status = NF_OK;
    uint32_t page_kib = h->placed->page_kib;
    nf_cell_load(&c, h->f, h->placed->cell);
    uint32_t size = page_kib ? nf_page_class(&c, page_kib) : NF_NONE;
    if (size == NF_NONE && page_kib)
        return nf_refuse(why, NF_STALE, (int64_t)page_kib, h->guest->memory * 1024, 0);
    nf_usage u = nf_usage_of(&c, h->guest, size);
    if (h->undo) {
        /* an overcommitted cell would fail the checks below, and it was there before */
    } else if (take) {
        status = may_take(&c, &u, nf_pins(h->guest), page_kib != 0, why);
    } else {
        status = may_give_back(&c, &u, why);
    }
    if (status != NF_OK) return status;
    nf_cell_use(&c, &u, take ? 1 : -1);
    nf_cell_store(&c, h->f, h->host, h->placed->cell);
    return NF_OK;
}

static int turn_cell(const nf_fleet *f, uint32_t host, const nf_request *r, const nf_placement *p,
                     uint32_t g, bool take, bool undo, nf_reason *why) {
    hold h = {.f = f, .host = host, .guest = &r->cells[g], .placed = &p->cells[g], .slots = p->slots,
              .undo = undo};
    h.layout = &f->layouts[f->cell_layout[h.placed->cell]];
    h.isolate = h.guest->threads == NF_THREADS_ISOLATE;
    int status = turn_cpus(&h, take, why);
    if (status != NF_OK) return status;
    status = turn_memory(&h, take, why);
    if (status != NF_OK) turn_cpus(&h, !take, NULL);
    return status;
}

/* Free devices of a pool go away (n < 0) or come back; a pool without any is gone, as in nova. */
static void add_devices(const nf_fleet *f, uint32_t host, uint32_t pool, int32_t n) {
    int32_t count = (f->pool_count[pool] > 0 ? f->pool_count[pool] : 0) + n;
    f->pool_count[pool] = count ? count : NF_POOL_GONE;
    if (f->pool_cell[pool] >= 0)
        f->cell_devices[f->host_first_cell[host] + (uint32_t)f->pool_cell[pool]] += n;
}

/* What is left of a pool goes out of sight while devices are taken that exclude it. */
static void hide_or_show(const nf_fleet *f, uint32_t host, uint32_t pool) {
    uint32_t first = f->host_first_pool[host], last = f->host_end_pool[host];
    int32_t taken = 0;
    if (!f->pool_family[pool]) return;
    for (uint32_t p = first; p < last; p++)
        if (p == pool || (f->pool_family[p] == f->pool_family[pool] && !nf_pools_exclude(f, p, pool)))
            taken += f->pool_taken[p];
    for (uint32_t p = first; p < last; p++) {
        if (!nf_pools_exclude(f, p, pool)) continue;
        int32_t free = f->pool_count[p] > 0 ? f->pool_count[p] : 0;
        int32_t move = taken ? free : -f->pool_hidden[p];
        if (!move) continue;
        f->pool_hidden[p] += move;
        add_devices(f, host, p, -move);
    }
}

static int turn_draw(const nf_fleet *f, uint32_t host, const nf_draw *d, bool take,
                     nf_reason *why) {
    int32_t n = (int32_t)d->count, there = take ? f->pool_count[d->pool] : f->pool_taken[d->pool];
    if (there < n) return nf_refuse(why, NF_STALE, d->request, n, there > 0 ? there : 0);
    f->pool_taken[d->pool] += take ? n : -n;
    add_devices(f, host, d->pool, take ? -n : n);
    hide_or_show(f, host, d->pool);
    return NF_OK;
}

static int turn_draws(const nf_fleet *f, uint32_t host, const nf_placement *p, bool take,
                      nf_reason *why) {
    for (uint32_t i = 0; i < p->n_draws; i++) {
        int status = turn_draw(f, host, &p->draws[i], take, why);
        if (status == NF_OK) continue;
        while (i--) turn_draw(f, host, &p->draws[i], !take, NULL);
        return status;
    }
    return NF_OK;
}

static bool placement_ok(const nf_fleet *f, uint32_t host, const nf_request *r,
                         const nf_placement *p) {
    if (host >= f->n_hosts || r->n_cells > NF_MAX_GUEST) return false;
    if (!nf_resources_ok(f, r)) return false;
    if (r->n_cells && (!r->cells || !p->cells || p->cells_size < r->n_cells)) return false;
    if (p->slots_size && !p->slots) return false;
    if (p->n_draws && (!p->draws || p->n_draws > p->draws_size)) return false;
    for (uint32_t i = 0; i < p->n_draws; i++) {
        const nf_draw *d = &p->draws[i];
        if (d->pool < f->host_first_pool[host] || d->pool >= f->host_end_pool[host])
            return false;
        if (!d->count || d->count > INT32_MAX || d->request >= r->n_pci) return false;
    }
    for (uint32_t g = 0; g < r->n_cells; g++) {
        const nf_placed_cell *c = &p->cells[g];
        if ((uint64_t)c->first_slot + c->n_slots > p->slots_size) return false;
        if (r->cells[g].n_shared > NF_MAX_SLOTS) return false;
        if (c->cell < f->host_first_cell[host] || c->cell >= f->host_end_cell[host])
            return false;
        uint32_t slots = f->layouts[f->cell_layout[c->cell]].n_slots;
        if (c->reserved >= 0 && (uint32_t)c->reserved >= slots) return false;
        for (uint32_t i = 0; i < c->n_slots; i++)
            if (p->slots[c->first_slot + i] >= slots) return false;
        if (r->cells[g].memory < 0 || r->cells[g].memory > NF_MAX_AMOUNT) return false;
    }
    return true;
}

nf_status nf_turn(const nf_fleet *f, uint32_t host, const nf_request *r, const nf_placement *p,
                  bool take, bool undo, nf_reason *why) {
    if (!f || !r || !p) return NF_EINVAL;
    if (f->abi != NF_ABI_VERSION || r->abi != NF_ABI_VERSION) return NF_EABI;
    if (f->identity != r->fleet) return NF_EFLEET;
    if (!placement_ok(f, host, r, p)) return NF_EINVAL;
    int status = nf_resources_turn(f, host, r, take, undo, why);
    if (status != NF_OK) return status;
    status = turn_draws(f, host, p, take, why);
    if (status != NF_OK) {
        nf_resources_turn(f, host, r, !take, true, NULL);
        return status;
    }
    for (uint32_t g = 0; g < r->n_cells; g++) {
        status = turn_cell(f, host, r, p, g, take, undo, why);
        if (status == NF_OK) continue;
        while (g--) turn_cell(f, host, r, p, g, !take, true, NULL);
        turn_draws(f, host, p, !take, NULL);
        nf_resources_turn(f, host, r, !take, true, NULL);
        return status;
    }
    f->host_generation[host] = nf_next_generation(f->host_generation[host]);
    return NF_OK;
}

/* Whoever holds a lock has asked for the columns before. */
static nf_status turn_alone(const nf_fleet *f, uint32_t host, const nf_request *r,
                            const nf_placement *p, bool take, nf_reason *why) {
    if (f && f->abi == NF_ABI_VERSION && nf_missing_column(f)) return NF_EINVAL;
    return nf_turn(f, host, r, p, take, false, why);
}

nf_status nf_claim(const nf_fleet *f, uint32_t host, const nf_request *request,
                   const nf_placement *placement, nf_reason *why) {
    return turn_alone(f, host, request, placement, true, why);
}

nf_status nf_release(const nf_fleet *f, uint32_t host, const nf_request *request,
                     const nf_placement *placement, nf_reason *why) {
    return turn_alone(f, host, request, placement, false, why);
}
