/*
 * numafit.h: where a guest's NUMA cells go on a host.
 *
 * A scheduler describes its fleet once (struct nf_fleet: columns that it owns), describes a
 * guest (struct nf_request), and calls nf_fit().
 *
 * Errors. Every function that can fail returns an nf_status: NF_OK (0), a positive reason of
 * refusal (the guest does not fit, struct nf_reason holds what was wanted and what was there), or
 * a negative code for a call that makes no sense. nf_status_name() and nf_status_text() explain
 * each of them.
 *
 * Ownership. The caller owns all memory and lends it for the length of a call. Nothing is
 * allocated: nf_fit_bytes() and its like say how much scratch memory a call needs. An array that
 * a call fills comes with the number of its entries; one that is too small is NF_ESPACE.
 *
 * Threads. No globals, no locks. Calls that take a const fleet may run at the same time, each
 * with scratch memory of its own; the caller keeps them apart from nf_claim() and nf_release().
 * The nf_shared_* functions do that for a fleet that several threads read and change.
 *
 * CPUs. 'CPU id' is the number that the kernel gives a CPU. 'Slot' is the core-major number of a
 * CPU inside its cell: thread t of core c is slot (c << shift) + t, cores in the order of the
 * host's own sibling list. Masks hold slots, never CPU ids.
 *
 * Units. Memory is MiB unless a name says KiB; page sizes are KiB.
 */
#ifndef NUMAFIT_H
#define NUMAFIT_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define NF_VERSION "0.1.0"
#define NF_ABI_VERSION 3u

#define NF_MAX_CELLS 1024u  /* NUMA cells of one host: Linux numbers no more */
#define NF_MAX_GUEST 1024u  /* NUMA cells of one guest */
#define NF_MAX_SLOTS 65536u /* slots of one cell */
#define NF_MAX_THREADS 64u  /* threads of one core: they share a word of a mask */
#define NF_MAX_PAGE_SIZES 32u
#define NF_MAX_NETS 64u     /* networks of one guest */
#define NF_MAX_PCI 64u      /* PCI requests of one guest */
#define NF_MAX_RESOURCES 256u /* resource classes of one guest */
#define NF_MAX_AMOUNT ((int64_t)1 << 50) /* MiB of a cell, or units of a resource: as KiB they still
                                             fit into 64 bits */
#define NF_TUNNEL_NET 0u    /* network id 0: the tunnel endpoint; physnets follow from 1 */
#define NF_NO_DISTANCES UINT64_MAX /* in host_distance_at: not known */
#define NF_NO_HOST UINT32_MAX /* in cell_host, pool_host: the row is void, it belongs to no host */
#define NF_REMOVED_CLASS UINT32_MAX /* in host_class: the host is there no more, and takes no guest */

typedef enum nf_status {
    NF_OK = 0,
    /* the host as a whole */
    NF_NO_TOPOLOGY,     /* the host has no NUMA cells */
    NF_TOO_FEW_CELLS,   /* cells wanted, cells there */
    NF_HOST_CLASS,      /* the request does not take hosts of this class (detail): their traits,
                           aggregates, zone or units, or a service that takes no guests */
    NF_RESOURCE,        /* detail = resource class: units wanted, units free */
    /* one guest cell on one host cell; memory in KiB, detail = page size asked for */
    NF_PAGE_SIZE,       /* the cell has no pages of that size */
    NF_PAGE_MULTIPLE,   /* memory is not a whole number of pages: wanted KiB, page KiB */
    NF_PAGES,           /* too little memory in free pages */
    NF_PAGES_TOTAL,     /* more memory than the cell has in all */
    NF_MEMORY,          /* MiB free, where the host reports no page pools */
    NF_MEMORY_TOTAL,    /* MiB in all, likewise */
    NF_DEDICATED_TOTAL, /* dedicated CPUs of the cell, in use or not */
    NF_SHARED_TOTAL,    /* shared CPUs of the cell: no overcommit against itself */
    NF_FREE_CPUS,       /* free dedicated CPUs */
    NF_UNLISTED_CPUS,   /* free dedicated CPUs that stand in some sibling set */
    NF_PINNED_EMPTY,    /* dedicated or mixed for a cell without vCPUs */
    NF_ISOLATE_SHARED,  /* isolate on an SMT host with a dedicated set: bug 1889633's rule */
    NF_ISOLATE_CORES,   /* cores with every thread free */
    NF_ISOLATE_EMPTY,   /* isolate for a cell without dedicated vCPUs */
    NF_REQUIRE_NO_SMT,  /* require on a host without thread siblings */
    NF_REQUIRE_CORES,   /* vCPUs that fit on cores with siblings free */
    NF_EMULATOR_CPU,    /* no CPU left for the emulator threads */
    NF_EMULATOR_EMPTY,  /* isolated emulator threads beside a cell without dedicated vCPUs */
    NF_CPU_LIMIT,       /* shared vCPUs against cpu_allocation_ratio */
    NF_MEMORY_LIMIT,    /* MiB against ram_allocation_ratio */
    /* the chosen cells together */
    NF_ASSIGNMENT,      /* guest cells wanted, guest cells that find a host cell at once */
    NF_PHYSNET,         /* detail = network id that no choice of cells can be near */
    NF_TUNNEL,          /* likewise for the tunnel endpoint */
    NF_NETWORKS,        /* each network alone can be near, all of them together cannot */
    NF_PCI_DEVICES,     /* detail = request: devices wanted, devices that match anywhere */
    NF_PCI_NUMA,        /* detail = request: devices wanted, most that any choice has near */
    NF_PCI_TOGETHER,    /* each PCI request alone can be served, all of them together cannot */
    NF_TOGETHER,        /* networks and devices alone can be served, together they cannot */
    NF_UNDECIDED,       /* the work budget ran out: neither a yes nor a no */
    NF_STALE,           /* a claim asks for what is no longer free */
    NF_REMOVED,         /* the host was removed from the fleet */
    NF_STATUS_END,      /* one past the last reason */

    NF_EINVAL = -1,     /* an argument is out of range or contradicts another */
    NF_EABI = -2,       /* the caller was built against another version of this header */
    NF_ESPACE = -3,     /* the scratch memory or an output array is too small */
    NF_EFLEET = -4,     /* the request was prepared for another fleet */
    NF_ENOMEM = -5,     /* the caller's allocator gave no memory; builder.h alone asks it for some */
    NF_EMOVED = -6,     /* another fleet has taken this one's place: nf_shared_move() */
} nf_status;

