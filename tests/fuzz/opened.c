/* A fleet in a file with damaged bytes: nf_open() refuses it, or all that is asked of it is as safe as
 * with any other. */
#define _POSIX_C_SOURCE 200809L
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../c/image.h"
#include "calls.h"
#include "holds.h"

static char path[64];

static void forget_path(void) { unlink(path); }

static void put(const uint8_t *image, size_t size) {
    if (!*path) {
        snprintf(path, sizeof path, "/tmp/numafit-opened-XXXXXX");
        int made = mkstemp(path);
        HOLDS(made >= 0);
        close(made);
        atexit(forget_path);
    }
    FILE *file = fopen(path, "wb");
    HOLDS(file && fwrite(image, 1, size, file) == size);
    fclose(file);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static nf_image image;
    bytes b = {data, size};
    const char *reason = NULL;
    world w;
    size_t whole;
    world_make(&w, &b);
    uint8_t *made = image_of(&w.fleet, &whole);
    uint32_t used = (uint32_t)sizeof(nf_image_head), left = (uint32_t)whole;
    for (uint32_t n = 1 + below(&b, 3); n; n--) {
        uint32_t kind = below(&b, 4), at = below(&b, left > used ? used : left);
        if (kind == 3) at = left > NF_IMAGE_HEAD ? NF_IMAGE_HEAD + below(&b, left - NF_IMAGE_HEAD) : at;
        if (kind == 2 && now_and_then(&b, 8)) left = at;
        if (at < left) made[at] = (uint8_t)(kind ? made[at] ^ 1u << below(&b, 8) : next_byte(&b));
    }
    if (left >= NF_IMAGE_HEAD && !now_and_then(&b, 8)) image_seal(made); /* by somebody who knows how */
    put(made, left);
    nf_status status = nf_open(path, NF_OPEN_PRIVATE, &image, &reason);
    if (status == NF_OK) {
        for (uint32_t h = 0; h < image.fleet.n_hosts; h++) {
            size_t length = 0;
            const char *name = nf_image_host_name(&image, h, &length);
            for (size_t i = 0; name && i < length; i++) HOLDS(name + i < (char *)image.memory + left);
        }
        /* the masks of a world's requests are no longer than that */
        if (image.fleet.n_classes <= 128 && image.fleet.n_host_classes <= 64)
            play_calls(&image.fleet, &b);
        nf_close(&image);
    } else {
        HOLDS(reason && *reason && !image.memory);
    }
    free(made);
    world_free(&w);
    return 0;
}
