/*
 * builder.h: a fleet and its requests from C, described in names and CPU ids.
 *
 * numafit.h wants columns: some 45 of them, with names turned into numbers and CPUs into slots.
 * A builder makes them. Hosts are described one after the other, nf_builder_finish() gives the
 * fleet, and an nf_guest is described against it in the same way. What comes out are the structs of
 * numafit.h, for all of its functions; this header is for those who include it.
 *
 * Errors. A call that fails says why in nf_builder_error() or nf_guest_error(), with the host, the
 * cell and the value. The first error of a host is that of all calls that follow on the same host,
 * so that a program may look at nf_builder_end_host() alone: the host is then in the fleet, or
 * nothing of it is. Likewise nf_guest_finish(). NF_ENOMEM: the allocator gave no memory.
 *
 * Ownership. This is the one part of the library that allocates, with the caller's allocator. What
 * it hands out belongs to the builder or the guest, and lives as long. Names and arrays that it is
 * given are copied.
 *
 * Threads. A builder is one thread's until nf_builder_finish(); then any number of threads may make
 * guests from it, each guest one thread's, if the allocator can bear that. What nf_builder_finish()
 * gives is for all threads, through nf_shared_*().
 */
#ifndef NUMAFIT_BUILDER_H
#define NUMAFIT_BUILDER_H

#include <numafit/numafit.h>

