/*
 * Can the open guests also meet every set that no decided place has met?
 *
 * Where all open guests can be matched, any places that can be matched at once extend to such a
 * matching (the sets of matchable places are a matroid). So the question is whether some matchable
 * places hit all sets. Sets are put into groups, each to be served by one place; whether distinct
 * places serve the groups, each matched to a guest of its own, is a flow from groups over places
 * to guests. Trying set after set in every group visits at most the partitions of the sets (4140
 * for 8), in practice a few: a branch ends as soon as its flow does.
 */
#include "engine.h"

/* Nodes of the flow: groups, ways into a place, ways out of it, guests. */
static inline uint32_t node_in(const nf_search *s, uint32_t place) { return s->max_groups + place; }
static inline uint32_t node_out(const nf_search *s, uint32_t place) {
    return s->max_groups + s->n_places + place;
}
static inline uint32_t node_guest(const nf_search *s, uint32_t guest) {
    return s->max_groups + 2u * s->n_places + guest;
}

static void visit(nf_search *s, uint32_t node, uint32_t from, uint32_t *tail) {
    if (nf_bit_get(s->seen_flow, node)) return;
    nf_bit_set(s->seen_flow, node);
    s->flow_parent[node] = from;
    s->flow_queue[(*tail)++] = node;
}

/* Walk the path back and write down the flow that it makes; each node is passed once, so the
 * order of the writes does not matter. */
static void apply_path(nf_search *s, uint32_t node, uint32_t group) {
    uint32_t in = s->max_groups, out = in + s->n_places, guests = out + s->n_places;
    while (node != group) {
        uint32_t from = s->flow_parent[node];
        if (node >= guests) { /* a place takes a guest */
            s->guest_place[node - guests] = from - out;
            s->place_guest[from - out] = node - guests;
        } else if (node >= in && node < out && from >= out) { /* a place is given up */
            s->place_group[node - in] = NF_NONE;
            s->place_guest[node - in] = NF_NONE;
        } else if (node >= in && node < out) { /* a group takes a place */
            s->place_group[node - in] = from;
            s->group_place[from] = node - in;
        }
        node = from;
    }
}

static void visit_guests(nf_search *s, uint32_t place, uint32_t first, uint32_t from,
                         uint32_t *tail) {
    for (uint32_t g = first; g < s->n_guests; g++)
        if (nf_bit_get(s->open + (size_t)s->class_of[g] * s->words, place))
            visit(s, node_guest(s, g), from, tail);
}

/* One more unit of flow, from group to some open guest (those from first on are open). */
static bool serve(nf_search *s, uint32_t group, uint32_t first) {
    uint32_t in = s->max_groups, out = in + s->n_places, guests = out + s->n_places;
    uint32_t head = 0, tail = 0;
    nf_mask_zero(s->seen_flow, nf_words_for(guests + s->n_guests));
    visit(s, group, NF_NONE, &tail);
    while (head < tail) {
        uint32_t node = s->flow_queue[head++];
        if (node < in) {
            const nf_word *mask = s->group_mask + (size_t)node * s->words;
            for (uint32_t h = nf_mask_next(mask, s->words, 0); h != NF_NONE;
                 h = nf_mask_next(mask, s->words, h + 1))
                visit(s, node_in(s, h), node, &tail);
        } else if (node < out) {
            uint32_t place = node - in;
            if (s->place_group[place] == NF_NONE)
                visit(s, node_out(s, place), node, &tail);
            else
                visit(s, s->place_group[place], node, &tail);
        } else if (node < guests) {
            uint32_t place = node - out;
            visit_guests(s, place, first, node, &tail);
            if (s->place_group[place] != NF_NONE) visit(s, node_in(s, place), node, &tail);
        } else {
            uint32_t place = s->guest_place[node - guests];
            if (place == NF_NONE) {
                apply_path(s, node, group);
                return true;
            }
            visit(s, node_out(s, place), node, &tail);
        }
    }
    return false;
}

/* Take a group's place from it. */
static void unserve(nf_search *s, uint32_t group) {
    uint32_t place = s->group_place[group];
    s->guest_place[s->place_guest[place]] = NF_NONE;
    s->place_guest[place] = s->place_group[place] = NF_NONE;
    s->group_place[group] = NF_NONE;
}

static uint32_t *copy_flow(nf_search *s, uint32_t *at, bool save) {
    uint32_t *const parts[] = {s->group_place, s->place_group, s->place_guest, s->guest_place};
    const size_t sizes[] = {s->max_groups, s->n_places, s->n_places, s->n_guests};
    for (int i = 0; i < 4; i++) {
        memcpy(save ? at : parts[i], save ? parts[i] : at, sizes[i] * sizeof *at);
        at += sizes[i];
    }
    return at;
}

static bool place_sets(nf_search *s, uint32_t next, uint32_t n_sets, uint32_t n_groups,
                       uint32_t first);