/** Why not: quantities in the unit that the status names. */
typedef struct nf_reason {
    int32_t status;
    int32_t detail;
    int64_t wanted;
    int64_t available;
} nf_reason;

/** How the CPUs of a cell are laid out; interned, since a fleet has few. */
typedef struct nf_layout {
    uint32_t shift;       /* log2 of the slots of a core */
    uint32_t threads;     /* threads of the widest core, at most 1 << shift */
    uint32_t n_cores;
    uint32_t n_slots;     /* (n_cores << shift), plus CPUs that stand in no sibling set */
    uint32_t n_shared;    /* CPUs for shared vCPUs */
    uint32_t n_dedicated; /* CPUs for dedicated vCPUs */
    uint32_t same_sets;   /* 1: both are the same set (hosts configured by vcpu_pin_set) */
    uint32_t n_words;     /* words of a mask */
    uint64_t mask_at;     /* first word of the dedicated set in layout_words */
    uint64_t cpu_at;      /* first entry of the slots' CPU ids in layout_cpus */
} nf_layout;

/**
 * Hosts as columns. Cells of host h are host_first_cell[h] .. host_end_cell[h] - 1, its PCI pools
 * host_first_pool[h] .. host_end_pool[h] - 1: ranges that may lie anywhere, in any order. Rows that
 * belong to no host (NF_NO_HOST in cell_host, pool_host) are passed over, whatever they hold but for
 * cell_mask_at. Hosts whose cells follow one another in the order of their indices are looked at
 * together, so a fleet is fastest where most do.
 *
 * Columns may have room to grow: those of hosts are host_room long, of which the first n_hosts are
 * in use, and n_layouts of layout_room; those of cells and pools are n_cells and n_pools long, void
 * rows included. A column per page size or per thread count is n_cells long and stands behind the
 * one before it, one per resource class is host_room long.
 */
