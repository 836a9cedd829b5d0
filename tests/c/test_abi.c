/* What programs that were built before rely on: where the fields of each struct stand, and that
 * the table of functions only grows at its end. A change here is a new NF_ABI_VERSION. */
#include "check.h"

#include <numafit/numafit.h>
#include <stddef.h>
#include <string.h>

#define AT(type, field, offset) CHECK(offsetof(type, field) == (offset))

static void structs(void) {
    CHECK(NF_ABI_VERSION == 3);
    CHECK(sizeof(nf_reason) == 24 && sizeof(nf_layout) == 48 && sizeof(nf_guest_cell) == 32);
    CHECK(sizeof(nf_provider) == 8 && sizeof(nf_pci_request) == 40 && sizeof(nf_request) == 96 && sizeof(nf_resource) == 8);
    CHECK(sizeof(nf_options) == 40 && sizeof(nf_placed_cell) == 28 && sizeof(nf_draw) == 12);
    CHECK(sizeof(nf_placement) == 40 && sizeof(nf_scratch) == 16 && sizeof(nf_hosts) == 16);
    CHECK(sizeof(nf_lock) == 64 && sizeof(nf_shared) == 24 && sizeof(nf_claim_item) == 40);
    AT(nf_fleet, abi, 0);
    AT(nf_fleet, n_hosts, 4);
    AT(nf_fleet, host_room, 8);
    AT(nf_fleet, layout_room, 20);
    AT(nf_fleet, n_classes, 52);
    AT(nf_fleet, n_host_classes, 60);
    AT(nf_fleet, identity, 64);
    AT(nf_fleet, n_distances, 96);
    AT(nf_fleet, host_first_cell, 104);
    AT(nf_fleet, host_end_pool, 128);
    AT(nf_fleet, resource_room, 192);
    AT(nf_fleet, resource_few, 200);
    AT(nf_fleet, cell_host, 208);
    AT(nf_fleet, cell_id, 216);
    AT(nf_fleet, cell_free, 312);
    AT(nf_fleet, pool_host, 360);
    AT(nf_fleet, distances, 464);
    AT(nf_request, cells, 8);
    AT(nf_request, fleet, 48);
    AT(nf_placement, n_draws, 36);
    AT(nf_claim_item, placement, 32);
}

/* Every column has a name of its own, a size, and a shape that the fleet's counts give. */
static void columns(void) {
    const nf_column_info *c;
    nf_fleet f = {.n_hosts = 2, .host_room = 3, .n_cells = 5, .n_page_sizes = 2, .max_threads = 4, .net_words = 6,
                  .n_pools = 7, .n_layouts = 1, .layout_room = 8, .n_mask_words = 9, .n_layout_words = 10,
                  .n_layout_cpus = 11, .n_distances = 12, .n_resources = 13};
    uint32_t n = 0, claimed = 0, derived = 0;
    uint64_t shape[2];
    for (; (c = nf_column(n)) != NULL; n++) {
        CHECK(c->offset == offsetof(nf_fleet, host_first_cell) + n * sizeof(void *));
        CHECK(c->size == (c->type == NF_LAYOUT_STRUCT ? sizeof(nf_layout)
                          : c->type == NF_INT16       ? sizeof(int16_t)
                          : c->type <= NF_UINT32      ? 4u
                                                      : 8u));
        for (uint32_t i = 0; i < n; i++) CHECK(strcmp(c->name, nf_column(i)->name));
        CHECK(nf_column_shape(&f, n, shape) && shape[0] && shape[1]);
        CHECK(!c->derived || c->claimed); /* what follows from changes changes */
        claimed += c->claimed;
        derived += c->derived;
        if (!strcmp(c->name, "resource_room")) CHECK(shape[0] == 13 && shape[1] == 3);
        if (!strcmp(c->name, "cell_nets")) CHECK(shape[0] == 5 && shape[1] == 6);
        if (!strcmp(c->name, "pages_free")) CHECK(shape[0] == 2 && shape[1] == 5);
        if (!strcmp(c->name, "cell_cores")) CHECK(shape[0] == 4 && shape[1] == 5);
        if (!strcmp(c->name, "host_end_pool")) CHECK(shape[0] == 3 && shape[1] == 1);
        if (!strcmp(c->name, "layouts")) CHECK(shape[0] == 8 && shape[1] == 1);
    }
    CHECK(n == 46 && claimed == 17 && derived == 6);
    CHECK(!nf_column(n) && !nf_column(UINT32_MAX) && !nf_column_shape(&f, n, shape));
}

/* The fields of a layout fill it, in their order. */
static void layout_fields(void) {
    const nf_count_info *field;
    uint32_t n = 0;
    for (size_t at = 0; (field = nf_layout_field(n)) != NULL; n++, at += field->size)
        CHECK(field->offset == at && field->offset + field->size <= sizeof(nf_layout));
    CHECK(n == 10 && !strcmp(nf_layout_field(8)->name, "mask_at"));
    CHECK(!nf_layout_field(UINT32_MAX));
}

static void functions(void) {
    const nf_api *api = nf_functions();
    CHECK(api->abi == NF_ABI_VERSION && api->bytes == sizeof(nf_api));
    CHECK(offsetof(nf_api, abi_version) == 8 && api->abi_version == nf_abi_version);
    CHECK(api->fit == nf_fit && api->shared_check == nf_shared_check);
    CHECK(!api->shared_of && !api->request_of); /* Python's */
    void *const *first = (void *const *)(const void *)&api->abi_version;
    void *const *last = (void *const *)(const void *)&api->shared_of;
    for (; first < last; first++) CHECK(*first != NULL);
}

int main(void) {
    structs();
    columns();
    layout_fields();
    functions();
    return FAILURES();
}
