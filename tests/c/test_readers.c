/* Readers beside claimers: a copy of a host, of all hosts, a check and a scan each see claims whole
 * or not at all. Run it under ThreadSanitizer too. */
#include "check.h"
#include "fixture.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum { HOSTS = 8, CLAIMERS = 4, READERS = 4, LOCKS = 4 };

#ifndef TURNS
#define TURNS 20000
#endif

static fixture f;
static nf_lock locks[LOCKS];
static nf_shared shared = {&f.fleet, locks, LOCKS, HOSTS / LOCKS};
static nf_options options = {.limits = NF_LIMITS_HOST};
static nf_guest_cell cells[2], whole[2];
static nf_request request, large; /* large: of an empty host alone */
static atomic_int working;
static atomic_ulong claims, torn, reads, refusals, failures;

static uint32_t dice(uint64_t *seed, uint32_t below) {
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    return (uint32_t)(*seed >> 11) % below;
}

/* The same guest on both cells of two hosts, in one claim. */
static void *claim(void *context) {
    uint64_t seed = (uint64_t)(uintptr_t)context * 7919u + 1u;
    nf_scratch scratch = {.bytes = nf_fit_bytes(&f.fleet, &request)};
    scratch.memory = malloc(scratch.bytes);
    for (int turn = 0; turn < TURNS; turn++) {
        answer a[2];
        nf_claim_item items[2];
        uint32_t first = 2 * dice(&seed, HOSTS / 2);
        nf_status status = NF_OK;
        for (uint32_t i = 0; i < 2 && status == NF_OK; i++) {
            answer_make(&a[i]);
            items[i] = (nf_claim_item){first + i, 0, &request, &options, &a[i].placement};
            status = nf_shared_fit(&shared, &items[i], &scratch, NULL);
        }
        if (status == NF_OK) status = nf_shared_claim(&shared, items, 2, NULL, NULL);
        if (status != NF_OK) {
            failures += status < 0;
            continue;
        }
        claims++;
        failures += nf_shared_release(&shared, items, 2, NULL, NULL) != NF_OK;
    }
    free(scratch.memory);
    working--;
    return NULL;
}

static void *columns_of(nf_fleet *to) {
    const nf_column_info *c;
    size_t bytes = 0;
    uint64_t shape[2];
    for (uint32_t i = 0; (c = nf_column(i)) != NULL; i++) {
        nf_column_shape(&f.fleet, i, shape);
        bytes += shape[0] * shape[1] * c->size + 8;
    }
    char *memory = calloc(bytes, 1), *at = memory;
    *to = f.fleet;
    for (uint32_t i = 0; (c = nf_column(i)) != NULL; i++) {
        nf_column_shape(&f.fleet, i, shape);
        if (!c->claimed) continue;
        memcpy((char *)to + c->offset, &at, sizeof at);
        at += (shape[0] * shape[1] * c->size + 7u) & ~(size_t)7u;
    }
    return memory;
}

static void *look(void *context) {
    uint64_t seed = (uint64_t)(uintptr_t)context * 104729u + 3u;
    nf_scratch memory = {.bytes = nf_host_copy_bytes(&f.fleet)};
    nf_scratch scratch = {.bytes = nf_fit_bytes(&f.fleet, &request)};
    nf_fleet all, copy;
    nf_reason why, reasons[4];
    nf_status status;
    answer a;
    uint8_t fits[HOSTS];
    answer_make(&a);
    memory.memory = malloc(memory.bytes);
    scratch.memory = malloc(scratch.bytes);
    void *columns = columns_of(&all);
    while (working > 0) {
        uint32_t host = dice(&seed, HOSTS);
        const char *reason = NULL;
        failures += nf_shared_copy_host(&shared, host, &memory, &copy) != NF_OK;
        torn += copy.cell_memory_used[0] != copy.cell_memory_used[1] ||
                copy.cell_free[0] != copy.cell_free[1] ||
                nf_fleet_check(&copy, &reason) != NF_OK;
        failures += nf_shared_copy(&shared, &all) != NF_OK;
        for (uint32_t c = 0; c < 4 * (HOSTS / 2); c += 4)
            torn += all.cell_memory_used[c] != all.cell_memory_used[c + 2] ||
                    all.cell_memory_used[c] != all.cell_memory_used[c + 3];
        torn += nf_fleet_check(&all, &reason) != NF_OK;
        torn += nf_shared_check(&shared, &reason) != NF_OK;
        nf_claim_item item = {host, 0, &large, &options, &a.placement};
        status = nf_shared_fit(&shared, &item, &scratch, &why);
        if (status > NF_OK) status = nf_shared_explain(&shared, &item, &scratch, &why, reasons, 4);
        failures += status < NF_OK;
        if (status > NF_OK) {
            refusals++; /* every cell has the same left, and so has every pair the same reason */
            for (int i = 0; i < 4; i++)
                torn += reasons[i].status != status || reasons[i].available != why.available;
        }
        if (reads % 64 == 0) { /* as a fork would */
            failures += nf_shared_lock(&shared) != NF_OK;
            torn += nf_fleet_check(&f.fleet, &reason) != NF_OK;
            failures += nf_shared_unlock(&shared) != NF_OK;
        }
        failures += nf_shared_scan(&shared, &(nf_hosts){NULL, 0, HOSTS}, &request, &options,
                                   &scratch, fits) != NF_OK;
        reads++;
    }
    free(columns);
    free(scratch.memory);
    free(memory.memory);
    return NULL;
}

int main(void) {
    pthread_t threads[CLAIMERS + READERS];
    fixture_make(&f, HOSTS);
    cells[0] = cells[1] = pinned(4, 64);
    request = request_of(cells, 2);
    whole[0] = whole[1] = pinned(SLOTS, 64);
    large = request_of(whole, 2);
    uint64_t before = fixture_digest(&f);
    working = CLAIMERS;
    for (uintptr_t i = 0; i < CLAIMERS + READERS; i++)
        CHECK(pthread_create(&threads[i], NULL, i < CLAIMERS ? claim : look, (void *)i) == 0);
    for (int i = 0; i < CLAIMERS + READERS; i++) pthread_join(threads[i], NULL);
    fprintf(stderr, "%lu claims, %lu rounds of reads, %lu refusals, %lu torn\n",
            (unsigned long)claims, (unsigned long)reads, (unsigned long)refusals,
            (unsigned long)torn);
    CHECK(claims > TURNS && reads > 10 && refusals && torn == 0 && failures == 0);
    CHECK(nf_fleet_check(&f.fleet, NULL) == NF_OK && fixture_digest(&f) == before);
    fixture_free(&f);
    return FAILURES();
}
