/*
 * Measures the engine's operations: `core_bench` prints the least time of each, `core_bench --count`
 * marks each for callgrind, which writes one file of counts an operation.
 */
#define _POSIX_C_SOURCE 200809L
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "operations.h"

#if defined(__has_include)
#if __has_include(<valgrind/callgrind.h>)
#include <valgrind/callgrind.h>
#endif
#endif
#ifndef CALLGRIND_ZERO_STATS
#define CALLGRIND_START_INSTRUMENTATION
#define CALLGRIND_STOP_INSTRUMENTATION
#define CALLGRIND_ZERO_STATS
#define CALLGRIND_DUMP_STATS_AT(name) (void)(name)
#define NO_CALLGRIND 1
#endif

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* The first run warms up: tables of the dynamic linker are no part of an operation. */
static unsigned count(const operation *o) {
    void *state = o->make();
    unsigned yes = o->run(state);
    CALLGRIND_START_INSTRUMENTATION;
    CALLGRIND_ZERO_STATS;
    yes += o->run(state);
    CALLGRIND_DUMP_STATS_AT(o->name);
    CALLGRIND_STOP_INSTRUMENTATION;
    o->end(state);
    return yes;
}

static double least(const operation *o, unsigned *yes) {
    double best = 1e9, spent = 0.0;
    void *state = o->make();
    unsigned times = 1;
    *yes = o->run(state);
    for (int round = 0; round < 1000 && (spent < 0.25 || round < 20); round++) {
        double start = now();
        for (unsigned i = 0; i < times; i++) o->run(state);
        double each = (now() - start) / times;
        spent += each * times;
        if (each < best) best = each;
        if (each * times < 5e-5) times *= 2;
    }
    o->end(state);
    return best;
}

int main(int argc, char **argv) {
    int counting = argc > 1 && !strcmp(argv[1], "--count");
    const char *only = argc > 1 && !counting ? argv[1] : NULL;
#ifdef NO_CALLGRIND
    if (counting) {
        fprintf(stderr, "built without valgrind/callgrind.h: nothing can be counted\n");
        return 2;
    }
#endif
    for (size_t i = 0; i < n_operations; i++) {
        const operation *o = &operations[i];
        unsigned yes;
        if (only && strcmp(only, o->name)) continue;
        if (counting) {
            printf("%s\t%s\t%u\n", o->name, o->unit, count(o));
            continue;
        }
        double seconds = least(o, &yes);
        printf("%s\t%s\t%u\t%.1f\n", o->name, o->unit, yes, seconds * 1e9);
    }
    return 0;
}