typedef struct nf_fleet {
    uint32_t abi;         /* NF_ABI_VERSION */
    uint32_t n_hosts;     /* host indices in use, removed hosts included */
    uint32_t host_room;   /* length of the columns of hosts, at least n_hosts */
    uint32_t n_cells;     /* length of the columns of cells */
    uint32_t n_layouts;   /* layouts in use */
    uint32_t layout_room; /* length of layouts, at least n_layouts */
    uint32_t n_page_sizes;
    uint32_t max_threads; /* columns of cell_cores: the widest layout's threads */
    uint32_t max_cells;   /* of one host */
    uint32_t max_words;   /* of one cell's mask */
    uint32_t net_words;   /* words of a cell's network bits, at least 1 */
    uint32_t n_pools;     /* length of the columns of PCI pools */
    uint32_t max_pools;   /* of one host */
    uint32_t n_classes;   /* distinct property sets of pools */
    uint32_t n_resources; /* resource classes that some host has an inventory of */
    uint32_t n_host_classes; /* distinct kinds of hosts, at least 1 */
    uint64_t identity;    /* the same in all requests prepared for this fleet; 0 will do for one */
    uint64_t n_mask_words;   /* entries of pinned */
    uint64_t n_layout_words; /* of layout_words */
    uint64_t n_layout_cpus;  /* of layout_cpus */
    uint64_t n_distances;    /* of distances */

    /* hosts */
    const uint32_t *host_first_cell;
    const uint32_t *host_end_cell;   /* one past the last */
    const uint32_t *host_first_pool;
    const uint32_t *host_end_pool;
    const double *host_cpu_ratio;    /* allocation ratios; NaN: none known */
    const double *host_ram_ratio;
    const uint64_t *host_distance_at; /* first entry in distances, NF_NO_DISTANCES */
    const uint32_t *host_class;       /* what requests choose hosts by, interned: traits,
                                         aggregates, zone...; NF_REMOVED_CLASS: a host without
                                         cells and pools that is refused whatever is asked */
    uint64_t *host_generation;        /* counts claims, releases and changes; its upper half how often
                                         the host has become another one (nf_shared_replace()) */

    /* placement's inventories of the hosts themselves: VCPU, PCPU, MEMORY_MB, DISK_GB... */
    const int64_t *resource_limit; /* [resource][host]: units that may be in use, (total - reserved)
                                      x allocation ratio, rounded down; -1: no inventory */
    int64_t *resource_used;        /* [resource][host] */
    int32_t *resource_room;        /* [resource][host]: limit - used, derived by nf_derive();
                                      INT32_MIN: no inventory, INT32_MAX: that or more */
    int16_t *resource_few;         /* [resource][host]: the same, INT16_MAX: that or more, and
                                      INT16_MIN: that or less; most requests ask for few units */

    /* cells as built */
    const uint32_t *cell_host;       /* the host that it belongs to, NF_NO_HOST */
    const int32_t *cell_id;
    const int32_t *cell_socket;      /* -1: unknown */
    const uint32_t *cell_layout;
    const uint64_t *cell_mask_at;    /* first word of the cell's mask in pinned; never falls from row
                                        to row, void ones included: a row has the words up to the
                                        next one's, the last those up to n_mask_words */
    const int64_t *cell_memory;      /* MiB */
    const uint32_t *cell_page_sizes; /* bit s: has pages of page_kib[s] */
    const uint64_t *cell_nets;       /* net_words a cell: bit n: near network n */
    const int32_t *pages_total;      /* [page size][cell] */

    /* cells in use */
    int64_t *cell_memory_used; /* MiB; may exceed cell_memory */
    int64_t *cell_cpu_used;    /* shared vCPUs */
    int32_t *pages_used;       /* [page size][cell] */
    uint64_t *pinned;          /* masks of slots */

    /* derived from the above by nf_derive(), kept current by nf_claim() and nf_release() */
    int32_t *cell_free;      /* free dedicated CPUs */
    int32_t *cell_cores;     /* [k - 1][cell]: cores with at least k free threads */
    int32_t *pages_free;     /* [page size][cell]: total - used - reserved, may be negative; the
                                caller fills it, nf_derive() does not know what is reserved */
    int32_t *cell_cpu_room;  /* shared vCPUs until the host's cpu_allocation_ratio ends it */
    int32_t *cell_memory_room; /* MiB until its ram_allocation_ratio does; both: INT32_MAX where
                                the host carries no ratios, or has more room than that */
    int64_t *cell_devices;   /* free PCI devices on the cell's node */

    /* PCI pools, those of a host in nova's order */
    const uint32_t *pool_host;       /* the host that it belongs to, NF_NO_HOST */
    const uint32_t *pool_class;      /* property set */
    const int32_t *pool_cell;        /* index of the cell in its host; NF_POOL_* */
    const uint32_t *pool_provider;   /* placement's resource provider, 0: unknown */
    const uint32_t *pool_family;     /* pools of one PF and its VFs share a number, of the host's own;
                                        those of unlike kinds exclude each other; 0: unknown, and
                                        nothing is excluded */
    const uint32_t *pool_kind;       /* NF_KIND_* */
    int32_t *pool_count;             /* free devices; NF_POOL_GONE: nova has dropped the pool */
    int32_t *pool_taken;             /* devices that claims hold */
    int32_t *pool_hidden;            /* free devices that a claim in their family hides */

    /* shared tables */
    const nf_layout *layouts;
    const uint64_t *layout_words;
    const int32_t *layout_cpus;   /* CPU id of each slot, -1: no CPU there */
    const uint32_t *page_kib;     /* ascending */
    const int32_t *distances;     /* matrices, row by row */
} nf_fleet;

enum { NF_INT32 = 0, NF_UINT32, NF_INT64, NF_UINT64, NF_DOUBLE, NF_LAYOUT_STRUCT, NF_INT16 }; /* types */

/** What a column has a value for, and how it is laid out. */
typedef enum nf_per {
    NF_PER_HOST,        /* host_room */
    NF_PER_RESOURCE_HOST, /* [resource][host] */
    NF_PER_CELL,
    NF_PER_CELL_NET,    /* [cell][word of net_words] */
    NF_PER_PAGE_CELL,   /* [page size][cell] */
    NF_PER_THREAD_CELL, /* [k - 1, up to max_threads][cell] */
    NF_PER_POOL,
    NF_PER_LAYOUT,      /* layout_room */
    NF_PER_PAGE_SIZE,
    NF_PER_MASK_WORD,   /* n_mask_words */
    NF_PER_LAYOUT_WORD, /* n_layout_words */
    NF_PER_LAYOUT_CPU,  /* n_layout_cpus */
    NF_PER_DISTANCE     /* n_distances */
} nf_per;

/** One column of struct nf_fleet. */
typedef struct nf_column_info {
    const char *name;
    uint32_t offset;  /* of its pointer in struct nf_fleet */
    uint32_t type;    /* of its values: NF_INT32 ... */
    uint32_t size;    /* of one value in bytes */
    uint32_t per;     /* what it has a value for: NF_PER_* */
    uint32_t claimed; /* 1: claims change it */
    uint32_t derived; /* 1: nf_derive() fills it from the others */
} nf_column_info;

