/* Can the open guests meet every set, and by which places? Flows worked out by hand, and all choices
 * of places tried one by one. */
#include "check.h"
#include "dice.h"

#include "../../src/engine.h"

#include <stdlib.h>
#include <string.h>

enum { A, B, GUESTS, MOST_GUESTS = 6 };

typedef struct flow {
    nf_search s;
    int64_t budget;
    uint32_t place[MOST_GUESTS];
    void *memory;
} flow;

/* Unlike guests, before any of them is decided. */
static void start_with(flow *w, uint32_t places, uint32_t guests, uint32_t hits) {
    nf_arena a = {NULL, 0};
    nf_search_lay_out(&w->s, places, guests, hits, &a);
    a = (nf_arena){w->memory = calloc(1, a.used), 0};
    nf_search_lay_out(&w->s, places, guests, hits, &a);
    w->budget = 1000;
    w->s.budget = &w->budget;
    w->s.place = w->place;
    w->s.n_classes = guests;
    for (uint32_t g = 0; g < guests; g++) w->s.class_of[g] = g;
}

static void start(flow *w, uint32_t places, uint32_t hits) { start_with(w, places, GUESTS, hits); }

static void fits(flow *w, uint32_t guest, uint32_t place) {
    nf_bit_set(w->s.rows + (size_t)guest * w->s.words, place);
    nf_bit_set(w->s.open + (size_t)guest * w->s.words, place);
}

static void wants(flow *w, uint32_t set, uint32_t place) {
    nf_bit_set(w->s.hits + (size_t)set * w->s.words, place);
}

static void matched(flow *w, uint32_t a, uint32_t b) {
    w->s.place_at[A] = a;
    w->s.place_at[B] = b;
}

/* Set 0 is served by place 0, which takes guest A. Set 1 can have no other guest than A: so place 0
 * is given up, and set 0 goes to place 2 and guest B. */
static void a_place_is_given_up_for_another_set(void) {
    flow w;
    uint32_t found;
    start(&w, 5, 2);
    fits(&w, A, 0);
    fits(&w, A, 1);
    fits(&w, A, 3);
    fits(&w, B, 2);
    wants(&w, 0, 0);
    wants(&w, 0, 2);
    wants(&w, 1, 1);
    wants(&w, 1, 3);
    matched(&w, 0, 2);
    CHECK(nf_can_hit(&w.s));
    CHECK(w.s.place_group[0] == NF_NONE && w.s.place_guest[0] == NF_NONE);
    CHECK(w.s.place_group[2] == 0 && w.s.group_place[0] == 2 && w.s.place_guest[2] == B);
    CHECK(w.s.place_group[1] == 1 && w.s.group_place[1] == 1 && w.s.place_guest[1] == A);
    CHECK(w.s.guest_place[A] == 1 && w.s.guest_place[B] == 2);
    CHECK(nf_assign(&w.s, &found) == NF_OK && found == GUESTS);
    CHECK(w.place[A] == 1 && w.place[B] == 2);
    free(w.memory);
}

/* The same with less and less to spend: found or not decided, and nothing else. */
static void too_little_work_is_neither_yes_nor_no(void) {
    uint32_t undecided = 0;
    for (int64_t budget = 0; budget < 20; budget++) {
        flow w;
        uint32_t found;
        start(&w, 5, 2);
        fits(&w, A, 0);
        fits(&w, A, 1);
        fits(&w, B, 2);
        fits(&w, B, 3);
        wants(&w, 0, 1);
        wants(&w, 1, 3);
        matched(&w, 0, 2);
        w.budget = budget;
        int status = nf_assign(&w.s, &found);
        CHECK(status == NF_OK || status == NF_UNDECIDED);
        undecided += status == NF_UNDECIDED;
        free(w.memory);
    }
    CHECK(undecided > 0 && undecided < 20);
}

/* Each array has room of its own, here for places of three words: what is written into one stands in
 * no other. */
static void arrays_do_not_overlap(void) {
    enum { PLACES = 130, MANY = 6, SETS = 3, WORDS = 3, ALL = 2 * MANY + 2 * PLACES };
    flow w;
    start_with(&w, PLACES, MANY, SETS);
    nf_search *s = &w.s;
    const struct {
        void *array;
        size_t bytes;
    } parts[] = {
        {s->class_of, MANY * sizeof *s->class_of},
        {s->rows, MANY * WORDS * sizeof *s->rows},
        {s->hits, SETS * WORDS * sizeof *s->hits},
        {s->forced, WORDS * sizeof *s->forced},
        {s->chosen, WORDS * sizeof *s->chosen},
        {s->guest_at, PLACES * sizeof *s->guest_at},
        {s->place_at, MANY * sizeof *s->place_at},
        {s->saved_guest, PLACES * sizeof *s->saved_guest},
        {s->saved_place, MANY * sizeof *s->saved_place},
        {s->last_of_class, MANY * sizeof *s->last_of_class},
        {s->open, MANY * WORDS * sizeof *s->open},
        {s->seen, WORDS * sizeof *s->seen},
        {s->union_open, WORDS * sizeof *s->union_open},
        {s->parent, PLACES * sizeof *s->parent},
        {s->queue, (MANY + PLACES) * sizeof *s->queue},
        {s->want_mask, SETS * WORDS * sizeof *s->want_mask},
        {s->group_mask, MANY * WORDS * sizeof *s->group_mask},
        {s->group_place, MANY * sizeof *s->group_place},
        {s->place_group, PLACES * sizeof *s->place_group},
        {s->place_guest, PLACES * sizeof *s->place_guest},
        {s->guest_place, MANY * sizeof *s->guest_place},
        {s->saves, SETS * ALL * sizeof *s->saves},
        {s->mask_saves, SETS * WORDS * sizeof *s->mask_saves},
        {s->seen_flow, ((ALL + 63) / 64) * sizeof *s->seen_flow},
        {s->flow_parent, ALL * sizeof *s->flow_parent},
        {s->flow_queue, ALL * sizeof *s->flow_queue},
    };
    enum { N = sizeof parts / sizeof *parts };
    CHECK(s->words == WORDS);
    for (size_t i = 0; i < N; i++) memset(parts[i].array, (int)i + 1, parts[i].bytes);
    for (size_t i = 0; i < N; i++) {
        const unsigned char *at = parts[i].array;
        for (size_t b = 0; b < parts[i].bytes; b++) CHECK(at[b] == i + 1);
    }
    free(w.memory);
}

