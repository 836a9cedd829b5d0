/*
 * A small scheduler: reads a fleet, takes requests from standard input, writes decisions.
 *
 *     scheduler FLEET [--first] < requests
 *
 * Each guest goes to the host with most room of all that can take it, or with --first to the first
 * that can. Decisions are `ID HOST cell:cpu,cpu,... ...` or `ID refused`; a summary is on stderr.
 */
#include "fleet_file.h"
#include "requests.h"

#include <search.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* A guest that runs: what it was given, to be given back. */
typedef struct guest {
    line line;
    uint32_t host;
    nf_placement placement;
} guest;

typedef struct scheduler {
    fleet_file file;
    uint32_t choose_by;
    nf_options options;
    nf_scratch scratch;
    void *guests; /* a tree by id */
    unsigned long decisions, placed;
    double seconds;
} scheduler;

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static int by_id(const void *a, const void *b) {
    return strcmp(((const guest *)a)->line.id, ((const guest *)b)->line.id);
}

static void guest_free(void *g) {
    if (!g) return;
    free(((guest *)g)->placement.cells);
    free(((guest *)g)->placement.slots);
    free(((guest *)g)->placement.draws);
    free(g);
}

static guest *guest_new(const scheduler *s, const line *l) {
    guest *g = calloc(1, sizeof *g);
    if (!g) return NULL;
    g->line = *l;
    g->line.request.cells = g->line.cells;
    g->line.request.nets = g->line.nets;
    nf_placement *p = &g->placement;
    p->cells_size = g->line.request.n_cells;
    p->slots_size = nf_max_slots(&g->line.request);
    p->draws_size = nf_max_draws(&s->file.fleet, &g->line.request);
    p->cells = calloc(p->cells_size + 1u, sizeof *p->cells);
    p->slots = calloc(p->slots_size + 1u, sizeof *p->slots);
    p->draws = calloc(p->draws_size + 1u, sizeof *p->draws);
    if (p->cells && p->slots && p->draws) return g;
    guest_free(g);
    return NULL;
}

/* Room for this request's search; grows, and is kept. */
static bool make_room(scheduler *s, const nf_request *request) {
    size_t needed = nf_fit_bytes(&s->file.fleet, request);
    if (!needed) return false;
    if (needed <= s->scratch.bytes) return true;
    free(s->scratch.memory);
    s->scratch.memory = malloc(needed);
    s->scratch.bytes = s->scratch.memory ? needed : 0;
    return s->scratch.memory != NULL;
}

/* The decision: choose, place, claim. NF_OK, or why not. */
static int decide(scheduler *s, guest *g) {
    const nf_fleet *fleet = &s->file.fleet;
    const nf_request *request = &g->line.request;
    nf_best best = {UINT32_MAX, 0};
    int status = nf_choose(fleet, &(nf_hosts){NULL, 0, fleet->n_hosts}, request, &s->options,
                           &(nf_preference){s->choose_by, NULL}, &s->scratch, &best);
    if (status < 0) return status;
    if (best.host == UINT32_MAX) return NF_ASSIGNMENT;
    g->host = best.host;
    status = nf_fit(fleet, g->host, request, &s->options, &s->scratch, &g->placement, NULL);
    if (status != NF_OK) return status;
    return nf_claim(fleet, g->host, request, &g->placement, NULL);
}

static void say(const scheduler *s, const guest *g) {
    const nf_fleet *fleet = &s->file.fleet;
    printf("%s %s", g->line.id, s->file.names[g->host]);
    for (uint32_t c = 0; c < g->line.request.n_cells; c++) {
        const nf_placed_cell *placed = &g->placement.cells[c];
        const int32_t *cpus =
            fleet->layout_cpus + fleet->layouts[fleet->cell_layout[placed->cell]].cpu_at;
        printf(" %d:", fleet->cell_id[placed->cell]);
        for (uint32_t i = 0; i < placed->n_slots; i++)
            printf(i ? ",%d" : "%d", cpus[g->placement.slots[placed->first_slot + i]]);
    }
    putchar('\n');
}

static int boot(scheduler *s, const line *l) {
    guest *g = guest_new(s, l);
    if (!g || !make_room(s, &g->line.request)) {
        guest_free(g);
        fprintf(stderr, "%s: no memory for it, or a request that makes no sense\n", l->id);
        return -1;
    }
    if (tfind(g, &s->guests, by_id)) {
        fprintf(stderr, "%s: expected an id that is not in use\n", l->id);
        guest_free(g);
        return -1;
    }
    double start = now();
    int status = decide(s, g);
    s->seconds += now() - start;
    s->decisions++;
    if (status == NF_OK) {
        s->placed++;
        say(s, g);
        return tsearch(g, &s->guests, by_id) ? 0 : -1;
    }
    guest_free(g);
    if (status < 0) {
        fprintf(stderr, "%s: %s\n", l->id, nf_status_text(status));
        return -1;
    }
    printf("%s refused\n", l->id);
    return 0;
}

static int delete(scheduler *s, const line *l) {
    guest key = {.line = *l}, **found = tfind(&key, &s->guests, by_id);
    if (!found) return 0; /* it was refused */
    guest *g = *found;
    double start = now();
    int status = nf_release(&s->file.fleet, g->host, &g->line.request, &g->placement, NULL);
    s->seconds += now() - start;
    tdelete(g, &s->guests, by_id);
    guest_free(g);
    return status == NF_OK ? 0 : -1;
}

int main(int argc, char **argv) {
    scheduler s = {.choose_by = NF_BY_ROOM, .options = {.limits = NF_LIMITS_HOST}};
    line l;
    int status = 0, more;
    bool first = argc == 3 && !strcmp(argv[2], "--first");
    if (argc != 2 && !first) {
        fprintf(stderr, "usage: %s FLEET [--first] < requests\n", argv[0]);
        return 2;
    }
    if (first) s.choose_by = NF_BY_INDEX;
    if (nf_abi_version() != NF_ABI_VERSION) {
        fprintf(stderr, "built against another version of numafit.h: build it again\n");
        return 2;
    }
    if (fleet_read(&s.file, argv[1])) {
        fleet_free(&s.file);
        return 2;
    }
    for (unsigned long n = 1; !status && (more = next_line(stdin, &l, n)) != 0; n++)
        status = more < 0 ? -1 : l.boot ? boot(&s, &l) : delete(&s, &l);
    fprintf(stderr, "%lu decisions, %lu placed, %.0f decisions a second over %u hosts\n",
            s.decisions, s.placed, s.seconds > 0 ? (double)s.decisions / s.seconds : 0.0,
            s.file.fleet.n_hosts);
    while (s.guests) {
        guest *g = *(guest **)s.guests;
        tdelete(g, &s.guests, by_id);
        guest_free(g);
    }
    free(s.scratch.memory);
    fleet_free(&s.file);
    return status ? 2 : 0;
}
