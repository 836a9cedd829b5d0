# What the capsules of _engine.pxd lead to. The C compiler checks the arguments against numafit.h.

cdef extern from "numafit/numafit.h" nogil:
    uint32_t c_nf_abi_version "nf_abi_version"()
    const char *c_nf_status_name "nf_status_name"(...)
    const char *c_nf_status_text "nf_status_text"(...)
    nf_status c_nf_fleet_check "nf_fleet_check"(...)
    nf_status c_nf_derive "nf_derive"(...)
    size_t c_nf_workspace_bytes "nf_workspace_bytes"(...)
    uint32_t c_nf_max_draws "nf_max_draws"(...)
    nf_status c_nf_pci "nf_pci"(...)
    nf_status c_nf_fit "nf_fit"(...)
    nf_status c_nf_scan "nf_scan"(...)
    nf_status c_nf_choose "nf_choose"(...)
    size_t c_nf_capacity_bytes "nf_capacity_bytes"(...)
    nf_status c_nf_capacity "nf_capacity"(...)
    nf_status c_nf_explain "nf_explain"(...)
    nf_status c_nf_claim "nf_claim"(...)
    nf_status c_nf_release "nf_release"(...)
    nf_status c_nf_shared_fit "nf_shared_fit"(...)
    nf_status c_nf_shared_scan "nf_shared_scan"(...)
    nf_status c_nf_shared_capacity "nf_shared_capacity"(...)
    size_t c_nf_mix_bytes "nf_mix_bytes"(...)
    nf_status c_nf_mix "nf_mix"(...)
    nf_status c_nf_shared_mix "nf_shared_mix"(...)
    nf_status c_nf_shared_choose "nf_shared_choose"(...)
    nf_status c_nf_shared_claim "nf_shared_claim"(...)
    nf_status c_nf_shared_release "nf_shared_release"(...)


cdef uint32_t nf_abi_version() noexcept nogil:
    return c_nf_abi_version()


cdef const char *nf_status_name(int status) noexcept nogil:
    return c_nf_status_name(status)


cdef const char *nf_status_text(int status) noexcept nogil:
    return c_nf_status_text(status)


cdef nf_status nf_fleet_check(const nf_fleet *fleet, const char **reason) noexcept nogil:
    return c_nf_fleet_check(fleet, reason)


cdef nf_status nf_derive(const nf_fleet *fleet, uint32_t first, uint32_t count) noexcept nogil:
    return c_nf_derive(fleet, first, count)


cdef size_t nf_workspace_bytes(const nf_fleet *fleet, const nf_request *request) noexcept nogil:
    return c_nf_workspace_bytes(fleet, request)


cdef uint32_t nf_max_draws(const nf_fleet *fleet, const nf_request *request) noexcept nogil:
    return c_nf_max_draws(fleet, request)


cdef nf_status nf_pci(const nf_fleet *fleet, uint32_t host, const nf_request *request,
                      const nf_options *options, const uint32_t *cells, uint32_t n_cells,
                      void *workspace, size_t workspace_bytes, nf_draw *draws,
                      uint32_t *n_draws) noexcept nogil:
    return c_nf_pci(fleet, host, request, options, cells, n_cells, workspace, workspace_bytes,
                    draws, n_draws)


cdef nf_status nf_fit(const nf_fleet *fleet, uint32_t host, const nf_request *request,
                      const nf_options *options, void *workspace, size_t workspace_bytes,
                      nf_placement *out, nf_reason *why) noexcept nogil:
    return c_nf_fit(fleet, host, request, options, workspace, workspace_bytes, out, why)


cdef nf_status nf_scan(const nf_fleet *fleet, const uint32_t *hosts, uint32_t first,
                       uint32_t count, const nf_request *request, const nf_options *options,
                       void *workspace, size_t workspace_bytes, uint8_t *fits) noexcept nogil:
    return c_nf_scan(fleet, hosts, first, count, request, options, workspace, workspace_bytes,
                     fits)


cdef nf_status nf_choose(const nf_fleet *fleet, const uint32_t *hosts, uint32_t first,
                         uint32_t count, const nf_request *request, const nf_options *options,
                         uint32_t by, const double *scores, void *workspace,
                         size_t workspace_bytes, uint32_t *best,
                         double *best_score) noexcept nogil:
    return c_nf_choose(fleet, hosts, first, count, request, options, by, scores, workspace,
                       workspace_bytes, best, best_score)


cdef size_t nf_capacity_bytes(const nf_fleet *fleet, const nf_request *request) noexcept nogil:
    return c_nf_capacity_bytes(fleet, request)


cdef nf_status nf_capacity(const nf_fleet *fleet, const uint32_t *hosts, uint32_t first,
                           uint32_t count, const nf_request *request, const nf_options *options,
                           uint32_t cap, void *workspace, size_t workspace_bytes,
                           uint32_t *counts) noexcept nogil:
    return c_nf_capacity(fleet, hosts, first, count, request, options, cap, workspace,
                         workspace_bytes, counts)