/* Sets of more places than a word has bits, the smaller given last: they change places as a whole. */
static void the_smallest_set_comes_first(void) {
    static const uint32_t large[] = {0, 1, 65, 66}, small[] = {2, 67};
    flow w;
    start(&w, 70, 2);
    for (uint32_t place = 0; place < 70; place++) {
        fits(&w, A, place);
        fits(&w, B, place);
    }
    for (uint32_t i = 0; i < 4; i++) wants(&w, 0, large[i]);
    for (uint32_t i = 0; i < 2; i++) wants(&w, 1, small[i]);
    matched(&w, 3, 4);
    CHECK(nf_can_hit(&w.s));
    CHECK(w.s.want_mask[0] == (nf_word)1 << 2 && w.s.want_mask[1] == (nf_word)1 << 3);
    CHECK(w.s.want_mask[2] == 3 && w.s.want_mask[3] == 6);
    free(w.memory);
}

static void a_place_that_must_be_chosen_needs_a_guest(void) {
    flow w;
    start(&w, 4, 0);
    fits(&w, A, 0);
    fits(&w, B, 1);
    fits(&w, B, 2);
    matched(&w, 0, 1);
    nf_bit_set(w.s.forced, 2);
    CHECK(nf_can_hit(&w.s));
    nf_bit_set(w.s.forced, 3); /* where nobody fits */
    CHECK(!nf_can_hit(&w.s));
    nf_mask_zero(w.s.forced, w.s.words);
    nf_bit_set(w.s.forced, 1);
    CHECK(nf_can_hit(&w.s));
    nf_bit_set(w.s.forced, 2); /* both take B */
    CHECK(!nf_can_hit(&w.s));
    free(w.memory);
}

/* Does some choice of places for the guests from g on, beside those that are used, meet all? Whatever
 * choice there is at all becomes the matching at hand. */
// NOLINTNEXTLINE(misc-no-recursion): one level per guest
static bool some_choice(flow *w, uint32_t g, nf_word used, uint32_t *place) {
    nf_search *s = &w->s;
    bool any = false;
    if (g < s->n_guests) {
        for (place[g] = 0; place[g] < s->n_places && !any; place[g]++)
            if (s->rows[g] >> place[g] & ~(used >> place[g]) & 1u)
                any = some_choice(w, g + 1, used | (nf_word)1 << place[g], place);
        return any;
    }
    for (uint32_t i = 0; i < s->n_guests; i++) s->place_at[i] = place[i];
    if (*s->forced & ~used) return false;
    for (uint32_t i = 0; i < s->n_hits; i++)
        if (!(s->hits[i] & used)) return false;
    return true;
}

static void as_all_choices_tried(void) {
    enum { ROUNDS = 30000 };
    uint32_t yes = 0, no = 0;
    for (uint32_t i = 0; i < ROUNDS; i++) {
        uint32_t places = 3 + dice(8), guests = 2 + dice(MOST_GUESTS - 1), sets = 1 + dice(8);
        uint32_t tried[MOST_GUESTS];
        flow w;
        start_with(&w, places, guests, sets);
        for (uint32_t g = 0; g < guests; g++) w.s.place_at[g] = NF_NONE;
        for (uint32_t g = 0; g < guests; g++)
            for (uint32_t n = 1 + dice(4); n--;) fits(&w, g, dice(places));
        for (uint32_t set = 0; set < sets; set++)
            for (uint32_t n = 1 + dice(3); n--;) wants(&w, set, dice(places));
        if (!dice(4)) nf_bit_set(w.s.forced, dice(places));
        bool can = some_choice(&w, 0, 0, tried);
        if (w.s.place_at[0] != NF_NONE) { /* else nothing fits, whatever the sets are */
            CHECK(nf_can_hit(&w.s) == can);
            yes += can;
            no += !can;
        }
        free(w.memory);
    }
    CHECK(yes > ROUNDS / 10 && no > ROUNDS / 10);
}

int main(void) {
    a_place_is_given_up_for_another_set();
    too_little_work_is_neither_yes_nor_no();
    arrays_do_not_overlap();
    the_smallest_set_comes_first();
    a_place_that_must_be_chosen_needs_a_guest();
    as_all_choices_tried();
    return FAILURES();
}
