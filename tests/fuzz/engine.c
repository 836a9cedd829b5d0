/* A fleet that holds together, and calls in any order. */
#include "calls.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    bytes b = {data, size};
    world w;
    world_make(&w, &b);
    play_calls(&w.fleet, &b);
    world_free(&w);
    return 0;
}
