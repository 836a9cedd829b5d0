/* Which devices and which hosts a guest may take, by nova's rules of matching pools
 * (nova.pci.stats, nova.pci.utils) and placement's of inventories, worked out by hand. */
#include "check.h"

#include <numafit/builder.h>
#include <stddef.h>

typedef struct property {
    const char *name, *value; /* name NULL: there is none; "or": others will do */
} property;

/* One device on cell 0 of a host without CPUs, asked for by a guest without topology. */
static nf_status ask(const char *type, property has, const property *wanted) {
    nf_builder *b = NULL;
    nf_guest *g = NULL;
    const nf_shared *shared;
    nf_claim_item item;
    nf_scratch scratch;
    CHECK(nf_builder_new(NULL, &b) == NF_OK);
    nf_builder_add_host(b, "h");
    nf_builder_add_cell(b, 0, 64);
    nf_builder_add_devices(b, "8086", "154C", type, 0, 1);
    if (has.name) nf_builder_set_property(b, has.name, has.value);
    CHECK(nf_builder_end_host(b, NULL) == NF_OK && nf_builder_finish(b, &shared) == NF_OK);
    CHECK(nf_guest_new(b, &g) == NF_OK);
    nf_guest_add_devices(g, 1, NF_PCI_LEGACY);
    for (; wanted->name; wanted++) {
        if (wanted->name[0] == 'o')
            nf_guest_or(g);
        else
            nf_guest_set_property(g, wanted->name, wanted->value);
    }
    CHECK(nf_guest_finish(g, &item, &scratch) == NF_OK);
    item.host = 0;
    nf_status status = nf_shared_fit(shared, &item, &scratch, NULL);
    nf_guest_free(g);
    nf_builder_free(b);
    return status;
}

#define NONE {NULL, NULL}
#define OR {"or", NULL}
#define TAKES(type, has, ...) \
    CHECK(ask(type, (property)has, (const property[]){__VA_ARGS__, NONE}) == NF_OK)
#define LEAVES(type, has, ...) \
    CHECK(ask(type, (property)has, (const property[]){__VA_ARGS__, NONE}) == NF_PCI_DEVICES)
#define P(name, value) {name, value}

static void devices(void) {
    TAKES("type-VF", NONE, P("vendor_id", "8086"));
    TAKES("type-VF", NONE, P("vendor_id", "8086"), P("product_id", "154c")); /* case is no matter */
    LEAVES("type-VF", NONE, P("vendor_id", "8086"), P("product_id", "154d"));
    LEAVES("type-VF", NONE, P("vendor_id", "80866"));
    LEAVES("type-VF", NONE, P("vendor_id", "808"));
    LEAVES("type-VF", NONE, P("physical_network", "net"));
    TAKES("type-VF", P("physical_network", "Net"), P("physical_network", "nEt"));
    /* a value that is missing is asked for by NULL */
    TAKES("type-VF", NONE, P("physical_network", NULL));
    LEAVES("type-VF", P("physical_network", "net"), P("physical_network", NULL));
    /* one of several descriptions will do */
    TAKES("type-VF", NONE, P("vendor_id", "15b3"), OR, P("vendor_id", "8086"));
    LEAVES("type-VF", NONE, P("vendor_id", "15b3"), OR, P("vendor_id", "10de"));
    /* a PF and a vDPA device go to those who name their type, a VF and others to all */
    LEAVES("type-PF", NONE, P("vendor_id", "8086"));
    TAKES("type-PF", NONE, P("dev_type", "type-PF"));
    TAKES("type-PF", NONE, P("vendor_id", "8086"), OR, P("dev_type", "type-PF"));
    LEAVES("vdpa", NONE, P("vendor_id", "8086"));
    TAKES("vdpa", NONE, P("dev_type", "vdpa"));
    LEAVES("vdpa", NONE, P("dev_type", "type-VF"), OR, P("vendor_id", "8086"));
    TAKES("type-PCI", NONE, P("vendor_id", "8086"));
    /* remote-managed devices likewise, whichever word says so */
    LEAVES("type-VF", P("remote_managed", "true"), P("vendor_id", "8086"));
    LEAVES("type-VF", P("remote_managed", "Yes"), P("vendor_id", "8086"));
    TAKES("type-VF", P("remote_managed", "false"), P("vendor_id", "8086"));
    TAKES("type-VF", P("remote_managed", "true"), P("remote_managed", "True"));
    LEAVES("type-VF", P("remote_managed", "false"), P("remote_managed", "true"));
    /* live_migratable in all descriptions is a condition */
    TAKES("type-VF", P("live_migratable", "true"), P("live_migratable", "true"));
    LEAVES("type-VF", NONE, P("live_migratable", "true"));
    LEAVES("type-VF", P("live_migratable", "false"), P("vendor_id", "8086"), P("live_migratable", "true"));
    TAKES("type-VF", P("live_migratable", "false"), P("live_migratable", "false"));
    TAKES("type-VF", P("live_migratable", "false"), P("vendor_id", "8086"), OR, P("live_migratable", "true"));
}