/** One number of struct nf_fleet that says how much there is of something, or one of nf_layout. */
typedef struct nf_count_info {
    const char *name;
    uint32_t offset;
    uint32_t size; /* in bytes */
} nf_count_info;

enum { NF_POLICY_NONE = 0, NF_POLICY_SHARED = 1, NF_POLICY_DEDICATED = 2, NF_POLICY_MIXED = 3 };
enum { NF_THREADS_NONE = 0, NF_THREADS_PREFER = 1, NF_THREADS_ISOLATE = 2, NF_THREADS_REQUIRE = 3 };
enum { NF_PAGES_NONE = 0, NF_PAGES_SMALL = -1, NF_PAGES_LARGE = -2, NF_PAGES_ANY = -3 };

typedef struct nf_guest_cell {
    int64_t memory;      /* MiB */
    int64_t page_kib;    /* KiB, or NF_PAGES_* */
    uint32_t n_shared;   /* floating vCPUs */
    uint32_t n_dedicated;
    uint32_t policy;     /* NF_POLICY_* */
    uint32_t threads;    /* NF_THREADS_* */
} nf_guest_cell;

enum { NF_POOL_ANYWHERE = -1, NF_POOL_ELSEWHERE = -2 }; /* node unknown; node is not a cell of it */
enum { NF_POOL_GONE = -1 };
enum { NF_KIND_OTHER = 0, NF_KIND_PF = 1, NF_KIND_VF = 2 }; /* a vDPA device is a VF here */
enum { NF_PCI_LEGACY = 0, NF_PCI_REQUIRED = 1, NF_PCI_SOCKET = 2, NF_PCI_PREFERRED = 3 };

/** count devices of one resource provider, as placement allocated them; each provider once */
typedef struct nf_provider {
    uint32_t provider;
    uint32_t count;
} nf_provider;

/** A PCI request: bit c of a mask stands for the property set c of the fleet, n_classes bits in
 * words of 64. */
typedef struct nf_pci_request {
    uint32_t count;
    uint32_t policy;             /* NF_PCI_* */
    const uint64_t *matches;     /* classes that one of its specs matches */
    const uint64_t *usable;      /* those of them that the request may take: no PF, vDPA or
                                    remote-managed device that was not asked for */
    uint32_t n_providers;        /* 0: any pool will do; else what they hold is taken, though it be
                                    more than count, as nova does */
    const nf_provider *providers;
} nf_pci_request;

/** amount units of a resource class, of the host itself */
typedef struct nf_resource {
    uint32_t resource; /* index of the class */
    uint32_t amount;   /* at least 1 */
} nf_resource;

typedef struct nf_request {
    uint32_t abi; /* NF_ABI_VERSION */
    uint32_t n_cells;
    const nf_guest_cell *cells;
    uint32_t emulator_isolated; /* 1: a CPU beside guest cell 0 for the emulator threads */
    uint32_t n_nets;
    const uint32_t *nets; /* network ids */
    uint32_t n_pci;
    const nf_pci_request *pci; /* in nova's order: the flavor's aliases, then the ports */
    uint64_t fleet; /* identity of the fleet in whose numbers its networks and devices are */
    uint32_t n_resources, n_fallback;
    const nf_resource *resources;     /* each resource class once */
    const uint64_t *host_classes;     /* bit c: it takes hosts of class c; NULL: of any */
    /* beside host_classes: hosts of other classes that are taken too, and give fallback in the
     * place of resources; NULL: there are none */
    const uint64_t *fallback_classes;
    const nf_resource *fallback;
} nf_request;

enum { NF_SPREAD = 0, NF_PACK = 1, NF_CLOSEST = 2 };
enum { NF_NETS_ANY = 0, NF_NETS_ALL = 1 };
enum { NF_MATCH_NOVA = 0, NF_MATCH_EXACT = 1 };
enum { NF_LIMITS_NONE = 0, NF_LIMITS_HOST = 1, NF_LIMITS_GIVEN = 2 };

typedef struct nf_options {
    uint32_t strategy; /* NF_SPREAD, NF_PACK or NF_CLOSEST: order of host cells */
    uint32_t net_affinity; /* NF_NETS_ANY: one cell near a network will do; NF_NETS_ALL: the guest
                              covers every cell that is near it */
    uint32_t limits;   /* NF_LIMITS_* */
    uint32_t pci_matching; /* NF_MATCH_NOVA: request after request takes what comes first;
                              NF_MATCH_EXACT: an allocation is found whenever there is one */
    uint32_t budget;   /* steps of search before NF_UNDECIDED; 0: the default */
    double cpu_ratio;  /* with NF_LIMITS_GIVEN */
    double ram_ratio;
} nf_options;

/** Where one guest cell goes. Its CPUs are slots[first_slot .. first_slot + n_slots - 1], in the
 * order of the guest's dedicated vCPUs. */
typedef struct nf_placed_cell {
    uint32_t cell;      /* index in the fleet */
    uint32_t page_kib;  /* 0: no page size was asked for */
    uint32_t first_slot;
    uint32_t n_slots;
    int32_t reserved;   /* slot for the emulator threads, -1: none */
    int32_t id;         /* cell_id and cell_layout of the cell when the placement was made: what its */
    uint32_t layout;    /* slots stand for, whatever becomes of the host */
} nf_placed_cell;