cdef size_t nf_mix_bytes(const nf_fleet *fleet, const nf_arrival *kinds,
                         uint32_t n_kinds) noexcept nogil:
    return c_nf_mix_bytes(fleet, kinds, n_kinds)


cdef nf_status nf_mix(const nf_fleet *fleet, const uint32_t *hosts, uint32_t first, uint32_t count,
                      const nf_arrival *kinds, uint32_t n_kinds, const nf_options *options,
                      uint32_t cap, void *workspace, size_t workspace_bytes,
                      uint32_t *counts) noexcept nogil:
    return c_nf_mix(fleet, hosts, first, count, kinds, n_kinds, options, cap, workspace,
                    workspace_bytes, counts)


cdef nf_status nf_explain(const nf_fleet *fleet, uint32_t host, const nf_request *request,
                          const nf_options *options, nf_reason *reasons,
                          size_t n_reasons) noexcept nogil:
    return c_nf_explain(fleet, host, request, options, reasons, n_reasons)


cdef nf_status nf_claim(const nf_fleet *fleet, uint32_t host, const nf_request *request,
                        const nf_placement *placement, nf_reason *why) noexcept nogil:
    return c_nf_claim(fleet, host, request, placement, why)


cdef nf_status nf_release(const nf_fleet *fleet, uint32_t host, const nf_request *request,
                          const nf_placement *placement, nf_reason *why) noexcept nogil:
    return c_nf_release(fleet, host, request, placement, why)


cdef nf_status nf_shared_fit(const nf_shared *shared, uint32_t host, const nf_request *request,
                             const nf_options *options, void *workspace, size_t workspace_bytes,
                             nf_placement *out, uint64_t *generation,
                             nf_reason *why) noexcept nogil:
    return c_nf_shared_fit(shared, host, request, options, workspace, workspace_bytes, out,
                           generation, why)


cdef nf_status nf_shared_scan(const nf_shared *shared, const uint32_t *hosts, uint32_t first,
                              uint32_t count, const nf_request *request,
                              const nf_options *options, void *workspace, size_t workspace_bytes,
                              uint8_t *fits) noexcept nogil:
    return c_nf_shared_scan(shared, hosts, first, count, request, options, workspace,
                            workspace_bytes, fits)


cdef nf_status nf_shared_capacity(const nf_shared *shared, const uint32_t *hosts, uint32_t first,
                                  uint32_t count, const nf_request *request,
                                  const nf_options *options, uint32_t cap, void *workspace,
                                  size_t workspace_bytes, uint32_t *counts) noexcept nogil:
    return c_nf_shared_capacity(shared, hosts, first, count, request, options, cap, workspace,
                                workspace_bytes, counts)


cdef nf_status nf_shared_mix(const nf_shared *shared, const uint32_t *hosts, uint32_t first,
                             uint32_t count, const nf_arrival *kinds, uint32_t n_kinds,
                             const nf_options *options, uint32_t cap, void *workspace,
                             size_t workspace_bytes, uint32_t *counts) noexcept nogil:
    return c_nf_shared_mix(shared, hosts, first, count, kinds, n_kinds, options, cap, workspace,
                           workspace_bytes, counts)


cdef nf_status nf_shared_choose(const nf_shared *shared, const uint32_t *hosts, uint32_t first,
                                uint32_t count, const nf_request *request,
                                const nf_options *options, uint32_t by, const double *scores,
                                void *workspace, size_t workspace_bytes, uint32_t *best,
                                double *best_score) noexcept nogil:
    return c_nf_shared_choose(shared, hosts, first, count, request, options, by, scores,
                              workspace, workspace_bytes, best, best_score)


cdef nf_status nf_shared_claim(const nf_shared *shared, const nf_taking *takings, uint32_t count,
                               uint32_t *failed, nf_reason *why) noexcept nogil:
    return c_nf_shared_claim(shared, takings, count, failed, why)


cdef nf_status nf_shared_release(const nf_shared *shared, const nf_taking *takings,
                                 uint32_t count, uint32_t *failed, nf_reason *why) noexcept nogil:
    return c_nf_shared_release(shared, takings, count, failed, why)


cdef const nf_shared *nf_shared_of(object fleet) except NULL:
    engine = getattr(fleet, "_engine", None)
    if not isinstance(engine, Engine):
        raise MisuseError(f"{type(fleet).__name__}: expected a Fleet or a Host")
    return &(<Engine>engine).shared


cdef const nf_request *nf_request_of(object prepared) except NULL:
    if type(prepared) is not Prepared:
        raise MisuseError(f"{type(prepared).__name__}: expected what prepare() returns")
    return &(<Prepared>prepared).c