/* A host with so many units, of which 1 is kept back. */
static nf_status ask_of(int64_t total, double ratio, uint32_t min, uint32_t max, uint32_t step,
                        int64_t used, uint32_t amount) {
    nf_builder *b = NULL;
    nf_guest *g = NULL;
    const nf_shared *shared;
    nf_claim_item item;
    nf_scratch scratch;
    CHECK(nf_builder_new(NULL, &b) == NF_OK);
    nf_builder_add_host(b, "h");
    nf_builder_add_inventory(b, "VGPU", total, 1, ratio, used);
    if (min) nf_builder_set_units(b, min, max, step);
    CHECK(nf_builder_end_host(b, NULL) == NF_OK && nf_builder_finish(b, &shared) == NF_OK);
    CHECK(nf_guest_new(b, &g) == NF_OK && nf_guest_add_resource(g, "VGPU", amount) == NF_OK);
    CHECK(nf_guest_finish(g, &item, &scratch) == NF_OK);
    item.host = 0;
    nf_status status = nf_shared_fit(shared, &item, &scratch, NULL);
    nf_guest_free(g);
    nf_builder_free(b);
    return status;
}

/* Of 8 at a ratio of 1.5: 10 may be in use. */
static nf_status ask_units(uint32_t min, uint32_t max, uint32_t step, int64_t used,
                           uint32_t amount) {
    return ask_of(8, 1.5, min, max, step, used, amount);
}

static void units(void) {
    CHECK(ask_of(0, 1.0, 0, 0, 0, 0, 1) == NF_RESOURCE && ask_of(2, 0.5, 0, 0, 0, 0, 1) == NF_RESOURCE);
    CHECK(ask_of(2, 1e300, 0, 0, 0, 0, INT32_MAX) == NF_OK);
    CHECK(ask_units(0, 0, 0, 0, 10) == NF_OK);
    CHECK(ask_units(0, 0, 0, 0, 11) == NF_RESOURCE);
    CHECK(ask_units(0, 0, 0, 3, 7) == NF_OK && ask_units(0, 0, 0, 3, 8) == NF_RESOURCE);
    CHECK(ask_units(2, 4, 2, 0, 1) == NF_HOST_CLASS && ask_units(2, 4, 2, 0, 2) == NF_OK);
    CHECK(ask_units(2, 4, 2, 0, 3) == NF_HOST_CLASS && ask_units(2, 4, 2, 0, 4) == NF_OK);
    CHECK(ask_units(2, 4, 2, 0, 6) == NF_HOST_CLASS);
}