#ifdef __cplusplus
extern "C" {
#endif

#define NF_MAX_NAME 255u       /* bytes of a host's name, and of any other text */
#define NF_MAX_CELL_CPUS 8192u /* CPUs of one cell: Linux numbers no more (CONFIG_NR_CPUS) */
#define NF_MAX_PAGE_KIB (1u << 30)
#define NF_MAX_PAGES_KIB ((int64_t)1 << 50) /* in pages of one size in a cell: more than any has */
#define NF_MAX_DISTANCE 65535

/** Where memory comes from, aligned as malloc() does. allocate() returns NULL where there is none;
 * release() is never called with NULL. */
typedef struct nf_allocator {
    void *(*allocate)(void *context, size_t bytes);
    void (*release)(void *context, void *memory);
    void *context;
} nf_allocator;

/** What CPUs are for, and whether they are taken: bits. */
enum { NF_CPUS_SHARED = 1, NF_CPUS_DEDICATED = 2, NF_CPUS_PINNED = 4 };

typedef struct nf_builder nf_builder;
typedef struct nf_guest nf_guest;

#if defined(__GNUC__)
#pragma GCC visibility push(default)
#endif

/** A builder without hosts. allocator: copied; NULL: malloc() and free(). */
nf_status nf_builder_new(const nf_allocator *allocator, nf_builder **out);

/** Free a builder, and its fleet; its guests are freed before. NULL will do. */
void nf_builder_free(nf_builder *b);

/** What the last call that failed found wrong, in one line; "" before the first. */
const char *nf_builder_error(const nf_builder *b);

/** Describe another host, by a name that no other has. */
nf_status nf_builder_add_host(nf_builder *b, const char *name);

/** Allocation ratios of the host, for NF_LIMITS_HOST; NaN: not known. Without this none is. */
nf_status nf_builder_set_ratios(nf_builder *b, double cpu_ratio, double ram_ratio);

/** A NUMA cell of the host; memory in MiB. What follows is said of this cell. */
nf_status nf_builder_add_cell(nf_builder *b, uint32_t id, int64_t memory);

/** Used memory of the cell (MiB), and shared vCPUs that run there. */
nf_status nf_builder_set_usage(nf_builder *b, int64_t memory, int64_t shared_vcpus);

/** The socket that the cell is on. Without this it is not known. */
nf_status nf_builder_set_socket(nf_builder *b, uint32_t socket);

/** CPUs first .. first + count - 1 (CPU ids) of the cell. uses: NF_CPUS_* together; what is said of
 * a CPU in several calls adds up. */
nf_status nf_builder_add_cpus(nf_builder *b, uint32_t first, uint32_t count, uint32_t uses);

/**
 * The CPU ids of one core of the cell: its thread siblings. Cores come in the host's own order, which
 * decides the one that is taken first. In a cell without this each CPU is a core of its own.
 */
nf_status nf_builder_add_core(nf_builder *b, const uint32_t *cpus, uint32_t count);

/** Pages of one size (KiB) in the cell: how many there are, are used, and are kept from guests. A
 * cell without pages counts memory as a whole. */
nf_status nf_builder_add_pages(nf_builder *b, uint32_t page_kib, int64_t total, int64_t used,
                               int64_t reserved);

/** A physical network whose NIC is near the cell. */
nf_status nf_builder_add_physnet(nf_builder *b, const char *name);

/** The tunnel endpoint is near the cell. */
nf_status nf_builder_add_tunnel(nf_builder *b);

/** NUMA distances between all cells of the host, row by row in the order in which they are added:
 * n_cells x n_cells values. Without this they are not known. */
nf_status nf_builder_set_distances(nf_builder *b, const int32_t *matrix, uint32_t n_cells);

/**
 * count free PCI devices of the host that are alike, on this NUMA node (the id of a cell, or of a
 * node that is no cell of the host; below 0: not known). type: "type-PCI", "type-PF", "type-VF" or
 * "vdpa".
 */
nf_status nf_builder_add_devices(nf_builder *b, const char *vendor_id, const char *product_id,
                                 const char *type, int32_t node, uint32_t count);

/**
 * A further property of the devices added last, as a device spec's tags: "physical_network",
 * "remote_managed"... "address" is that of the device, or of a VF's PF: a PF and its VFs then
 * exclude each other.
 */
nf_status nf_builder_set_property(nf_builder *b, const char *name, const char *value);

/** The host's inventory of a resource class: (total - reserved) x ratio, rounded down, may be in
 * use. A guest that asks for a class goes only to hosts that have an inventory of it. */
nf_status nf_builder_add_inventory(nf_builder *b, const char *resource_class, int64_t total,
                                   int64_t reserved, double ratio, int64_t used);

/** How many units of the inventory added last a guest may get: min to max, in multiples of step.
 * Without this any number. */
nf_status nf_builder_set_units(nf_builder *b, uint32_t min, uint32_t max, uint32_t step);

/** A trait of the host. For an aggregate or a zone, give its hosts a trait of your own. */
nf_status nf_builder_add_trait(nf_builder *b, const char *name);

/** The host is complete. NF_OK: it is in the fleet, at index (may be NULL). Else the host's first
 * error: nothing of it is in the fleet, and another may follow. */
nf_status nf_builder_end_host(nf_builder *b, uint32_t *index);

/** All hosts are there: the fleet, checked and with its derived columns, behind its locks. Nothing
 * can be added after that. */
nf_status nf_builder_finish(nf_builder *b, const nf_shared **out);

/** The index of the host with this name; UINT32_MAX: there is none. */
uint32_t nf_builder_find_host(const nf_builder *b, const char *name);

/** The name of a host; NULL past the last. */
const char *nf_builder_host_name(const nf_builder *b, uint32_t host);

/** A guest to be described, for a fleet that is finished. */
nf_status nf_guest_new(const nf_builder *b, nf_guest **out);

/**
 * A guest for a fleet that no builder made, such as one that was saved. Nobody knows there what
 * networks, properties and resource classes are called: it asks for cells, and for a tunnel.
 * allocator: as of nf_builder_new(). The fleet has to outlive the guest.
 */
nf_status nf_guest_of(const nf_fleet *fleet, const nf_allocator *allocator, nf_guest **out);

/** Free a guest. What it claimed stays claimed. NULL will do. */
void nf_guest_free(nf_guest *g);

/** What the last call that failed found wrong, in one line; "" before the first. */
const char *nf_guest_error(const nf_guest *g);

/** count NUMA cells that are all like this. A guest without any has no topology, and asks for the
 * rest alone. */
nf_status nf_guest_add_cells(nf_guest *g, uint32_t count, const nf_guest_cell *cell);

/** A CPU of its own beside guest cell 0 for the emulator threads. */
nf_status nf_guest_isolate_emulator(nf_guest *g);

/** A physical network of the guest. One that no host is near sets no condition, as in nova. */
nf_status nf_guest_add_physnet(nf_guest *g, const char *name);

/** One of the guest's networks is a tunnel. */
nf_status nf_guest_add_tunnel(nf_guest *g);

/** count PCI devices, NF_PCI_* saying how near; nf_guest_set_property() says which. */
nf_status nf_guest_add_devices(nf_guest *g, uint32_t count, uint32_t policy);

/** A property of the devices asked for last: "vendor_id", "product_id", "dev_type", or any of
 * nf_builder_set_property(). value NULL: they do not have it. Case makes no difference. */
nf_status nf_guest_set_property(nf_guest *g, const char *name, const char *value);

/** Devices of other properties will do as well: those that are set after this. */
nf_status nf_guest_or(nf_guest *g);

/** amount units of a resource class, at least 1; each class once. */
nf_status nf_guest_add_resource(nf_guest *g, const char *resource_class, uint32_t amount);

/** A trait that the guest's host must have, or (forbidden) must not have. */
nf_status nf_guest_add_trait(nf_guest *g, const char *name, int forbidden);

/**
 * The guest is complete. item: its request, default options and a placement with room for any host;
 * put a host into it to have it fitted and claimed. scratch (may be NULL): memory for nf_fit(),
 * nf_scan(), nf_choose() and nf_capacity() of this request. All of it is the guest's.
 */
nf_status nf_guest_finish(nf_guest *g, nf_claim_item *item, nf_scratch *scratch);

/** A refusal of this guest in words, with names and quantities: "too few free dedicated CPUs: 4
 * wanted, 2 there". Valid until the next call on the guest. */
const char *nf_guest_why(nf_guest *g, const nf_reason *why);

#if defined(__GNUC__)
#pragma GCC visibility pop
#endif

/** The id of the host CPU behind a slot that a placement gives a guest cell. */
static inline int32_t nf_cpu_id(const nf_fleet *fleet, const nf_placed_cell *cell, uint32_t slot) {
    return fleet->layout_cpus[fleet->layouts[cell->layout].cpu_at + slot];
}

#ifdef __cplusplus
}
#endif
#endif
