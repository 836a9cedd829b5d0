/*
 * Which guest cell goes to which host cell?
 *
 * Host cells are numbered by their place in nova's order, so the answer is the lexicographically
 * first assignment. A depth-first search finds it: at each step the smallest place is tried that
 * leaves (a) a matching for the guests still open and (b) a way to meet the sets that must be met.
 * Both tests are exact, so without an accept() of the caller's no step is ever taken back.
 *
 * Guests of one class are alike: only ascending places are tried among them. Any other order of
 * the same places comes later in nova's order and stands for the same set.
 */
#include "engine.h"

static inline nf_word *row_of(const nf_search *s, uint32_t guest) {
    return s->open + (size_t)s->class_of[guest] * s->words;
}

/* Find guest a free place, moving others where that helps: one breadth-first augmentation. */
static bool augment(nf_search *s, uint32_t guest) {
    uint32_t head = 0, tail = 0;
    nf_mask_zero(s->seen, s->words);
    s->queue[tail++] = guest;
    while (head < tail) {
        uint32_t g = s->queue[head++];
        const nf_word *row = row_of(s, g);
        for (uint32_t i = 0; i < s->words; i++) {
            nf_word fresh = row[i] & ~s->seen[i];
            s->seen[i] |= fresh;
            for (; fresh; fresh &= fresh - 1) {
                uint32_t place = i * NF_WORD_BITS + nf_lowest(fresh);
                s->parent[place] = g;
                if (s->guest_at[place] != NF_NONE) {
                    s->queue[tail++] = s->guest_at[place];
                    continue;
                }
                for (uint32_t at = place;;) {
                    uint32_t owner = s->parent[at], before = s->place_at[owner];
                    s->place_at[owner] = at;
                    s->guest_at[at] = owner;
                    if (owner == guest) return true;
                    at = before;
                }
            }
        }
    }
    return false;
}

/* Rows as they are with the first depth guests decided. */
static void reopen(nf_search *s, uint32_t depth) {
    for (uint32_t c = 0; c < s->n_classes; c++) s->last_of_class[c] = NF_NONE;
    nf_mask_zero(s->chosen, s->words);
    for (uint32_t g = 0; g < depth; g++) {
        nf_bit_set(s->chosen, s->place[g]);
        s->last_of_class[s->class_of[g]] = s->place[g];
    }
    for (uint32_t c = 0; c < s->n_classes; c++) {
        nf_word *open = s->open + (size_t)c * s->words;
        const nf_word *row = s->rows + (size_t)c * s->words;
        uint32_t last = s->last_of_class[c];
        for (uint32_t i = 0; i < s->words; i++) {
            open[i] = row[i] & ~s->chosen[i];
            if (last == NF_NONE || i > last / NF_WORD_BITS) continue;
            /* at and below the class's last place everything has been tried */
            open[i] &= i < last / NF_WORD_BITS ? 0 : ~(nf_word)1 << (last % NF_WORD_BITS);
        }
    }
}

/* Give every open guest a place of its row, keeping those that still have one. */
static bool complete(nf_search *s, uint32_t depth) {
    for (uint32_t g = depth; g < s->n_guests; g++) {
        uint32_t place = s->place_at[g];
        if (place == NF_NONE || nf_bit_get(row_of(s, g), place)) continue;
        s->guest_at[place] = NF_NONE;
        s->place_at[g] = NF_NONE;
    }
    for (uint32_t g = depth; g < s->n_guests; g++)
        if (s->place_at[g] == NF_NONE && !augment(s, g)) return false;
    return true;
}

static void move_to(nf_search *s, uint32_t guest, uint32_t place) {
    uint32_t old = s->place_at[guest], other = s->guest_at[place];
    if (old != NF_NONE) s->guest_at[old] = NF_NONE;
    if (other != NF_NONE) s->place_at[other] = NF_NONE;
    s->place_at[guest] = place;
    s->guest_at[place] = guest;
}

/* Decide guest -> place if all that is still open can be completed; else change nothing. */
static bool try_place(nf_search *s, uint32_t guest, uint32_t place) {
    memcpy(s->saved_place, s->place_at, s->n_guests * sizeof *s->place_at);
    memcpy(s->saved_guest, s->guest_at, s->n_places * sizeof *s->guest_at);
    if (s->place_at[guest] != place) move_to(s, guest, place);
    s->place[guest] = place;
    reopen(s, guest + 1);
    if (complete(s, guest + 1) && nf_can_hit(s)) return true;
    memcpy(s->place_at, s->saved_place, s->n_guests * sizeof *s->place_at);
    memcpy(s->guest_at, s->saved_guest, s->n_places * sizeof *s->guest_at);
    return false;
}