/* Hosts 0: nothing, 1: A, 2: A and B, in another order than 3: B and A twice. */
static void traits(void) {
    static const char *const OF[4][3] = {{0}, {"A"}, {"A", "B"}, {"B", "A", "A"}};
    static const struct {
        const char *name;
        int forbidden, found[4];
    } CASES[] = {{"A", 0, {0, 1, 1, 1}}, {"B", 0, {0, 0, 1, 1}}, {"B", 1, {1, 1, 0, 0}},
                 {"C", 0, {0, 0, 0, 0}}, {"C", 1, {1, 1, 1, 1}}};
    nf_builder *b = NULL;
    const nf_shared *shared;
    CHECK(nf_builder_new(NULL, &b) == NF_OK);
    for (uint32_t h = 0; h < 4; h++) {
        char name[2] = {(char)('0' + h), '\0'};
        nf_builder_add_host(b, name);
        for (int i = 0; i < 3 && OF[h][i]; i++) nf_builder_add_trait(b, OF[h][i]);
        CHECK(nf_builder_end_host(b, NULL) == NF_OK);
    }
    CHECK(nf_builder_finish(b, &shared) == NF_OK && shared->fleet->n_host_classes == 3);
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        nf_guest *g = NULL;
        nf_claim_item item;
        nf_scratch scratch;
        CHECK(nf_guest_new(b, &g) == NF_OK);
        CHECK(nf_guest_add_trait(g, CASES[i].name, CASES[i].forbidden) == NF_OK);
        CHECK(nf_guest_finish(g, &item, &scratch) == NF_OK);
        for (item.host = 0; item.host < 4; item.host++) {
            nf_status status = nf_shared_fit(shared, &item, &scratch, NULL);
            CHECK(status == (CASES[i].found[item.host] ? NF_OK : NF_HOST_CLASS));
        }
        nf_guest_free(g);
    }
    nf_builder_free(b);
}

/* A PF that is taken hides the VFs of its card, and they it: what shares an address excludes. */
static void a_card_goes_as_a_whole(void) {
    nf_builder *b = NULL;
    nf_guest *pf = NULL, *vf = NULL;
    const nf_shared *shared;
    nf_claim_item first, second;
    nf_scratch scratch, other;
    CHECK(nf_builder_new(NULL, &b) == NF_OK);
    nf_builder_add_host(b, "h");
    nf_builder_add_devices(b, "8086", "1572", "type-PF", -1, 1);
    nf_builder_set_property(b, "address", "0000:04:00.0");
    nf_builder_add_devices(b, "8086", "154c", "type-VF", -1, 8);
    nf_builder_set_property(b, "address", "0000:04:00.0");
    CHECK(nf_builder_end_host(b, NULL) == NF_OK && nf_builder_finish(b, &shared) == NF_OK);
    CHECK(nf_guest_new(b, &pf) == NF_OK && nf_guest_new(b, &vf) == NF_OK);
    nf_guest_add_devices(pf, 1, NF_PCI_LEGACY);
    nf_guest_set_property(pf, "dev_type", "type-PF");
    nf_guest_add_devices(vf, 2, NF_PCI_LEGACY);
    nf_guest_set_property(vf, "product_id", "154c");
    CHECK(nf_guest_finish(pf, &first, &scratch) == NF_OK);
    CHECK(nf_guest_finish(vf, &second, &other) == NF_OK);
    first.host = second.host = 0;
    CHECK(nf_shared_fit(shared, &second, &other, NULL) == NF_OK);
    CHECK(nf_shared_fit(shared, &first, &scratch, NULL) == NF_OK);
    CHECK(nf_shared_claim(shared, &first, 1, NULL, NULL) == NF_OK);
    CHECK(nf_shared_fit(shared, &second, &other, NULL) == NF_PCI_DEVICES);
    CHECK(nf_shared_release(shared, &first, 1, NULL, NULL) == NF_OK);
    CHECK(nf_shared_fit(shared, &second, &other, NULL) == NF_OK);
    nf_guest_free(pf);
    nf_guest_free(vf);
    nf_builder_free(b);
}

int main(void) {
    devices();
    units();
    traits();
    a_card_goes_as_a_whole();
    return FAILURES();
}