/** count devices of a pool for one of the request's PCI requests */
typedef struct nf_draw {
    uint32_t request;
    uint32_t pool; /* index in the fleet */
    uint32_t count;
} nf_draw;

/** Where a guest goes. The arrays are the caller's, each with the number of its entries. */
typedef struct nf_placement {
    nf_placed_cell *cells; /* one per cell of the request */
    uint32_t *slots;
    nf_draw *draws;
    uint32_t cells_size;   /* at least the request's n_cells */
    uint32_t slots_size;   /* at least nf_max_slots() */
    uint32_t draws_size;   /* at least nf_max_draws() */
    uint32_t n_draws;      /* draws that are in use */
} nf_placement;

/** Scratch memory of one call: aligned for uint64_t, at least as many bytes as the call asks. */
typedef struct nf_scratch {
    void *memory;
    size_t bytes;
} nf_scratch;

/** Which hosts a call looks at: list[0 .. count - 1], or first .. first + count - 1 without list. */
typedef struct nf_hosts {
    const uint32_t *list;
    uint32_t first;
    uint32_t count;
} nf_hosts;

#if defined(__GNUC__)
#pragma GCC visibility push(default) /* all else in the library is hidden */
#endif

/** Version of the header that the library was built with: compare with NF_ABI_VERSION. */
uint32_t nf_abi_version(void);

/** The code's name ("NF_PAGES"); "unknown" out of range. */
const char *nf_status_name(int status);

/** What the code says, in a few words; "unknown" out of range. */
const char *nf_status_text(int status);

/** The i-th column of struct nf_fleet, in its order; NULL past the last. */
const nf_column_info *nf_column(uint32_t i);

/** How many values the fleet's counts say that column i has: shape[0] rows of shape[1] values. The
 * number of dimensions, 1 or 2; 0 past the last column. */
uint32_t nf_column_shape(const nf_fleet *fleet, uint32_t i, uint64_t shape[2]);

/** The i-th count of struct nf_fleet, in its order; NULL past the last. */
const nf_count_info *nf_count(uint32_t i);

/** The i-th field of struct nf_layout, in its order; NULL past the last. All are unsigned. */
const nf_count_info *nf_layout_field(uint32_t i);

/** Does every column hold together? Cost: one pass. NF_EINVAL names the first column at fault. */
nf_status nf_fleet_check(const nf_fleet *fleet, const char **reason);

/**
 * Fill the derived columns of cells first .. first + count - 1, and those of the hosts that these
 * stand in (of all hosts, where these are all cells); void rows are left as they are. All that this
 * reads is checked before: NF_EINVAL names the first column at fault, and nothing is filled.
 */
nf_status nf_derive(const nf_fleet *fleet, uint32_t first, uint32_t count, const char **reason);

/** Scratch memory for nf_fit() of this request on any host of the fleet, in bytes; also for
 * nf_pci(), nf_scan() and nf_choose(). 0 where the request makes no sense. */
size_t nf_fit_bytes(const nf_fleet *fleet, const nf_request *request);

/** The most slots that a placement of this request can hold: its dedicated vCPUs. */
uint32_t nf_max_slots(const nf_request *request);

/** The most draws that a placement of this request can have on any host of the fleet: a request
 * draws on a pool once, and takes count devices or those of n_providers. */
uint32_t nf_max_draws(const nf_fleet *fleet, const nf_request *request);

/**
 * Can these host cells (indices in the fleet; n_cells 0: a guest without NUMA topology) serve the
 * request's PCI part? Fills the draws of out with what it takes, and leaves the rest of out and
 * the fleet as they are. NF_OK, NF_PCI_NUMA, NF_REMOVED, NF_UNDECIDED, or misuse. Scratch:
 * nf_fit_bytes().
 */
nf_status nf_pci(const nf_fleet *fleet, uint32_t host, const nf_request *request,
                 const nf_options *options, const uint32_t *cells, uint32_t n_cells,
                 const nf_scratch *scratch, nf_placement *out);

/**
 * Does the guest fit this host, and where does it land?
 *
 * Fills out (not touched on a refusal) and, where why is not NULL, the reason of a refusal.
 * The first assignment in nova's order of host cells wins, each pair of cells judged afresh.
 * Cost: guest cells x host cells integer tests, then a search that is polynomial but for the
 * combination of several networks; NF_UNDECIDED beyond the budget, never a silent refusal.
 */
nf_status nf_fit(const nf_fleet *fleet, uint32_t host, const nf_request *request,
                 const nf_options *options, const nf_scratch *scratch, nf_placement *out,
                 nf_reason *why);

/**
 * Which hosts can take the guest? fits[i], one entry per host of hosts, becomes 1 or 0. No
 * placement is worked out; one host costs a few integer tests per cell unless its guest has
 * several unlike cells, networks or devices. NF_UNDECIDED where the budget of some host ran out
 * (its entry is 0). Scratch: nf_fit_bytes().
 */
nf_status nf_scan(const nf_fleet *fleet, const nf_hosts *hosts, const nf_request *request,
                  const nf_options *options, const nf_scratch *scratch, uint8_t *fits);

