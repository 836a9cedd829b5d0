#include "requests.h"

#include <stdlib.h>
#include <string.h>

static int fail(unsigned long number, const char *word, const char *expected) {
    fprintf(stderr, "line %lu: %s: expected %s\n", number, word, expected);
    return -1;
}

static bool number_of(const char *text, long long least, long long most, long long *value) {
    char *end;
    if (*text < '0' || *text > '9') return false;
    *value = strtoll(text, &end, 10);
    return !*end && *value >= least && *value <= most;
}

static bool page_of(const char *text, long long *value) {
    static const char *const words[] = {"small", "large", "any"};
    for (int i = 0; i < 3; i++)
        if (!strcmp(text, words[i])) {
            *value = NF_PAGES_SMALL - i;
            return true;
        }
    return number_of(text, 1, 1 << 30, value);
}

static bool threads_of(const char *text, long long *value) {
    static const char *const words[] = {"prefer", "isolate", "require"};
    for (int i = 0; i < 3; i++)
        if (!strcmp(text, words[i])) {
            *value = NF_THREADS_PREFER + i;
            return true;
        }
    return false;
}

static bool nets_of(line *out, char *text) {
    char *rest = NULL;
    for (char *id = strtok_r(text, ",", &rest); id; id = strtok_r(NULL, ",", &rest)) {
        long long net;
        if (out->request.n_nets == NF_MAX_NETS || !number_of(id, 0, UINT32_MAX, &net)) return false;
        out->nets[out->request.n_nets++] = (uint32_t)net;
    }
    return true;
}

/* One KEY=VALUE; the cell described so far is cells[0]. */
static int take_option(line *out, char *word, unsigned long number) {
    nf_guest_cell *cell = &out->cells[0];
    char *value = strchr(word, '=');
    long long n = 0;
    if (!value) return fail(number, word, "KEY=VALUE");
    *value++ = '\0';
    if (!strcmp(word, "cells") && number_of(value, 1, MAX_CELLS, &n))
        out->request.n_cells = (uint32_t)n;
    else if (!strcmp(word, "dedicated") && number_of(value, 0, NF_MAX_SLOTS, &n))
        cell->n_dedicated = (uint32_t)n;
    else if (!strcmp(word, "shared") && number_of(value, 0, NF_MAX_SLOTS, &n))
        cell->n_shared = (uint32_t)n;
    else if (!strcmp(word, "memory") && number_of(value, 0, 1ll << 50, &n))
        cell->memory = n;
    else if (!strcmp(word, "page") && page_of(value, &n))
        cell->page_kib = n;
    else if (!strcmp(word, "threads") && threads_of(value, &n))
        cell->threads = (uint32_t)n;
    else if (!strcmp(word, "emulator") && !strcmp(value, "isolate"))
        out->request.emulator_isolated = 1;
    else if (strcmp(word, "nets") || !nets_of(out, value))
        return fail(number, word, "a known key with a value of its kind; see requests.h");
    return 0;
}

int next_line(FILE *in, line *out, unsigned long number) {
    char text[1024], *rest = NULL;
    if (!fgets(text, sizeof text, in)) return 0;
    if (!strchr(text, '\n') && !feof(in)) return fail(number, "the line", "fewer than 1024 characters");
    char *verb = strtok_r(text, " \t\n", &rest), *id = strtok_r(NULL, " \t\n", &rest);
    if (!verb || !id || strlen(id) > MAX_ID) return fail(number, "the line", "boot ID or delete ID");
    memset(out, 0, sizeof *out);
    out->boot = !strcmp(verb, "boot");
    if (!out->boot && strcmp(verb, "delete")) return fail(number, verb, "boot or delete");
    strcpy(out->id, id);
    out->request = (nf_request){.abi = NF_ABI_VERSION, .n_cells = 1, .cells = out->cells,
                                .nets = out->nets};
    for (char *word = strtok_r(NULL, " \t\n", &rest); word; word = strtok_r(NULL, " \t\n", &rest))
        if (take_option(out, word, number)) return -1;
    nf_guest_cell *cell = &out->cells[0];
    if (cell->n_dedicated) cell->policy = cell->n_shared ? NF_POLICY_MIXED : NF_POLICY_DEDICATED;
    for (uint32_t i = 1; i < out->request.n_cells; i++) out->cells[i] = *cell;
    return 1;
}
