/* Claims and releases from threads that know no Python, through the table of functions. */
#include <numafit/numafit.h>

#include <pthread.h>
#include <stdlib.h>

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