/* The first place after from that guest can take; NF_NONE: none. */
static uint32_t next_place(nf_search *s, uint32_t guest, uint32_t from) {
    for (;;) {
        reopen(s, guest);
        uint32_t place = nf_mask_next(row_of(s, guest), s->words, from);
        if (place == NF_NONE || --*s->budget < 0) return NF_NONE;
        if (try_place(s, guest, place)) return place;
        from = place + 1;
    }
}

static int search(nf_search *s) {
    uint32_t depth = 0, from = 0;
    for (;;) {
        uint32_t place = next_place(s, depth, from);
        if (*s->budget < 0) return NF_UNDECIDED;
        if (place == NF_NONE) {
            if (depth == 0) return NF_TOGETHER;
            from = s->place[--depth] + 1;
            continue;
        }
        if (s->accept && !s->accept(s->context, s, depth + 1)) {
            from = place + 1;
        } else if (++depth == s->n_guests) {
            return NF_OK;
        } else {
            from = 0;
        }
    }
}

/* NF_OK, NF_ASSIGNMENT (matched: how many guests find a place at once), NF_NETWORKS (the sets
 * cannot be met), NF_TOGETHER (accept() took no choice) or NF_UNDECIDED. */
int nf_assign(nf_search *s, uint32_t *matched) {
    for (uint32_t g = 0; g < s->n_guests; g++) s->place_at[g] = NF_NONE;
    for (uint32_t h = 0; h < s->n_places; h++) s->guest_at[h] = NF_NONE;
    reopen(s, 0);
    *matched = 0;
    for (uint32_t g = 0; g < s->n_guests; g++) *matched += augment(s, g);
    if (*matched < s->n_guests) return NF_ASSIGNMENT;
    if (!nf_can_hit(s)) return *s->budget < 0 ? NF_UNDECIDED : NF_NETWORKS;
    return search(s);
}

void nf_search_lay_out(nf_search *s, uint32_t places, uint32_t guests, uint32_t hits,
                       nf_arena *a) {
    uint32_t words = nf_words_for(places), groups = guests;
    size_t nodes = (size_t)groups + 2u * places + guests;
    *s = (nf_search){.n_places = places, .n_guests = guests, .words = words, .n_hits = hits,
                     .max_groups = groups};
    s->class_of = nf_carve(a, guests, sizeof *s->class_of);
    s->rows = nf_carve(a, (size_t)guests * words, sizeof *s->rows);
    s->hits = nf_carve(a, (size_t)hits * words, sizeof *s->hits);
    s->forced = nf_carve(a, words, sizeof *s->forced);
    s->chosen = nf_carve(a, words, sizeof *s->chosen);
    s->guest_at = nf_carve(a, places, sizeof *s->guest_at);
    s->place_at = nf_carve(a, guests, sizeof *s->place_at);
    s->saved_guest = nf_carve(a, places, sizeof *s->saved_guest);
    s->saved_place = nf_carve(a, guests, sizeof *s->saved_place);
    s->last_of_class = nf_carve(a, guests, sizeof *s->last_of_class);
    s->open = nf_carve(a, (size_t)guests * words, sizeof *s->open);
    s->seen = nf_carve(a, words, sizeof *s->seen);
    s->union_open = nf_carve(a, words, sizeof *s->union_open);
    s->parent = nf_carve(a, places, sizeof *s->parent);
    s->queue = nf_carve(a, (size_t)guests + places, sizeof *s->queue);
    s->want_mask = nf_carve(a, (size_t)hits * words, sizeof *s->want_mask);
    s->group_mask = nf_carve(a, (size_t)groups * words, sizeof *s->group_mask);
    s->group_place = nf_carve(a, groups, sizeof *s->group_place);
    s->place_group = nf_carve(a, places, sizeof *s->place_group);
    s->place_guest = nf_carve(a, places, sizeof *s->place_guest);
    s->guest_place = nf_carve(a, guests, sizeof *s->guest_place);
    s->saves = nf_carve(a, (size_t)hits * nodes, sizeof *s->saves);
    s->mask_saves = nf_carve(a, (size_t)hits * words, sizeof *s->mask_saves);
    s->seen_flow = nf_carve(a, (nodes + 63u) / 64u, sizeof *s->seen_flow);
    s->flow_parent = nf_carve(a, nodes, sizeof *s->flow_parent);
    s->flow_queue = nf_carve(a, nodes, sizeof *s->flow_queue);
}