/** How nf_choose() prefers hosts; among equals the first. */
enum {
    NF_BY_INDEX = 0,    /* the first that can */
    NF_BY_ROOM = 1,     /* most left: free dedicated CPUs, or free memory for shared guests */
    NF_BY_FULLNESS = 2, /* least left */
    NF_BY_SCORE = 3     /* the largest of the caller's scores */
};

typedef struct nf_preference {
    uint32_t by;          /* NF_BY_* */
    const double *scores; /* with NF_BY_SCORE: one per host of the fleet */
} nf_preference;

/** The best host so far, to go on from one range of hosts to the next. */
typedef struct nf_best {
    uint32_t host; /* UINT32_MAX to begin with, and still so if none can */
    double score;
} nf_best;

/** The best of the hosts that can take the guest. Scratch: nf_fit_bytes(). */
nf_status nf_choose(const nf_fleet *fleet, const nf_hosts *hosts, const nf_request *request,
                    const nf_options *options, const nf_preference *preference,
                    const nf_scratch *scratch, nf_best *best);

/** Scratch memory for nf_capacity() in bytes. 0: the request makes no sense. */
size_t nf_capacity_bytes(const nf_fleet *fleet, const nf_request *request);

/**
 * How many guests like this fit on each host, one after the other, at most cap? counts has one
 * entry per host of hosts; the fleet is left as it is. In closed form where the guest's cells are
 * independent of each other, else by placing guests on a copy of the host in the scratch memory,
 * which must hold nf_capacity_bytes(). The count is that of fitting and claiming until a refusal.
 */
nf_status nf_capacity(const nf_fleet *fleet, const nf_hosts *hosts, const nf_request *request,
                      const nf_options *options, uint32_t cap, const nf_scratch *scratch,
                      uint32_t *counts);

/** One kind of guest of a mix, and its share of the arrivals: a number above 0. */
typedef struct nf_arrival {
    const nf_request *request;
    double weight;
} nf_arrival;

/** Scratch memory for nf_mix() in bytes. 0: a request makes no sense. */
size_t nf_mix_bytes(const nf_fleet *fleet, const nf_arrival *kinds, uint32_t n_kinds);

/**
 * How many guests of each kind fit on each host, arriving in turns? counts[i * n_kinds + k] for
 * the i-th of hosts; the fleet is left as it is. The next to arrive is the kind with the smallest
 * (arrived + 1) / weight, among equals the first. A kind that is refused, or has come cap times,
 * comes no more; the others go on in their proportions until none is left. Placed on a copy of
 * the host in the scratch memory, which must hold nf_mix_bytes().
 */
nf_status nf_mix(const nf_fleet *fleet, const nf_hosts *hosts, const nf_arrival *kinds,
                 uint32_t n_kinds, const nf_options *options, uint32_t cap,
                 const nf_scratch *scratch, uint32_t *counts);

/**
 * What stands in the way of each pair: reasons[g * cells of the host + c] is the first thing that
 * keeps guest cell g off the host's c-th cell (NF_OK: nothing does).
 */
nf_status nf_explain(const nf_fleet *fleet, uint32_t host, const nf_request *request,
                     const nf_options *options, nf_reason *reasons, size_t n_reasons);

/**
 * Take what a placement of this request holds, or give it back; all or nothing. Checked is what is
 * physical: CPUs, pages that were asked for, and the memory of pinned guests, not the limits.
 * NF_STALE where that no longer holds. A guest with thread policy isolate takes whole cores.
 */
nf_status nf_claim(const nf_fleet *fleet, uint32_t host, const nf_request *request,
                   const nf_placement *placement, nf_reason *why);

/** Give back what nf_claim() took: the same request and placement. NF_STALE: it is not taken. */
nf_status nf_release(const nf_fleet *fleet, uint32_t host, const nf_request *request,
                     const nf_placement *placement, nf_reason *why);

/** Bytes for nf_copy_host() of any host of the fleet. */
size_t nf_host_copy_bytes(const nf_fleet *fleet);

/**
 * One host as a fleet of its own: all that is the host's is copied into memory (nf_host_copy_bytes(),
 * aligned for uint64_t), tables that hosts share still point into the fleet.
 */
nf_status nf_copy_host(const nf_fleet *fleet, uint32_t host, const nf_scratch *memory,
                       nf_fleet *copy);

/**
 * A fleet that several threads read and change: hosts are cut into ranges with a lock each, which
 * a call holds for as long as it looks at the range. Every reader sees a claim, and a change of a
 * host, whole or not at all.
 *
 * A fleet at work changes by the nf_shared_* functions alone. All counts of its struct but n_hosts
 * stay as they are, and so do its tables as far as they are in use: who needs more (a wider host,
 * another layout, page size or class, more room) makes another nf_fleet, with arrays of its own or
 * the same ones where these have room, another nf_shared, and sends everybody there by
 * nf_shared_move(). It has another identity where what requests are prepared in has grown:
 * networks, classes of pools or hosts, resource classes.
 */
typedef struct nf_lock {
    uint32_t held;    /* all 0 to begin with */
    uint32_t waiting; /* callers that have waited long, others let them go first */
    uint32_t moved;   /* 1: who comes gets NF_EMOVED */
    uint32_t apart[13];
} nf_lock;

enum { NF_MAX_LOCKS = 256 };

