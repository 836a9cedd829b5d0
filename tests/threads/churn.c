/* Claims and releases from threads that know no Python, through the table of functions. */
#include <numafit/numafit.h>

#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

typedef struct churn {
    pthread_t thread;
    const nf_api *nf;
    const nf_shared *shared;
    const nf_request *request;
    uint32_t hosts; /* 1: host 0; 2: hosts 0 and 1 in one claim */
    volatile int stop;
    unsigned long claims, failures;
} churn;

static void make_room(churn *c, nf_placement *p) {
    p->cells_size = c->request->n_cells;
    p->slots_size = c->nf->max_slots(c->request);
    p->draws_size = c->nf->max_draws(c->shared->fleet, c->request);
    p->cells = calloc(p->cells_size + 1u, sizeof *p->cells);
    p->slots = calloc(p->slots_size + 1u, sizeof *p->slots);
    p->draws = calloc(p->draws_size + 1u, sizeof *p->draws);
}

static void *run(void *context) {
    churn *c = context;
    nf_options options = {.limits = NF_LIMITS_HOST};
    nf_scratch scratch = {.bytes = c->nf->fit_bytes(c->shared->fleet, c->request)};
    nf_placement placed[2] = {{0}, {0}};
    nf_claim_item items[2];
    scratch.memory = malloc(scratch.bytes);
    for (uint32_t h = 0; h < 2; h++) {
        make_room(c, &placed[h]);
        items[h] = (nf_claim_item){h, 0, c->request, &options, &placed[h]};
    }
    while (!c->stop) {
        int status = NF_OK;
        for (uint32_t h = 0; h < c->hosts && status == NF_OK; h++)
            status = c->nf->shared_fit(c->shared, &items[h], &scratch, NULL);
        if (status == NF_OK)
            status = c->nf->shared_claim(c->shared, items, c->hosts, NULL, NULL);
        if (status != NF_OK) {
            c->failures += status < 0;
            continue; /* another was faster */
        }
        c->claims++;
        if (c->nf->shared_release(c->shared, items, c->hosts, NULL, NULL) != NF_OK) c->failures++;
    }
    for (uint32_t h = 0; h < 2; h++) {
        free(placed[h].cells);
        free(placed[h].slots);
        free(placed[h].draws);
    }
    free(scratch.memory);
    return NULL;
}

/* With the GIL held: fleet and prepared are Python's. */
void *churn_start(const nf_api *nf, void *fleet, void *prepared, uint32_t hosts) {
    churn *c = calloc(1, sizeof *c);
    c->nf = nf;
    c->shared = nf->shared_of(fleet);
    c->request = nf->request_of(prepared);
    c->hosts = hosts;
    if (!c->shared || !c->request || pthread_create(&c->thread, NULL, run, c)) {
        free(c);
        return NULL;
    }
    return c;
}

/* Without it: the number of claims, or -1 - failures. */
long churn_stop(void *started) {
    churn *c = started;
    c->stop = 1;
    pthread_join(c->thread, NULL);
    long result = c->failures ? -1 - (long)c->failures : (long)c->claims;
    free(c);
    return result;
}

uint32_t churn_locks(const nf_api *nf, void *fleet) { return nf->shared_of(fleet)->n_locks; }

uint32_t churn_hosts_per_lock(const nf_api *nf, void *fleet) {
    return nf->shared_of(fleet)->hosts_per_lock;
}

typedef struct hold {
    pthread_t thread;
    const nf_api *nf;
    const nf_shared *shared;
    uint32_t milliseconds;
    pthread_barrier_t locked;
} hold;

static void *keep(void *context) {
    hold *h = context;
    h->nf->shared_lock(h->shared);
    pthread_barrier_wait(&h->locked);
    usleep(1000 * h->milliseconds);
    h->nf->shared_unlock(h->shared);
    return NULL;
}

/* All locks are held when this returns, and for a while. */
void *churn_hold(const nf_api *nf, void *fleet, uint32_t milliseconds) {
    hold *h = calloc(1, sizeof *h);
    h->nf = nf;
    h->shared = nf->shared_of(fleet);
    h->milliseconds = milliseconds;
    pthread_barrier_init(&h->locked, NULL, 2);
    pthread_create(&h->thread, NULL, keep, h);
    pthread_barrier_wait(&h->locked);
    return h;
}

void churn_held(void *holding) {
    hold *h = holding;
    pthread_join(h->thread, NULL);
    pthread_barrier_destroy(&h->locked);
    free(h);
}

/* Every call with a request of another fleet: how many do not say so. */
int churn_foreign(const nf_api *nf, void *fleet, void *prepared) {
    const nf_shared *s = nf->shared_of(fleet);
    const nf_request *r = nf->request_of(prepared);
    nf_options o = {.limits = NF_LIMITS_HOST};
    nf_preference by = {NF_BY_ROOM, NULL};
    nf_best best = {UINT32_MAX, 0.0};
    nf_arrival kind = {r, 1.0};
    nf_hosts one = {NULL, 0, 1};
    nf_reason why = {0, 0, 0, 0}, reasons[64];
    uint8_t fits[1];
    uint32_t counts[1];
    churn c = {.nf = nf, .shared = s, .request = r};
    nf_placement placed = {0};
    make_room(&c, &placed);
    nf_claim_item item = {0, 0, r, &o, &placed};
    nf_scratch scratch = {.bytes = nf->mix_bytes(s->fleet, &kind, 1) + (1u << 20)};
    scratch.memory = calloc(1, scratch.bytes);
    int statuses[] = {
        nf->fit(s->fleet, 0, r, &o, &scratch, &placed, &why),
        nf->claim(s->fleet, 0, r, &placed, &why),
        nf->release(s->fleet, 0, r, &placed, &why),
        nf->shared_fit(s, &item, &scratch, &why),
        nf->shared_pci(s, 0, r, &o, NULL, 0, &scratch, &placed),
        nf->shared_explain(s, &item, &scratch, &why, reasons, 64),
        nf->shared_scan(s, &one, r, &o, &scratch, fits),
        nf->shared_capacity(s, &one, r, &o, 9, &scratch, counts),
        nf->shared_mix(s, &one, &kind, 1, &o, 9, &scratch, counts),
        nf->shared_choose(s, &one, r, &o, &by, &scratch, &best),
        nf->shared_claim(s, &item, 1, NULL, NULL),
        nf->shared_release(s, &item, 1, NULL, NULL),
    };
    int others = 0;
    for (size_t i = 0; i < sizeof statuses / sizeof *statuses; i++)
        others += statuses[i] != NF_EFLEET;
    free(scratch.memory);
    free(placed.cells);
    free(placed.slots);
    free(placed.draws);
    return others;
}
