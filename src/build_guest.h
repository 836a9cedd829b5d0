/* What a guest holds while it is described, and when it is complete. */
#ifndef NF_BUILD_GUEST_H
#define NF_BUILD_GUEST_H

#include "build.h"

typedef struct nf_devices_row {
    uint32_t count, policy;
    size_t first, last; /* of its alternatives: the first, and one past the last */
} nf_devices_row;

/* Devices of these properties will do; properties stand in NF_GUEST_WISHES. */
typedef struct nf_alternative {
    size_t first, last;
} nf_alternative;

/* A property, in words of the guest's own; value NF_ABSENT: it is not there. */
typedef struct nf_wish {
    uint32_t name, value;
} nf_wish;

typedef struct nf_resource_row {
    uint32_t name, amount; /* name: in words of the guest's own */
} nf_resource_row;

typedef struct nf_trait_row {
    uint32_t name, forbidden;
} nf_trait_row;

enum {
    NF_GUEST_CELLS, NF_GUEST_NETS, NF_GUEST_DEVICES, NF_GUEST_ALTERNATIVES, NF_GUEST_WISHES,
    NF_GUEST_RESOURCES, NF_GUEST_TRAITS, NF_GUEST_LISTS
};

struct nf_guest {
    const nf_fleet *fleet;
    const nf_builder *b; /* that knows what the fleet's numbers are called; NULL: nobody does */
    nf_allocator memory;
    nf_list lists[NF_GUEST_LISTS];
    nf_kept words;
    nf_line error;
    nf_status status; /* of its first error */
    bool isolated, finished;
    nf_request request;
    nf_options options;
    nf_placement placement;
    nf_scratch scratch;
    void *said, *room; /* what the request points to; what calls write */
};

static inline const char *nf_word_of(const nf_guest *g, uint32_t number) {
    return nf_kept_at(&g->words, number, NULL);
}

/* build_request.c: the request, the placement and the scratch memory; false: no memory. */
bool nf_guest_put_together(nf_guest *g);
void nf_guest_take_apart(nf_guest *g);

/* build_match.c: may the devices be of this class, and may the request take them? */
bool nf_class_matches(const nf_guest *g, const nf_devices_row *asked, uint32_t class);
bool nf_class_usable(const nf_guest *g, const nf_devices_row *asked, uint32_t class);
/* What rules out hosts of this kind, in a few words, and its name; NULL: nothing does. */
const char *nf_kind_lacks(const nf_guest *g, uint32_t kind_number, const char **name);

#endif