typedef struct nf_shared {
    const nf_fleet *fleet;
    nf_lock *locks;
    uint32_t n_locks; /* at most NF_MAX_LOCKS; n_locks * hosts_per_lock covers host_room */
    uint32_t hosts_per_lock;
} nf_shared;

/** Generation of an item whose placement was not made from the fleet as it is: what is physical is
 * checked when it is claimed, and no limits. */
#define NF_ANY_GENERATION UINT64_MAX

/** One item of a claim: what goes where, and at which generation of the host that was decided. */
typedef struct nf_claim_item {
    uint32_t host;
    uint64_t generation;
    const nf_request *request;
    const nf_options *options;
    nf_placement *placement;
} nf_claim_item;

/** nf_fit() of an item's request on its host: fills its placement, and its generation. */
nf_status nf_shared_fit(const nf_shared *shared, nf_claim_item *item, const nf_scratch *scratch,
                        nf_reason *why);

/** nf_pci() under the host's lock. */
nf_status nf_shared_pci(const nf_shared *shared, uint32_t host, const nf_request *request,
                        const nf_options *options, const uint32_t *cells, uint32_t n_cells,
                        const nf_scratch *scratch, nf_placement *out);

/**
 * nf_explain() of the moment at which nf_shared_fit() refused an item for the reason why. Where the
 * host has changed since the item's generation, or why says NF_OK, the item is fitted again under
 * the same lock: why and reasons are of one moment. Returns why's status; NF_OK: it fits by now, the
 * placement says where, and reasons are not touched.
 */
nf_status nf_shared_explain(const nf_shared *shared, nf_claim_item *item, const nf_scratch *scratch,
                            nf_reason *why, nf_reason *reasons, size_t n_reasons);

/** nf_scan(), one lock's hosts after the other. */
nf_status nf_shared_scan(const nf_shared *shared, const nf_hosts *hosts, const nf_request *request,
                         const nf_options *options, const nf_scratch *scratch, uint8_t *fits);

/** nf_capacity(), one lock's hosts after the other. */
nf_status nf_shared_capacity(const nf_shared *shared, const nf_hosts *hosts,
                             const nf_request *request, const nf_options *options, uint32_t cap,
                             const nf_scratch *scratch, uint32_t *counts);

/** nf_mix(), host after host under its lock. */
nf_status nf_shared_mix(const nf_shared *shared, const nf_hosts *hosts, const nf_arrival *kinds,
                        uint32_t n_kinds, const nf_options *options, uint32_t cap,
                        const nf_scratch *scratch, uint32_t *counts);

/** nf_choose(), one lock's hosts after the other: the best may have changed when this returns. */
nf_status nf_shared_choose(const nf_shared *shared, const nf_hosts *hosts,
                           const nf_request *request, const nf_options *options,
                           const nf_preference *preference, const nf_scratch *scratch,
                           nf_best *best);

/**
 * Claim all of these items or none. Where a host has changed since a placement was made, its cells
 * are judged again, limits included, before what is physical is checked: NF_STALE if it no longer
 * holds, or the host has become another one, and failed (may be NULL) tells which one.
 */
nf_status nf_shared_claim(const nf_shared *shared, const nf_claim_item *items, uint32_t count,
                          uint32_t *failed, nf_reason *why);

/** Give all of these items back or none. NF_STALE: it is not taken, or the host has become another
 * one since the item's generation. */
nf_status nf_shared_release(const nf_shared *shared, const nf_claim_item *items, uint32_t count,
                            uint32_t *failed, nf_reason *why);

/** nf_copy_host() under the host's lock: a host of one moment. */
nf_status nf_shared_copy_host(const nf_shared *shared, uint32_t host, const nf_scratch *memory,
                              nf_fleet *copy);

/**
 * The fleet of one moment: its columns are copied into the arrays of to, which are as long. Those
 * that claims change must be there, others are copied where to has an array. All locks are held
 * meanwhile: for about 1 ms with 100,000 hosts of two cells (16 MB of what claims change), and several
 * times that where the arrays' memory is touched for the first time.
 */
nf_status nf_shared_copy(const nf_shared *shared, const nf_fleet *to);

/** nf_fleet_check() beside threads that claim and hosts that change: host after host under its
 * lock. */
nf_status nf_shared_check(const nf_shared *shared, const char **reason);

/** Where a host's rows begin; as many follow as it has cells and pools. */
typedef struct nf_place {
    uint32_t first_cell;
    uint32_t first_pool;
} nf_place;

/**
 * Put another host at this index, below host_room: one, which is a fleet of one host (nf_copy_host()
 * makes such) in the numbering of this fleet, with its identity. Used are its columns of the host,
 * its cells, its pools and their masks, but for derived ones, generation and where they stand; what
 * they point to (layouts, distances, page sizes) are this fleet's tables. Usage is part of it.
 *
 * Its rows are those that place names (NULL will do where it has none), which are void or have been
 * the host's own until now; its masks stand at cell_mask_at of the first of them, and end before the
 * row behind the last. What the host leaves becomes void. Where it keeps its place, its cells their
 * ids and layouts, and its pools all but their counts, placements made before are judged again as
 * after a claim; else it has become another host, and they are stale: neither taken nor given back.
 *
 * generation: the host's when one was made of a copy of it, so that no claim is lost that came
 * between: NF_STALE where it is another one by now. NF_ANY_GENERATION: whatever has happened.
 *
 * An index from n_hosts on is filled this way before nf_shared_publish().
 *
 * Cost: that of the host. Beside readers and claims; changes of hosts are made one at a time, which
 * is the caller's to see to. All is checked before: NF_EINVAL names the column at fault (reason may
 * be NULL); NF_EFLEET: another identity; NF_ESPACE: it has more cells or pools than max_cells and
 * max_pools, or masks that do not fit there. Nothing is changed then.
 */
