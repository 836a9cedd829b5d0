/* Which devices does a guest's request match, and which kinds of hosts will do? By the rules of
 * numafit.rules.pci_filter and numafit.rules.candidates. */
#include <string.h>

#include "build_guest.h"

/* Text is compared without regard to case, as nova does. */
static int lower(char c) { return c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c; }

static bool same(const char *a, const char *b) {
    while (*a && lower(*a) == lower(*b)) {
        a++;
        b++;
    }
    return !*a && !*b;
}

/* A property of the class; NULL: it has none of this name. */
static const char *property(const nf_builder *b, uint32_t class, const char *name) {
    size_t bytes;
    const uint64_t *at = nf_kept_at(&b->kept[NF_KEPT_CLASSES], class, &bytes);
    uint32_t key = nf_find_text(b, NF_KEPT_WORDS, name);
    for (size_t i = 1; key != NF_ABSENT && i < bytes / sizeof *at; i++)
        if (at[i] >> 32 == key) return nf_text_at(b, NF_KEPT_WORDS, (uint32_t)at[i]);
    return NULL;
}

static bool granted(const nf_guest *g, const nf_alternative *one, uint32_t class) {
    const nf_wish *wishes = NF_ITEMS(const nf_wish, &g->lists[NF_GUEST_WISHES]);
    for (size_t i = one->first; i < one->last; i++) {
        const char *there = property(g->b, class, nf_word_of(g, wishes[i].name));
        if (wishes[i].value == NF_ABSENT ? there != NULL
                                         : !there || !same(nf_word_of(g, wishes[i].value), there))
            return false;
    }
    return true;
}

static const nf_alternative *alternatives(const nf_guest *g) {
    return NF_ITEMS(const nf_alternative, &g->lists[NF_GUEST_ALTERNATIVES]);
}

bool nf_class_matches(const nf_guest *g, const nf_devices_row *asked, uint32_t class) {
    for (size_t i = asked->first; i < asked->last; i++)
        if (granted(g, &alternatives(g)[i], class)) return true;
    return false;
}

/* What an alternative says of a property; NULL: nothing. */
static const char *says(const nf_guest *g, const nf_alternative *one, const char *name) {
    const nf_wish *wishes = NF_ITEMS(const nf_wish, &g->lists[NF_GUEST_WISHES]);
    for (size_t i = one->first; i < one->last; i++)
        if (wishes[i].value != NF_ABSENT && !strcmp(nf_word_of(g, wishes[i].name), name))
            return nf_word_of(g, wishes[i].value);
    return NULL;
}

static bool truth(const char *value) {
    static const char *const WORDS[] = {"1", "t", "true", "on", "y", "yes"};
    for (size_t i = 0; value && i < sizeof WORDS / sizeof *WORDS; i++)
        if (same(value, WORDS[i])) return true;
    return false;
}

/* PFs, vDPA and remote-managed devices go to those who ask for them by name; where all alternatives
 * say the same of live_migratable, devices have to say it too. */
bool nf_class_usable(const nf_guest *g, const nf_devices_row *asked, uint32_t class) {
    const char *type = property(g->b, class, "dev_type");
    bool named = false, remote = false, all[2] = {true, true};
    for (size_t i = asked->first; i < asked->last; i++) {
        const nf_alternative *one = &alternatives(g)[i];
        const char *wanted = says(g, one, "dev_type"), *live = says(g, one, "live_migratable");
        named |= wanted && type && !strcmp(wanted, type);
        remote |= truth(says(g, one, "remote_managed"));
        all[0] &= live && !strcmp(live, "true");
        all[1] &= live && !strcmp(live, "false");
    }
    if (type && (!strcmp(type, "type-PF") || !strcmp(type, "vdpa")) && !named) return false;
    if (truth(property(g->b, class, "remote_managed")) && !remote) return false;
    if (!all[0] && !all[1]) return true;
    const char *live = property(g->b, class, "live_migratable");
    return live && !strcmp(live, all[0] ? "true" : "false");
}

static const nf_unit *unit_of(const nf_kind *kind, uint32_t resource) {
    for (uint32_t i = 0; i < kind->n_units; i++)
        if (kind->units[i].resource == resource) return &kind->units[i];
    return NULL;
}

static bool has_trait(const nf_kind *kind, uint32_t trait) {
    for (uint32_t i = 0; i < kind->n_traits; i++)
        if (kind->traits[i] == trait) return true;
    return false;
}

const char *nf_kind_lacks(const nf_guest *g, uint32_t kind_number, const char **name) {
    nf_kind kind = nf_kind_at(g->b, kind_number);
    const nf_trait_row *traits = NF_ITEMS(const nf_trait_row, &g->lists[NF_GUEST_TRAITS]);
    for (size_t i = 0; i < g->lists[NF_GUEST_TRAITS].count; i++) {
        *name = nf_word_of(g, traits[i].name);
        uint32_t trait = nf_find_text(g->b, NF_KEPT_WORDS, *name);
        bool there = trait != NF_ABSENT && has_trait(&kind, trait);
        if (there && traits[i].forbidden) return "trait forbidden, the host has it";
        if (!there && !traits[i].forbidden) return "trait wanted, the host does not have it";
    }
    const nf_resource_row *asked = NF_ITEMS(const nf_resource_row, &g->lists[NF_GUEST_RESOURCES]);
    for (size_t i = 0; i < g->lists[NF_GUEST_RESOURCES].count; i++) {
        *name = nf_word_of(g, asked[i].name);
        uint32_t resource = nf_find_text(g->b, NF_KEPT_RESOURCES, *name);
        const nf_unit *unit = resource == NF_ABSENT ? NULL : unit_of(&kind, resource);
        if (!unit) return "the host has no inventory of it";
        uint32_t amount = asked[i].amount;
        if (amount < unit->min || amount > unit->max || amount % unit->step)
            return "the host does not give a guest so many units at once";
    }
    return NULL;
}