/* Put set next into a group (n_groups: a new one) and go on with the others. */
// NOLINTNEXTLINE(misc-no-recursion): one level per set, see place_sets()
static bool join(nf_search *s, uint32_t next, uint32_t n_sets, uint32_t group, uint32_t n_groups,
                 uint32_t first) {
    const nf_word *want = s->want_mask + (size_t)next * s->words;
    nf_word *mask = s->group_mask + (size_t)group * s->words;
    nf_word *saved_mask = s->mask_saves + (size_t)next * s->words;
    size_t per_save = (size_t)s->max_groups + 2u * s->n_places + s->n_guests;
    uint32_t *saved = s->saves + next * per_save;
    bool fresh = group == n_groups;
    if (fresh) {
        if (n_groups == s->n_guests - first) return false;
    } else if (!nf_mask_meets(mask, want, s->words)) {
        return false;
    }
    nf_mask_copy(saved_mask, mask, s->words);
    copy_flow(s, saved, true);
    for (uint32_t i = 0; i < s->words; i++) mask[i] = fresh ? want[i] : mask[i] & want[i];
    bool served = !fresh && nf_bit_get(mask, s->group_place[group]);
    if (!served) {
        if (!fresh) unserve(s, group);
        served = serve(s, group, first);
    }
    if (served && place_sets(s, next + 1, n_sets, n_groups + fresh, first)) return true;
    copy_flow(s, saved, false);
    nf_mask_copy(mask, saved_mask, s->words);
    return false;
}

/* Depth is at most the number of sets: one per network and one per PCI request of the guest. */
// NOLINTNEXTLINE(misc-no-recursion): NF_MAX_NETS + NF_MAX_PCI levels
static bool place_sets(nf_search *s, uint32_t next, uint32_t n_sets, uint32_t n_groups,
                       uint32_t first) {
    if (next == n_sets) return true;
    for (uint32_t group = 0; group <= n_groups; group++) {
        if (--*s->budget < 0) return false;
        if (join(s, next, n_sets, group, n_groups, first)) return true;
    }
    return false;
}

/* Sets that are implied by a smaller one, or met already, are left out; the smallest come first.
 * False: some set has no place left at all. */
static bool collect(nf_search *s, uint32_t *n_sets) {
    uint32_t n = 0;
    for (uint32_t i = 0; i < s->n_hits; i++) {
        const nf_word *hit = s->hits + (size_t)i * s->words;
        nf_word *want = s->want_mask + (size_t)n * s->words;
        if (nf_mask_meets(hit, s->chosen, s->words) || nf_mask_meets(hit, s->forced, s->words))
            continue;
        for (uint32_t w = 0; w < s->words; w++) want[w] = hit[w] & s->union_open[w];
        if (nf_mask_empty(want, s->words)) return false;
        bool implied = false;
        for (uint32_t j = 0; j < n && !implied; j++)
            implied = nf_mask_within(s->want_mask + (size_t)j * s->words, want, s->words);
        if (!implied) n++;
    }
    for (uint32_t i = 1; i < n; i++) /* few: insertion by size */
        for (uint32_t j = i; j; j--) {
            nf_word *a = s->want_mask + (size_t)(j - 1) * s->words, *b = a + s->words;
            if (nf_mask_count(a, s->words) <= nf_mask_count(b, s->words)) break;
            for (uint32_t w = 0; w < s->words; w++) {
                nf_word t = a[w];
                a[w] = b[w];
                b[w] = t;
            }
        }
    *n_sets = n;
    return true;
}

/* Do the places of the matching at hand hit everything already? */
static bool hit_by_matching(const nf_search *s, uint32_t n_sets, uint32_t first) {
    for (uint32_t i = 0; i < n_sets; i++) {
        const nf_word *want = s->want_mask + (size_t)i * s->words;
        bool hit = false;
        for (uint32_t g = first; g < s->n_guests && !hit; g++) hit = nf_bit_get(want, s->place_at[g]);
        if (!hit) return false;
    }
    return true;
}

static bool serve_forced(nf_search *s, uint32_t *n_groups, uint32_t first) {
    for (uint32_t h = nf_mask_next(s->forced, s->words, 0); h != NF_NONE;
         h = nf_mask_next(s->forced, s->words, h + 1)) {
        if (nf_bit_get(s->chosen, h)) continue;
        if (*n_groups == s->n_guests - first) return false;
        nf_word *mask = s->group_mask + (size_t)*n_groups * s->words;
        nf_mask_zero(mask, s->words);
        nf_bit_set(mask, h);
        if (!serve(s, (*n_groups)++, first)) return false;
    }
    return true;
}

bool nf_can_hit(nf_search *s) {
    uint32_t first = nf_mask_count(s->chosen, s->words), n_sets = 0, n_groups = 0;
    bool forced = !nf_mask_within(s->forced, s->chosen, s->words);
    if (!s->n_hits && !forced) return true;
    nf_mask_zero(s->union_open, s->words);
    for (uint32_t g = first; g < s->n_guests; g++) {
        const nf_word *row = s->open + (size_t)s->class_of[g] * s->words;
        for (uint32_t w = 0; w < s->words; w++) s->union_open[w] |= row[w];
    }
    if (!collect(s, &n_sets)) return false;
    if (!forced && hit_by_matching(s, n_sets, first)) return true;
    for (uint32_t i = 0; i < s->max_groups; i++) s->group_place[i] = NF_NONE;
    for (uint32_t h = 0; h < s->n_places; h++) s->place_group[h] = s->place_guest[h] = NF_NONE;
    for (uint32_t g = 0; g < s->n_guests; g++) s->guest_place[g] = NF_NONE;
    return serve_forced(s, &n_groups, first) && place_sets(s, 0, n_sets, n_groups, first);
}