nf_status nf_shared_replace(const nf_shared *shared, uint32_t host, const nf_fleet *one,
                            const nf_place *place, uint64_t generation, const char **reason);

/** The host is there no more: its index stays, of class NF_REMOVED_CLASS, its rows become void. As
 * nf_shared_replace() otherwise, which can put a host there again. */
nf_status nf_shared_remove(const nf_shared *shared, uint32_t host);

/**
 * Indices up to n_hosts, which is not less than before, have been filled: from now on they are
 * hosts, all of them at once. NF_EINVAL names what does not hold of one. All locks are held for a
 * moment, after that check.
 */
nf_status nf_shared_publish(const nf_shared *shared, uint32_t n_hosts, const char **reason);

/**
 * Another fleet has taken this one's place: from now on each call on this one is NF_EMOVED, and
 * changes nothing. What it has filled until then (the first entries of fits or counts) is not to
 * be used. The caller holds the locks, under which it has copied the arrays or taken them over, and
 * gives them back by nf_shared_unlock().
 */
nf_status nf_shared_move(const nf_shared *shared);

/**
 * Wait until no other thread is inside a call on this fleet, and keep all out until
 * nf_shared_unlock(): for pthread_atfork(), so that a child process sees no claim by half, and for
 * nf_shared_move(). The thread that holds the locks makes no other call on the fleet meanwhile.
 * NF_EMOVED: held all the same.
 */
nf_status nf_shared_lock(const nf_shared *shared);

/** Let the others in again. A child process, where nobody waits any more, zeroes held and waiting of
 * the locks instead. */
nf_status nf_shared_unlock(const nf_shared *shared);

/**
 * All functions of this header in one table, for extension modules, which then link nothing:
 * PyCapsule_Import(NF_CAPSULE, 0) gives it, and its abi must be NF_ABI_VERSION.
 */
#define NF_CAPSULE "numafit._engine.nf_api_3" /* ends in the ABI version */
#define NF_FUNCTION(name) __typeof__(nf_##name) *name

typedef struct nf_api {
    uint32_t abi;
    uint32_t bytes; /* of this struct, which only ever grows at its end */
    NF_FUNCTION(abi_version);
    NF_FUNCTION(status_name);
    NF_FUNCTION(status_text);
    NF_FUNCTION(column);
    NF_FUNCTION(column_shape);
    NF_FUNCTION(count);
    NF_FUNCTION(layout_field);
    NF_FUNCTION(fleet_check);
    NF_FUNCTION(derive);
    NF_FUNCTION(fit_bytes);
    NF_FUNCTION(max_slots);
    NF_FUNCTION(max_draws);
    NF_FUNCTION(pci);
    NF_FUNCTION(fit);
    NF_FUNCTION(scan);
    NF_FUNCTION(choose);
    NF_FUNCTION(capacity_bytes);
    NF_FUNCTION(capacity);
    NF_FUNCTION(mix_bytes);
    NF_FUNCTION(mix);
    NF_FUNCTION(explain);
    NF_FUNCTION(claim);
    NF_FUNCTION(release);
    NF_FUNCTION(host_copy_bytes);
    NF_FUNCTION(copy_host);
    NF_FUNCTION(shared_fit);
    NF_FUNCTION(shared_pci);
    NF_FUNCTION(shared_explain);
    NF_FUNCTION(shared_scan);
    NF_FUNCTION(shared_capacity);
    NF_FUNCTION(shared_mix);
    NF_FUNCTION(shared_choose);
    NF_FUNCTION(shared_claim);
    NF_FUNCTION(shared_release);
    NF_FUNCTION(shared_copy_host);
    NF_FUNCTION(shared_copy);
    NF_FUNCTION(shared_check);
    NF_FUNCTION(shared_replace);
    NF_FUNCTION(shared_remove);
    NF_FUNCTION(shared_publish);
    NF_FUNCTION(shared_move);
    NF_FUNCTION(shared_lock);
    NF_FUNCTION(shared_unlock);
    /* From the capsule alone; NULL in a C program. With the GIL held; NULL and a Python error where
     * the object is of another type.
     * shared_of: the arrays behind a numafit.Fleet or numafit.Host, for as long as it lives.
     * request_of: what its prepare() returned, for as long as that lives. */
    const nf_shared *(*shared_of)(void *fleet);
    const nf_request *(*request_of)(void *prepared);
} nf_api;

#undef NF_FUNCTION

/** The table, without what belongs to Python. */
const nf_api *nf_functions(void);

#if defined(__GNUC__)
#pragma GCC visibility pop
#endif

#ifdef __cplusplus
}
#endif
#endif
