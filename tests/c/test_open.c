/* A fleet in a file: opened it answers as in memory, and what is damaged is refused. With a file of
 * Python's and a number: how many guests of that many pinned CPUs each of its hosts takes. */
#define _POSIX_C_SOURCE 200809L
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "check.h"
#include "dice.h"
#include "fixture.h"
#include "image.h"

enum { HOSTS = 300 };

static char path[] = "test_open_XXXXXX";

static void put(const uint8_t *image, size_t bytes) {
    FILE *file = fopen(path, "wb");
    CHECK(file && fwrite(image, 1, bytes, file) == bytes);
    if (file) fclose(file);
}

static nf_status opened(uint32_t flags, const char **reason) {
    static nf_image image;
    nf_status status = nf_open(path, flags, &image, reason);
    if (status == NF_OK) nf_close(&image);
    return status;
}

static nf_status counts_of(nf_image *image, uint32_t cpus, uint32_t *counts) {
    nf_guest_cell cell = pinned(cpus, 64);
    nf_request request = request_of(&cell, 1);
    nf_options options = {.strategy = NF_SPREAD};
    nf_hosts all = {NULL, 0, image->fleet.n_hosts};
    nf_scratch scratch = {.bytes = nf_capacity_bytes(&image->fleet, &request)};
    scratch.memory = malloc(scratch.bytes);
    nf_status status = nf_shared_capacity(&image->shared, &all, &request, &options, 100, &scratch,
                                          counts);
    free(scratch.memory);
    return status;
}

static nf_status claim(nf_image *image, uint32_t host) {
    nf_guest_cell cell = pinned(3, 64);
    nf_request request = request_of(&cell, 1);
    nf_options options = {.strategy = NF_SPREAD};
    answer a;
    answer_make(&a);
    nf_claim_item item = {host, 0, &request, &options, &a.placement};
    nf_scratch scratch = {.bytes = nf_fit_bytes(&image->fleet, &request)};
    scratch.memory = malloc(scratch.bytes);
    nf_status status = nf_shared_fit(&image->shared, &item, &scratch, NULL);
    if (status == NF_OK) status = nf_shared_claim(&image->shared, &item, 1, NULL, NULL);
    free(scratch.memory);
    return status;
}

static void answers_as_in_memory(const uint8_t *image, size_t bytes) {
    static nf_image one, other;
    uint32_t counts[HOSTS];
    size_t length;
    put(image, bytes);
    CHECK(nf_open(path, 0, &one, NULL) == NF_OK);
    CHECK(nf_open(path, NF_OPEN_PRIVATE, &other, NULL) == NF_OK);
    CHECK(one.fleet.n_hosts == HOSTS && nf_shared_check(&one.shared, NULL) == NF_OK);
    CHECK(counts_of(&one, 3, counts) == NF_OK);
    for (uint32_t h = 0; h < HOSTS; h++) CHECK(counts[h] == 4); /* two a cell of eight */
    for (uint32_t h = 0; h < HOSTS; h += 7) CHECK(claim(&other, h) == NF_OK);
    CHECK(counts_of(&other, 3, counts) == NF_OK);
    for (uint32_t h = 0; h < HOSTS; h++) CHECK(counts[h] == (h % 7 ? 4u : 3u));
    CHECK(counts_of(&one, 3, counts) == NF_OK);
    CHECK(counts[7] == 4); /* what is claimed is the process's own */
    CHECK(!strncmp(nf_image_host_name(&one, 299, &length), "h299", 4) && length == 4);
    CHECK(!nf_image_host_name(&one, HOSTS, &length) && !nf_image_host_name(NULL, 0, NULL));
    nf_close(&one);
    nf_close(&other);
    nf_close(&other);
    nf_close(NULL);
    CHECK(!one.memory && !nf_image_host_name(&one, 0, NULL));
}

static void damaged_heads_are_refused(const uint8_t *image, size_t bytes) {
    uint8_t *copy = malloc(bytes + 64);
    const char *reason;
    for (uint32_t n = 0; n < 150; n++) {
        uint32_t at = n < 64 ? n : dice(NF_IMAGE_HEAD);
        memcpy(copy, image, bytes);
        copy[at] ^= (uint8_t)(1u << dice(8));
        put(copy, bytes);
        reason = NULL;
        CHECK(opened(NF_OPEN_UNCHECKED, &reason) == NF_EINVAL && reason && errno == 0);
        if (at < 12) continue; /* magic, version */
        image_seal(copy); /* made by somebody who knows how */
        put(copy, bytes);
        nf_status status = opened(0, &reason);
        CHECK(status == NF_OK || status == NF_EINVAL || status == NF_EABI);
    }
    memcpy(copy, image, bytes);
    memset(copy + bytes, 0, 64);
    for (size_t size = 0; size <= bytes + 64; size = size < 8192 ? size + 819 : size * 2) {
        put(copy, size < bytes + 64 ? size : bytes + 64);
        CHECK(size == bytes || opened(0, &reason) == NF_EINVAL);
    }
    ((nf_image_head *)(void *)copy)->abi++;
    image_seal(copy);
    put(copy, bytes);
    CHECK(opened(0, &reason) == NF_EABI && strstr(reason, "version"));
    free(copy);
}

static void what_is_no_file_is_refused(void) {
    static nf_image image;
    const char *reason = NULL;
    CHECK(nf_open("no/such/file", 0, &image, &reason) == NF_EINVAL && errno == ENOENT && reason);
    CHECK(nf_open("/", 0, &image, &reason) == NF_EINVAL);
    CHECK(nf_open(NULL, 0, &image, &reason) == NF_EINVAL);
    CHECK(nf_open(path, 4, &image, NULL) == NF_EINVAL);
    CHECK(nf_open(path, 0, NULL, NULL) == NF_EINVAL);
}

static int tell(const char *file, uint32_t cpus) {
    static nf_image image;
    const char *reason = "";
    if (nf_open(file, NF_OPEN_PRIVATE, &image, &reason) != NF_OK) {
        fprintf(stderr, "%s: %s\n", file, reason);
        return 2;
    }
    uint32_t *counts = malloc(image.fleet.n_hosts * sizeof *counts + 1);
    int failed = counts_of(&image, cpus, counts) != NF_OK;
    for (uint32_t h = 0; h < image.fleet.n_hosts; h++) {
        size_t length = 0;
        const char *name = nf_image_host_name(&image, h, &length);
        printf("%.*s %u\n", (int)length, name, counts[h]);
    }
    free(counts);
    nf_close(&image);
    return failed;
}

int main(int n_words, char **words) {
    if (n_words == 3) return tell(words[1], (uint32_t)atoi(words[2]));
    fixture f;
    size_t bytes;
    fixture_make(&f, HOSTS);
    uint8_t *image = image_of(&f.fleet, &bytes);
    int file = mkstemp(path);
    CHECK(file >= 0);
    close(file);
    answers_as_in_memory(image, bytes);
    damaged_heads_are_refused(image, bytes);
    what_is_no_file_is_refused();
    unlink(path);
    free(image);
    fixture_free(&f);
    return FAILURES();
}
