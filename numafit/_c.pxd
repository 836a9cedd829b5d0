# The types of numafit.h as Cython sees them; the header says what each of these means.
from libc.stdint cimport int16_t, int32_t, int64_t, uint8_t, uint32_t, uint64_t

cdef extern from "numafit/numafit.h" nogil:
    enum:
        NF_ABI_VERSION
        NF_MAX_CELLS
        NF_MAX_SLOTS
        NF_MAX_THREADS
        NF_MAX_PAGE_SIZES
        NF_MAX_NETS
        NF_MAX_PCI
        NF_MAX_RESOURCES
        NF_TUNNEL_NET
        NF_STATUS_END
    const uint64_t NF_ANY_GENERATION

    const int64_t NF_MAX_AMOUNT
    const uint64_t NF_NO_DISTANCES
    const uint32_t NF_NO_HOST
    const uint32_t NF_REMOVED_CLASS

    ctypedef int nf_status
    enum:
        NF_OK
        NF_NETWORKS
        NF_PHYSNET
        NF_PCI_DEVICES
        NF_TOGETHER
        NF_HOST_CLASS
        NF_RESOURCE
        NF_STALE
        NF_REMOVED
        NF_UNDECIDED
        NF_EINVAL
        NF_EABI
        NF_ESPACE
        NF_EFLEET
        NF_EMOVED

    ctypedef struct nf_reason:
        int32_t status
        int32_t detail
        int64_t wanted
        int64_t available

    ctypedef struct nf_layout:
        uint32_t n_words
        uint32_t shift
        uint32_t n_slots
        uint64_t cpu_at

    ctypedef struct nf_fleet:
        uint32_t abi
        uint32_t n_hosts
        uint32_t host_room
        uint32_t n_cells
        uint32_t n_layouts
        uint32_t layout_room
        uint32_t n_page_sizes
        uint32_t max_threads
        uint32_t max_cells
        uint32_t max_words
        uint32_t net_words
        uint32_t n_pools
        uint32_t max_pools
        uint32_t n_classes
        uint32_t n_resources
        uint32_t n_host_classes
        uint64_t identity
        uint64_t n_mask_words
        uint64_t n_layout_words
        uint64_t n_layout_cpus
        uint64_t n_distances
        const uint32_t *host_first_cell
        const uint32_t *host_end_cell
        const uint32_t *host_first_pool
        const uint32_t *host_end_pool
        const double *host_cpu_ratio
        const double *host_ram_ratio
        const uint64_t *host_distance_at
        const uint32_t *host_class
        uint64_t *host_generation
        const int64_t *resource_limit
        int64_t *resource_used
        int32_t *resource_room
        int16_t *resource_few
        const uint32_t *cell_host
        const int32_t *cell_id
        const int32_t *cell_socket
        const uint32_t *cell_layout
        const uint64_t *cell_mask_at
        const int64_t *cell_memory
        const uint32_t *cell_page_sizes
        const uint64_t *cell_nets
        const int32_t *pages_total
        int64_t *cell_memory_used
        int64_t *cell_cpu_used
        int32_t *pages_used
        uint64_t *pinned
        int32_t *cell_free
        int32_t *cell_cores
        int32_t *pages_free
        int32_t *cell_cpu_room
        int32_t *cell_memory_room
        int64_t *cell_devices
        const uint32_t *pool_host
        const uint32_t *pool_class
        const int32_t *pool_cell
        const uint32_t *pool_provider
        const uint32_t *pool_family
        const uint32_t *pool_kind
        int32_t *pool_count
        int32_t *pool_taken
        int32_t *pool_hidden
        const nf_layout *layouts
        const uint64_t *layout_words
        const int32_t *layout_cpus
        const uint32_t *page_kib
        const int32_t *distances

    enum:
        NF_INT32
        NF_UINT32
        NF_INT64
        NF_UINT64
        NF_DOUBLE
        NF_LAYOUT_STRUCT
        NF_INT16

    enum:
        NF_PER_HOST
        NF_PER_RESOURCE_HOST
        NF_PER_CELL
        NF_PER_CELL_NET
        NF_PER_PAGE_CELL
        NF_PER_THREAD_CELL
        NF_PER_POOL
        NF_PER_MASK_WORD

    ctypedef struct nf_column_info:
        const char *name
        uint32_t offset
        uint32_t type
        uint32_t size
        uint32_t per
        uint32_t claimed
        uint32_t derived

    ctypedef struct nf_count_info:
        const char *name
        uint32_t offset
        uint32_t size

    enum:
        NF_PAGES_SMALL
        NF_PAGES_LARGE
        NF_PAGES_ANY
        NF_POLICY_NONE
        NF_POLICY_SHARED
        NF_POLICY_DEDICATED
        NF_POLICY_MIXED
        NF_THREADS_NONE
        NF_THREADS_PREFER
        NF_THREADS_ISOLATE
        NF_THREADS_REQUIRE

    ctypedef struct nf_guest_cell:
        int64_t memory
        int64_t page_kib
        uint32_t n_shared
        uint32_t n_dedicated
        uint32_t policy
        uint32_t threads

    enum:
        NF_PCI_LEGACY
        NF_PCI_REQUIRED
        NF_PCI_SOCKET
        NF_PCI_PREFERRED

    ctypedef struct nf_provider:
        uint32_t provider
        uint32_t count

    ctypedef struct nf_pci_request:
        uint32_t count
        uint32_t policy
        const uint64_t *matches
        const uint64_t *usable
        uint32_t n_providers
        const nf_provider *providers

    ctypedef struct nf_resource:
        uint32_t resource
        uint32_t amount

    ctypedef struct nf_request:
        uint32_t abi
        uint32_t n_cells
        const nf_guest_cell *cells
        uint32_t emulator_isolated
        uint32_t n_nets
        const uint32_t *nets
        uint32_t n_pci
        const nf_pci_request *pci
        uint64_t fleet
        uint32_t n_resources
        uint32_t n_fallback
        const nf_resource *resources
        const uint64_t *host_classes
        const uint64_t *fallback_classes
        const nf_resource *fallback

    enum:
        NF_SPREAD
        NF_PACK
        NF_CLOSEST
        NF_NETS_ANY
        NF_NETS_ALL
        NF_MATCH_NOVA
        NF_MATCH_EXACT
        NF_LIMITS_NONE
        NF_LIMITS_HOST
        NF_LIMITS_GIVEN

    ctypedef struct nf_arrival:
        const nf_request *request
        double weight

    ctypedef struct nf_options:
        uint32_t strategy
        uint32_t net_affinity
        uint32_t limits
        uint32_t pci_matching
        uint32_t budget
        double cpu_ratio
        double ram_ratio

    ctypedef struct nf_placed_cell:
        uint32_t cell
        uint32_t page_kib
        uint32_t first_slot
        uint32_t n_slots
        int32_t reserved
        int32_t id
        uint32_t layout

    ctypedef struct nf_draw:
        uint32_t request
        uint32_t pool
        uint32_t count

    ctypedef struct nf_placement:
        nf_placed_cell *cells
        uint32_t *slots
        nf_draw *draws
        uint32_t cells_size
        uint32_t slots_size
        uint32_t draws_size
        uint32_t n_draws

    ctypedef struct nf_scratch:
        void *memory
        size_t bytes

    ctypedef struct nf_hosts:
        const uint32_t *list
        uint32_t first
        uint32_t count

    ctypedef struct nf_preference:
        uint32_t by
        const double *scores

    ctypedef struct nf_best:
        uint32_t host
        double score

    enum:
        NF_POOL_ANYWHERE
        NF_POOL_ELSEWHERE
        NF_POOL_GONE
        NF_KIND_OTHER
        NF_KIND_PF
        NF_KIND_VF
        NF_MAX_LOCKS

    ctypedef struct nf_lock:
        uint32_t held
        uint32_t waiting
        uint32_t moved

    ctypedef struct nf_shared:
        const nf_fleet *fleet
        nf_lock *locks
        uint32_t n_locks
        uint32_t hosts_per_lock

    ctypedef struct nf_place:
        uint32_t first_cell
        uint32_t first_pool

    ctypedef struct nf_claim_item:
        uint32_t host
        uint64_t generation
        const nf_request *request
        const nf_options *options
        nf_placement *placement

    enum:
        NF_BY_INDEX
        NF_BY_ROOM
        NF_BY_FULLNESS
        NF_BY_SCORE

    const char *NF_CAPSULE

    # each function of numafit.h; the header says what it does
    ctypedef struct nf_api:
        uint32_t abi
        uint32_t bytes
        uint32_t (*abi_version)() noexcept nogil
        const char *(*status_name)(int status) noexcept nogil
        const char *(*status_text)(int status) noexcept nogil
        const nf_column_info *(*column)(uint32_t i) noexcept nogil
        uint32_t (*column_shape)(const nf_fleet *fleet, uint32_t i, uint64_t *shape) noexcept nogil
        const nf_count_info *(*count)(uint32_t i) noexcept nogil
        const nf_count_info *(*layout_field)(uint32_t i) noexcept nogil
        nf_status (*fleet_check)(const nf_fleet *fleet, const char **reason) noexcept nogil
        nf_status (*derive)(const nf_fleet *fleet, uint32_t first, uint32_t count,
                            const char **reason) noexcept nogil
        size_t (*fit_bytes)(const nf_fleet *fleet, const nf_request *request) noexcept nogil
        uint32_t (*max_slots)(const nf_request *request) noexcept nogil
        uint32_t (*max_draws)(const nf_fleet *fleet, const nf_request *request) noexcept nogil
        nf_status (*pci)(const nf_fleet *fleet, uint32_t host, const nf_request *request,
                         const nf_options *options, const uint32_t *cells, uint32_t n_cells,
                         const nf_scratch *scratch, nf_placement *out) noexcept nogil
        nf_status (*fit)(const nf_fleet *fleet, uint32_t host, const nf_request *request,
                         const nf_options *options, const nf_scratch *scratch, nf_placement *out,
                         nf_reason *why) noexcept nogil
        nf_status (*scan)(const nf_fleet *fleet, const nf_hosts *hosts, const nf_request *request,
                          const nf_options *options, const nf_scratch *scratch,
                          uint8_t *fits) noexcept nogil
        nf_status (*choose)(const nf_fleet *fleet, const nf_hosts *hosts,
                            const nf_request *request, const nf_options *options,
                            const nf_preference *preference, const nf_scratch *scratch,
                            nf_best *best) noexcept nogil
        size_t (*capacity_bytes)(const nf_fleet *fleet, const nf_request *request) noexcept nogil
        nf_status (*capacity)(const nf_fleet *fleet, const nf_hosts *hosts,
                              const nf_request *request, const nf_options *options, uint32_t cap,
                              const nf_scratch *scratch, uint32_t *counts) noexcept nogil
        size_t (*mix_bytes)(const nf_fleet *fleet, const nf_arrival *kinds,
                            uint32_t n_kinds) noexcept nogil
        nf_status (*mix)(const nf_fleet *fleet, const nf_hosts *hosts, const nf_arrival *kinds,
                         uint32_t n_kinds, const nf_options *options, uint32_t cap,
                         const nf_scratch *scratch, uint32_t *counts) noexcept nogil
        nf_status (*explain)(const nf_fleet *fleet, uint32_t host, const nf_request *request,
                             const nf_options *options, nf_reason *reasons,
                             size_t n_reasons) noexcept nogil
        nf_status (*claim)(const nf_fleet *fleet, uint32_t host, const nf_request *request,
                           const nf_placement *placement, nf_reason *why) noexcept nogil
        nf_status (*release)(const nf_fleet *fleet, uint32_t host, const nf_request *request,
                             const nf_placement *placement, nf_reason *why) noexcept nogil
        size_t (*host_copy_bytes)(const nf_fleet *fleet) noexcept nogil
        nf_status (*copy_host)(const nf_fleet *fleet, uint32_t host, const nf_scratch *memory,
                               nf_fleet *copy) noexcept nogil
        nf_status (*shared_fit)(const nf_shared *shared, nf_claim_item *item,
                                const nf_scratch *scratch, nf_reason *why) noexcept nogil
        nf_status (*shared_pci)(const nf_shared *shared, uint32_t host, const nf_request *request,
                                const nf_options *options, const uint32_t *cells,
                                uint32_t n_cells, const nf_scratch *scratch,
                                nf_placement *out) noexcept nogil
        nf_status (*shared_explain)(const nf_shared *shared, nf_claim_item *item,
                                    const nf_scratch *scratch, nf_reason *why, nf_reason *reasons,
                                    size_t n_reasons) noexcept nogil
        nf_status (*shared_scan)(const nf_shared *shared, const nf_hosts *hosts,
                                 const nf_request *request, const nf_options *options,
                                 const nf_scratch *scratch, uint8_t *fits) noexcept nogil
        nf_status (*shared_capacity)(const nf_shared *shared, const nf_hosts *hosts,
                                     const nf_request *request, const nf_options *options,
                                     uint32_t cap, const nf_scratch *scratch,
                                     uint32_t *counts) noexcept nogil
        nf_status (*shared_mix)(const nf_shared *shared, const nf_hosts *hosts,
                                const nf_arrival *kinds, uint32_t n_kinds,
                                const nf_options *options, uint32_t cap,
                                const nf_scratch *scratch, uint32_t *counts) noexcept nogil
        nf_status (*shared_choose)(const nf_shared *shared, const nf_hosts *hosts,
                                   const nf_request *request, const nf_options *options,
                                   const nf_preference *preference, const nf_scratch *scratch,
                                   nf_best *best) noexcept nogil
        nf_status (*shared_claim)(const nf_shared *shared, const nf_claim_item *items,
                                  uint32_t count, uint32_t *failed, nf_reason *why) noexcept nogil
        nf_status (*shared_release)(const nf_shared *shared, const nf_claim_item *items,
                                    uint32_t count, uint32_t *failed, nf_reason *why) noexcept nogil
        nf_status (*shared_copy_host)(const nf_shared *shared, uint32_t host,
                                      const nf_scratch *memory, nf_fleet *copy) noexcept nogil
        nf_status (*shared_copy)(const nf_shared *shared, const nf_fleet *to) noexcept nogil
        nf_status (*shared_check)(const nf_shared *shared, const char **reason) noexcept nogil
        nf_status (*shared_replace)(const nf_shared *shared, uint32_t host, const nf_fleet *one,
                                    const nf_place *place, uint64_t generation,
                                    const char **reason) noexcept nogil
        nf_status (*shared_remove)(const nf_shared *shared, uint32_t host) noexcept nogil
        nf_status (*shared_publish)(const nf_shared *shared, uint32_t n_hosts,
                                    const char **reason) noexcept nogil
        nf_status (*shared_move)(const nf_shared *shared) noexcept nogil
        nf_status (*shared_lock)(const nf_shared *shared) noexcept nogil
        nf_status (*shared_unlock)(const nf_shared *shared) noexcept nogil
        const nf_shared *(*shared_of)(object fleet) except NULL
        const nf_request *(*request_of)(object prepared) except NULL
