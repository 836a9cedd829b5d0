/* What do the bytes of a case stand for? Printed where NARRATE=1 stands in the environment. */
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "world.h"

static bool silent(void) { return getenv("NARRATE") == NULL; }

static void narrate_value(const char *data, uint32_t type, uint64_t i) {
    switch (type) {
    case NF_INT32: fprintf(stderr, " %" PRId32, ((const int32_t *)(const void *)data)[i]); break;
    case NF_UINT32: fprintf(stderr, " %" PRIu32, ((const uint32_t *)(const void *)data)[i]); break;
    case NF_INT64: fprintf(stderr, " %" PRId64, ((const int64_t *)(const void *)data)[i]); break;
    case NF_UINT64: fprintf(stderr, " %" PRIx64, ((const uint64_t *)(const void *)data)[i]); break;
    case NF_DOUBLE: fprintf(stderr, " %g", ((const double *)(const void *)data)[i]); break;
    default: break;
    }
}

static void narrate_layouts(const nf_fleet *f) {
    for (uint32_t l = 0; l < f->n_layouts; l++) {
        const nf_layout *here = &f->layouts[l];
        fprintf(stderr, "layout %u: shift %u threads %u cores %u slots %u shared %u dedicated %u same %u\n", l,
               here->shift, here->threads, here->n_cores, here->n_slots, here->n_shared,
               here->n_dedicated, here->same_sets);
    }
}

void narrate_fleet(const nf_fleet *f) {
    const nf_column_info *column;
    if (silent()) return;
    fprintf(stderr, "hosts %u cells %u max_threads %u net_words %u classes %u\n", f->n_hosts, f->n_cells,
           f->max_threads, f->net_words, f->n_classes);
    narrate_layouts(f);
    for (uint32_t i = 0; (column = nf_column(i)) != NULL; i++) {
        uint64_t shape[2];
        const char *data;
        memcpy(&data, (const char *)f + column->offset, sizeof data);
        nf_column_shape(f, i, shape);
        if (column->type == NF_LAYOUT_STRUCT || !shape[0] || !shape[1]) continue;
        fprintf(stderr, "%s:", column->name);
        for (uint64_t n = 0; n < shape[0] * shape[1]; n++) {
            if (n && n % shape[1] == 0 && shape[1] > 1) fprintf(stderr, " |");
            narrate_value(data, column->type, n);
        }
        fprintf(stderr, "\n");
    }
}

void narrate_wish(const wish *w) {
    const nf_request *r = &w->request;
    const nf_options *o = &w->options;
    if (silent()) return;
    fprintf(stderr, "wish: strategy %u affinity %u limits %u (%g, %g) matching %u budget %u emulator %u\n",
           o->strategy, o->net_affinity, o->limits, o->cpu_ratio, o->ram_ratio, o->pci_matching,
           o->budget, r->emulator_isolated);
    for (uint32_t g = 0; g < r->n_cells; g++)
        fprintf(stderr, "  cell: %" PRId64 " MiB pages %" PRId64 " shared %u dedicated %u policy %u threads %u\n",
               r->cells[g].memory, r->cells[g].page_kib, r->cells[g].n_shared,
               r->cells[g].n_dedicated, r->cells[g].policy, r->cells[g].threads);
    if (r->host_classes) fprintf(stderr, "  host classes: %" PRIx64 "\n", *r->host_classes);
    for (uint32_t i = 0; i < r->n_resources; i++)
        fprintf(stderr, "  resource %u: %u\n", r->resources[i].resource, r->resources[i].amount);
    if (r->fallback_classes) fprintf(stderr, "  other classes: %" PRIx64 "\n", *r->fallback_classes);
    for (uint32_t i = 0; i < r->n_fallback; i++)
        fprintf(stderr, "  of these %u: %u\n", r->fallback[i].resource, r->fallback[i].amount);
    for (uint32_t n = 0; n < r->n_nets; n++) fprintf(stderr, "  net: %u\n", r->nets[n]);
    for (uint32_t i = 0; i < r->n_pci; i++) {
        const nf_pci_request *q = &r->pci[i];
        fprintf(stderr, "  pci: count %u policy %u matches %" PRIx64 " usable %" PRIx64, q->count, q->policy,
               q->matches[0], q->usable[0]);
        for (uint32_t p = 0; p < q->n_providers; p++)
            fprintf(stderr, " provider %u: %u", q->providers[p].provider, q->providers[p].count);
        fprintf(stderr, "\n");
    }
}
