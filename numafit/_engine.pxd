# The C API for other Cython modules: the functions of numafit.h, reached through this module's
# capsules, so that nothing is linked. numafit.h says what each of them does.
from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t, uint64_t

from numafit._c cimport *

cdef uint32_t nf_abi_version() noexcept nogil
cdef const char *nf_status_name(int status) noexcept nogil
cdef const char *nf_status_text(int status) noexcept nogil
cdef nf_status nf_fleet_check(const nf_fleet *fleet, const char **reason) noexcept nogil
cdef nf_status nf_derive(const nf_fleet *fleet, uint32_t first, uint32_t count) noexcept nogil
cdef size_t nf_workspace_bytes(const nf_fleet *fleet, const nf_request *request) noexcept nogil
cdef uint32_t nf_max_draws(const nf_fleet *fleet, const nf_request *request) noexcept nogil
cdef nf_status nf_pci(const nf_fleet *fleet, uint32_t host, const nf_request *request,
                      const nf_options *options, const uint32_t *cells, uint32_t n_cells,
                      void *workspace, size_t workspace_bytes, nf_draw *draws,
                      uint32_t *n_draws) noexcept nogil
cdef nf_status nf_fit(const nf_fleet *fleet, uint32_t host, const nf_request *request,
                      const nf_options *options, void *workspace, size_t workspace_bytes,
                      nf_placement *out, nf_reason *why) noexcept nogil
cdef nf_status nf_scan(const nf_fleet *fleet, const uint32_t *hosts, uint32_t first,
                       uint32_t count, const nf_request *request, const nf_options *options,
                       void *workspace, size_t workspace_bytes, uint8_t *fits) noexcept nogil
cdef nf_status nf_choose(const nf_fleet *fleet, const uint32_t *hosts, uint32_t first,
                         uint32_t count, const nf_request *request, const nf_options *options,
                         uint32_t by, const double *scores, void *workspace,
                         size_t workspace_bytes, uint32_t *best,
                         double *best_score) noexcept nogil
cdef size_t nf_capacity_bytes(const nf_fleet *fleet, const nf_request *request) noexcept nogil
cdef nf_status nf_capacity(const nf_fleet *fleet, const uint32_t *hosts, uint32_t first,
                           uint32_t count, const nf_request *request, const nf_options *options,
                           uint32_t cap, void *workspace, size_t workspace_bytes,
                           uint32_t *counts) noexcept nogil
cdef size_t nf_mix_bytes(const nf_fleet *fleet, const nf_arrival *kinds,
                         uint32_t n_kinds) noexcept nogil
cdef nf_status nf_mix(const nf_fleet *fleet, const uint32_t *hosts, uint32_t first, uint32_t count,
                      const nf_arrival *kinds, uint32_t n_kinds, const nf_options *options,
                      uint32_t cap, void *workspace, size_t workspace_bytes,
                      uint32_t *counts) noexcept nogil
cdef nf_status nf_explain(const nf_fleet *fleet, uint32_t host, const nf_request *request,
                          const nf_options *options, nf_reason *reasons,
                          size_t n_reasons) noexcept nogil
cdef nf_status nf_claim(const nf_fleet *fleet, uint32_t host, const nf_request *request,
                        const nf_placement *placement, nf_reason *why) noexcept nogil
cdef nf_status nf_release(const nf_fleet *fleet, uint32_t host, const nf_request *request,
                          const nf_placement *placement, nf_reason *why) noexcept nogil
cdef nf_status nf_shared_fit(const nf_shared *shared, uint32_t host, const nf_request *request,
                             const nf_options *options, void *workspace, size_t workspace_bytes,
                             nf_placement *out, uint64_t *generation,
                             nf_reason *why) noexcept nogil
cdef nf_status nf_shared_scan(const nf_shared *shared, const uint32_t *hosts, uint32_t first,
                              uint32_t count, const nf_request *request,
                              const nf_options *options, void *workspace, size_t workspace_bytes,
                              uint8_t *fits) noexcept nogil
cdef nf_status nf_shared_capacity(const nf_shared *shared, const uint32_t *hosts, uint32_t first,
                                  uint32_t count, const nf_request *request,
                                  const nf_options *options, uint32_t cap, void *workspace,
                                  size_t workspace_bytes, uint32_t *counts) noexcept nogil
cdef nf_status nf_shared_mix(const nf_shared *shared, const uint32_t *hosts, uint32_t first,
                             uint32_t count, const nf_arrival *kinds, uint32_t n_kinds,
                             const nf_options *options, uint32_t cap, void *workspace,
                             size_t workspace_bytes, uint32_t *counts) noexcept nogil
cdef nf_status nf_shared_choose(const nf_shared *shared, const uint32_t *hosts, uint32_t first,
                                uint32_t count, const nf_request *request,
                                const nf_options *options, uint32_t by, const double *scores,
                                void *workspace, size_t workspace_bytes, uint32_t *best,
                                double *best_score) noexcept nogil
cdef nf_status nf_shared_claim(const nf_shared *shared, const nf_taking *takings, uint32_t count,
                               uint32_t *failed, nf_reason *why) noexcept nogil
cdef nf_status nf_shared_release(const nf_shared *shared, const nf_taking *takings,
                                 uint32_t count, uint32_t *failed, nf_reason *why) noexcept nogil

# The arrays behind a numafit.Fleet or numafit.Host, for as long as it lives. Whoever changes them
# goes through the nf_shared_* functions, as other threads may be at work on the same fleet.
cdef const nf_shared *nf_shared_of(object fleet) except NULL
# A numafit.Request in the numbers of that fleet; keep what fleet.prepare() returns alive.
cdef const nf_request *nf_request_of(object prepared) except NULL
