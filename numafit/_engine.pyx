# cython: language_level=3, boundscheck=False, wraparound=False, freethreading_compatible=True
"""The binding: converts Python values to the engine's structs, calls, and raises.

What it does: looks up names once (Prepared), lends numpy's memory to C, decodes results when they
are read. What it never does: decide anything about fitting; those rules live in src/.
"""

cimport cython
from cpython.object cimport PyObject_GenericSetAttr
from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t, uint64_t, uintptr_t
from libc.stdlib cimport calloc, free, malloc
from libc.string cimport memcpy, memset

from numafit._c cimport *

import os
from collections import Counter
from threading import Lock
from weakref import WeakSet

import numpy as np

from numafit.layouts import LAYOUT_DTYPE
from numafit.errors import InvalidRequest, MisuseError, StalePlacement
from numafit.model import pci_filter
from numafit.model.guest import Limits
from numafit.model.placement import PciAllocation, Placement, PlacementCell
from numafit.model.refusal import Refusal

# one fit's scratch memory: enough for the hosts that exist, on the stack
cdef enum:
    STACK_WORDS = 2048
    LOCAL_DISTANCE = 10  # ACPI SLIT: of a node to itself

cdef dict STRATEGIES = {"spread": NF_SPREAD, "pack": NF_PACK, "closest": NF_CLOSEST}
cdef dict MATCHINGS = {"nova": NF_MATCH_NOVA, "exact": NF_MATCH_EXACT}
BY = {"first": NF_BY_INDEX, "spread": NF_BY_ROOM, "pack": NF_BY_FULLNESS, "score": NF_BY_SCORE}
cdef dict AFFINITIES = {"any": NF_NETS_ANY, "all": NF_NETS_ALL}
cdef frozenset EMPTY = frozenset()
cdef tuple CHANGING = (
    "host_generation", "cell_memory_used", "cell_cpu_used", "pages_used", "pinned", "cell_free",
    "cell_cores", "pages_free", "cell_cpu_room", "cell_memory_room", "cell_devices", "pool_count",
    "pool_taken", "pool_hidden",
)
cdef tuple REASONS = tuple(
    nf_status_name(status).decode()[3:].lower() for status in range(NF_STATUS_END)
)


def reasons():
    """Every reason of refusal, by status."""
    return REASONS


cdef object misuse(int status, str what):
    text = nf_status_text(status).decode()
    return MisuseError(f"{what}: {text}", status)


cdef inline object choose(dict known, object word, str name):
    found = known.get(word)
    if found is None:
        raise MisuseError(f"{name}={word!r}: expected one of {', '.join(map(repr, known))}")
    return found


include "_prepared.pxi"


include "_placed.pxi"


alive = WeakSet()  # engines of this process


def unlock_after_fork():
    """Schedulers fork while their threads scan."""
    for engine in list(alive):
        engine.forked()


os.register_at_fork(after_in_child=unlock_after_fork)


cdef class Engine:
    """One fleet's arrays, lent to C, and the calls on them."""

    cdef nf_fleet c
    cdef nf_shared shared
    cdef readonly object columns
    cdef object names
    cdef dict cache
    cdef object spec_masks  # specs of a PCI request -> the classes that it matches, and may use
    cdef readonly dict lent  # arrays by their names in nf_fleet
    cdef object __weakref__
    cdef Prepared last_prepared

    def __cinit__(self, columns):
        self.columns = columns
        self.names = columns.names
        self.cache = {}
        self.spec_masks = pci_filter.Masks(columns.classes)
        self.lent = {}
        self.bind()
        self.shared.fleet = &self.c
        # few enough hosts for little contention, enough for their cells to be looked at together
        self.shared.hosts_per_lock = max(64, -(-self.c.n_hosts // NF_MAX_LOCKS))
        self.shared.n_locks = NF_MAX_LOCKS
        self.shared.locks = <nf_lock *>room(NF_MAX_LOCKS, sizeof(nf_lock))
        alive.add(self)

    def __dealloc__(self):
        free(self.shared.locks)

    def forked(self):
        """In a child process: no thread that held a lock came along."""
        memset(self.shared.locks, 0, NF_MAX_LOCKS * sizeof(nf_lock))
        self.columns.devices_lock = Lock()

    cdef void *lend(self, str name, object dtype) except? NULL:
        array = getattr(self.columns, name)
        if array.dtype != dtype or not array.flags.c_contiguous:
            raise MisuseError(f"column {name}: expected contiguous {dtype}")
        self.lent["layouts" if name == "layout_table" else name] = array
        return <void *><uintptr_t>array.ctypes.data

    cdef bind(self):
        cdef nf_fleet *c = &self.c
        cdef const char *reason = NULL
        columns = self.columns
        c.abi = NF_ABI_VERSION
        c.n_hosts = columns.n_hosts
        c.n_cells = columns.n_cells
        c.n_layouts = len(columns.layout_table)
        c.n_page_sizes = len(columns.page_kib)
        c.max_threads = columns.max_threads
        c.max_cells = columns.max_cells
        c.max_words = columns.max_words
        c.net_words = columns.net_words
        c.n_pools = len(columns.pool_count)
        c.max_pools = columns.max_pools
        c.n_classes = len(columns.classes)
        c.host_first_cell = <uint32_t *>self.lend("host_first_cell", np.uint32)
        c.host_cpu_ratio = <double *>self.lend("host_cpu_ratio", np.float64)
        c.host_ram_ratio = <double *>self.lend("host_ram_ratio", np.float64)
        c.host_distance_at = <uint64_t *>self.lend("host_distance_at", np.uint64)
        c.host_generation = <uint64_t *>self.lend("host_generation", np.uint64)
        c.cell_id = <int32_t *>self.lend("cell_id", np.int32)
        c.cell_socket = <int32_t *>self.lend("cell_socket", np.int32)
        c.cell_layout = <uint32_t *>self.lend("cell_layout", np.uint32)
        c.cell_mask_at = <uint64_t *>self.lend("cell_mask_at", np.uint64)
        c.cell_memory = <int64_t *>self.lend("cell_memory", np.int64)
        c.cell_page_sizes = <uint32_t *>self.lend("cell_page_sizes", np.uint32)
        c.cell_nets = <uint64_t *>self.lend("cell_nets", np.uint64)
        c.pages_total = <int32_t *>self.lend("pages_total", np.int32)
        c.cell_memory_used = <int64_t *>self.lend("cell_memory_used", np.int64)
        c.cell_cpu_used = <int64_t *>self.lend("cell_cpu_used", np.int64)
        c.pages_used = <int32_t *>self.lend("pages_used", np.int32)
        c.pinned = <uint64_t *>self.lend("pinned", np.uint64)
        c.cell_free = <int32_t *>self.lend("cell_free", np.int32)
        c.cell_cores = <int32_t *>self.lend("cell_cores", np.int32)
        c.pages_free = <int32_t *>self.lend("pages_free", np.int32)
        c.cell_cpu_room = <int32_t *>self.lend("cell_cpu_room", np.int32)
        c.cell_memory_room = <int32_t *>self.lend("cell_memory_room", np.int32)
        c.cell_devices = <int64_t *>self.lend("cell_devices", np.int64)
        c.host_first_pool = <uint32_t *>self.lend("host_first_pool", np.uint32)
        c.pool_class = <uint32_t *>self.lend("pool_class", np.uint32)
        c.pool_cell = <int32_t *>self.lend("pool_cell", np.int32)
        c.pool_provider = <uint32_t *>self.lend("pool_provider", np.uint32)
        c.pool_family = <uint32_t *>self.lend("pool_family", np.uint32)
        c.pool_kind = <uint32_t *>self.lend("pool_kind", np.uint32)
        c.pool_count = <int32_t *>self.lend("pool_count", np.int32)
        c.pool_taken = <int32_t *>self.lend("pool_taken", np.int32)
        c.pool_hidden = <int32_t *>self.lend("pool_hidden", np.int32)
        c.layouts = <nf_layout *>self.lend("layout_table", LAYOUT_DTYPE)
        c.layout_words = <uint64_t *>self.lend("layout_words", np.uint64)
        c.layout_cpus = <int32_t *>self.lend("layout_cpus", np.int32)
        c.page_kib = <uint32_t *>self.lend("page_kib", np.uint32)
        c.distances = <int32_t *>self.lend("distances", np.int32)
        nf_derive(c, 0, c.n_cells)
        if nf_fleet_check(c, &reason) != NF_OK:
            raise MisuseError(f"the fleet's columns do not hold together: {reason.decode()}")

    def copies(self):
        """Copies of the arrays that claims change, all of one moment: no Python runs between."""
        cdef void *to[64]
        cdef void *of[64]
        cdef size_t size[64]
        cdef int i, n = 0
        made = {name: np.empty_like(self.lent[name]) for name in CHANGING}
        for name, copy in made.items():
            to[n] = <void *><uintptr_t>copy.ctypes.data
            of[n] = <void *><uintptr_t>self.lent[name].ctypes.data
            size[n] = copy.nbytes
            n += 1
        for i in range(n):
            memcpy(to[i], of[i], size[i])
        return made

    def counts(self):
        """The numbers of nf_fleet that are no arrays."""
        return {
            "abi": self.c.abi, "n_hosts": self.c.n_hosts, "n_cells": self.c.n_cells,
            "n_layouts": self.c.n_layouts, "n_page_sizes": self.c.n_page_sizes,
            "max_threads": self.c.max_threads, "max_cells": self.c.max_cells,
            "max_words": self.c.max_words, "net_words": self.c.net_words,
            "n_pools": self.c.n_pools, "max_pools": self.c.max_pools,
            "n_classes": self.c.n_classes,
        }

    def check(self):
        """The first broken invariant in words, or ``None``."""
        cdef const char *reason = NULL
        if nf_fleet_check(&self.c, &reason) == NF_OK:
            return None
        return reason.decode()

    cdef const int32_t *cpus_of(self, uint32_t cell) noexcept:
        """CPU ids of the cell's slots."""
        return &self.c.layout_cpus[self.c.layouts[self.c.cell_layout[cell]].cpu_at]

    @cython.critical_section
    cdef Prepared prepared(self, object request):
        cdef Prepared last = self.last_prepared
        if last is not None and request is last.request:
            return last
        if type(request) is Prepared:
            if (<Prepared>request).columns is not self.columns:
                raise MisuseError("request: it was prepared for another fleet")
            return request
        entry = self.cache.get(id(request))
        if entry is None or (<Prepared>entry).request is not request:
            if len(self.cache) >= 256:  # bounded: a stream of new requests must not pile up
                self.cache.clear()
            entry = self.cache[id(request)] = self.prepare(request)
        self.last_prepared = entry
        return entry

    cpdef Prepared prepare(self, request):
        """Look the request's names up once."""
        guest = request.guest
        p = self.prepare_parts(
            () if guest is None else guest.cells,
            guest is not None and guest.emulator_threads_policy == "isolate",
            request.networks, tuple(request.pci), getattr(request, "provider_mapping", None))
        p.request = request
        return p

    cdef Prepared prepare_parts(self, tuple cells, bint isolated, object networks, tuple pci,
                                object mapping):
        cdef Prepared p = Prepared.__new__(Prepared)
        p.columns = self.columns
        prepare_cells(p, cells, isolated)
        prepare_nets(p, networks, self.columns.nets)
        prepare_pci(p, pci, self.columns, self.spec_masks, mapping)
        p.workspace_bytes = nf_workspace_bytes(&self.c, &p.c)
        p.max_draws = nf_max_draws(&self.c, &p.c)
        if not p.workspace_bytes:
            raise misuse(NF_EINVAL, "request")
        return p

    cdef int options(self, nf_options *o, object strategy, object limits,
                     object affinity, object matching) except -1:
        o.pci_matching = choose(MATCHINGS, matching, "pci_matching")
        o.strategy = choose(STRATEGIES, strategy, "strategy")
        o.net_affinity = choose(AFFINITIES, affinity, "physnet_affinity")
        o.budget = 0
        o.cpu_ratio = o.ram_ratio = 0.0
        if limits is None:
            o.limits = NF_LIMITS_NONE
        elif type(limits) is Limits:
            o.limits = NF_LIMITS_GIVEN
            o.cpu_ratio = limits.cpu_allocation_ratio
            o.ram_ratio = limits.ram_allocation_ratio
        elif limits == "host":
            o.limits = NF_LIMITS_HOST
        else:
            raise MisuseError(f"limits={limits!r}: expected a Limits, 'host' or None")
        return 0

    def fit(self, uint32_t host, request, strategy="spread", limits="host", affinity="any",
            matching="nova"):
        """Placement or Refusal."""
        cdef Prepared p = self.prepared(request)
        cdef nf_options o
        cdef nf_reason why
        cdef uint64_t stack[STACK_WORDS]
        cdef void *workspace = stack
        cdef Placed placed
        cdef int status
        self.options(&o, strategy, limits, affinity, matching)
        if host >= self.c.n_hosts:
            raise MisuseError(f"host={host}: expected 0 to {self.c.n_hosts - 1}")
        placed = new_placed(self, p, host)
        placed.options = o
        if p.workspace_bytes > sizeof(stack):
            workspace = malloc(p.workspace_bytes)
            if workspace == NULL:
                raise MemoryError
        status = nf_shared_fit(&self.shared, host, &p.c, &o, workspace,
                               max(p.workspace_bytes, sizeof(stack)), &placed.out,
                               &placed.generation, &why)
        if workspace != <void *>stack:
            free(workspace)
        if status == NF_OK:
            return placement_of(placed)
        if status < 0:
            raise misuse(status, "fit")
        return self.refusal(host, p, &o, &why)

    cdef object refusal(self, uint32_t host, Prepared p, nf_options *o, nf_reason *why):
        cdef uint32_t first = self.c.host_first_cell[host]
        cdef size_t cells = self.c.host_first_cell[host + 1] - first, n = cells * p.c.n_cells
        cdef PairReasons native = PairReasons.__new__(PairReasons)
        native.engine = self
        native.n_host_cells = cells
        native.ids = &self.c.cell_id[first]
        native.n = n
        if n:
            native.pairs = <nf_reason *>malloc(n * sizeof(nf_reason))
            if native.pairs == NULL:
                raise MemoryError
            nf_explain(&self.c, host, &p.c, o, native.pairs, n)
        network = ""
        if why.status == NF_PHYSNET:
            network = next(name for i, name in enumerate(p.net_names)
                           if p.nets[i] == <uint32_t>why.detail)
        return Refusal(REASONS[why.status], why.wanted, why.available, why.detail,
                       host=self.names[host] or host, network=network, native=native)

    def host_of(self, placement):
        """Index of the host that this fleet made the placement for, else ``None``."""
        native = placement._native
        if native is None or (<Placed>native).engine is not self:
            return None
        return (<Placed>native).host

    def adopt(self, uint32_t host, placement):
        """A Placement that was made elsewhere, in this fleet's numbers."""
        cdef Prepared p
        cdef Placed placed
        cdef nf_placed_cell *c
        cdef uint32_t slot = 0, g, first = self.c.host_first_cell[host]
        native = placement._native
        if native is not None and (<Placed>native).engine is self and \
                (<Placed>native).host == host:
            return native
        cells = placement.cells
        ids = {}
        for g in range(first, self.c.host_first_cell[host + 1]):
            ids[self.c.cell_id[g]] = g
        p = self.prepare_parts(cells, False, None, tuple(placement.pci_requests), None)
        placed = new_placed(self, p, host)
        self.options(&placed.options, "spread", None, "any", "nova")
        for g in range(p.c.n_cells):
            cell = cells[g]
            c = &placed.out.cells[g]
            if cell.host_cell not in ids:
                raise MisuseError(f"host_cell={cell.host_cell}: the host has {sorted(ids)}")
            c.cell = ids[cell.host_cell]
            c.page_kib = cell.pagesize or 0
            c.first_slot = slot
            c.reserved = -1
            p.vcpus[g] = sorted(cell.pinning)
            c.n_slots = len(cell.pinning)
            if c.n_slots > p.cells[g].n_dedicated or len(cell.reserved) > 1:
                raise MisuseError(
                    f"pinning={dict(cell.pinning)!r}, reserved={sorted(cell.reserved)}: expected "
                    "a CPU for each vCPU of pcpuset and at most one for emulator threads")
            slot_of = self.columns.layouts[self.c.cell_layout[c.cell]].slot_of
            for cpu in [cell.pinning[vcpu] for vcpu in p.vcpus[g]] + list(cell.reserved):
                if cpu not in slot_of:
                    raise MisuseError(f"CPU {cpu}: not in host cell {cell.host_cell}")
            for vcpu in p.vcpus[g]:
                placed.out.slots[slot] = slot_of[cell.pinning[vcpu]]
                slot += 1
            for cpu in cell.reserved:
                c.reserved = slot_of[cpu]
        if placement.pci:
            self.redraw(placed, placement.pci)
        elif p.c.n_pci:
            self.draw(placed, [placed.out.cells[g].cell for g in range(p.c.n_cells)], "nova")
            if not placed.out.n_draws and any(r.count > 0 for r in p.pci):
                raise StalePlacement(
                    f"host {self.names[host] or host}: its PCI pools cannot serve the placement")
        return placed

    cdef int redraw(self, Placed placed, tuple allocations) except -1:
        """The very pools that the placement names."""
        cdef nf_draw *d
        cdef uint32_t first = self.c.host_first_pool[placed.host]
        cdef uint32_t last = self.c.host_first_pool[placed.host + 1]
        if len(allocations) > placed.prepared.max_draws:
            raise MisuseError(f"pci: {len(allocations)} allocations, more than its requests need")
        for allocation in allocations:
            if not first <= allocation.pool < last or \
                    self.columns.pools[allocation.pool] != allocation.info:
                raise MisuseError(
                    f"pci: the host has no pool {allocation.pool} as in the placement")
            d = &placed.out.draws[placed.out.n_draws]
            d.request, d.pool, d.count = allocation.request, allocation.pool, allocation.count
            placed.out.n_draws += 1
        return 0

    cdef int draw(self, Placed placed, list cells, object matching) except -1:
        """Serve the PCI requests from the pools as they are, near these cells."""
        cdef Prepared p = placed.prepared
        cdef nf_options o
        cdef uint32_t *chosen = <uint32_t *>room(len(cells), sizeof(uint32_t))
        cdef void *workspace = NULL
        cdef int status, i
        try:
            workspace = room(p.workspace_bytes, 1)
            self.options(&o, "spread", None, "any", matching)
            for i in range(<int>len(cells)):
                chosen[i] = cells[i]
            status = nf_pci(&self.c, placed.host, &p.c, &o, chosen, len(cells), workspace,
                            p.workspace_bytes, placed.out.draws, &placed.out.n_draws)
        finally:
            free(chosen)
            free(workspace)
        if status < 0:
            raise misuse(status, "pci")
        return status == NF_OK

    def supports_pci(self, uint32_t host, requests, cells, matching="nova", mapping=None):
        """The draws as (request, pool, count), or ``None`` where it cannot be done."""
        cdef Prepared p = self.prepare_parts((), False, None, tuple(requests), mapping)
        cdef Placed placed = new_placed(self, p, host)
        cdef uint32_t i, first = self.c.host_first_cell[host]
        ids = {self.c.cell_id[i]: i for i in range(first, self.c.host_first_cell[host + 1])}
        for cell in cells:
            if cell not in ids:
                raise MisuseError(f"cells: the host has no cell {cell}, expected of {sorted(ids)}")
        if not self.draw(placed, [ids[cell] for cell in cells], matching):
            return None
        return [(placed.out.draws[i].request, placed.out.draws[i].pool, placed.out.draws[i].count)
                for i in range(placed.out.n_draws)]

    def claim(self, list placed):
        """Take all of these (Placed), or none: then StalePlacement says which."""
        self.turn(placed, True)

    def release(self, list placed):
        """Give all of these back, or raise StalePlacement."""
        self.turn(placed, False)

    cdef int turn(self, list placed, bint take) except -1:
        cdef nf_reason why
        cdef uint32_t n = len(placed), i, failed = 0
        cdef nf_taking few[4]
        cdef nf_taking *takings = few
        cdef int status
        if n > 4:
            takings = <nf_taking *>room(n, sizeof(nf_taking))
        for i in range(n):
            p = <Placed>placed[i]
            takings[i].host = p.host
            takings[i].generation = p.generation
            takings[i].request = &p.prepared.c
            takings[i].options = &p.options
            takings[i].placement = &p.out
        if take:
            status = nf_shared_claim(&self.shared, takings, n, &failed, &why)
        else:
            status = nf_shared_release(&self.shared, takings, n, &failed, &why)
        if n > 4:
            free(takings)
        if status != NF_OK:
            raise self.stale(status, <Placed>placed[failed], &why)
        return 0

    cdef object stale(self, int status, Placed placed, nf_reason *why):
        if status < 0:
            return misuse(status, "placement")
        return StalePlacement(
            f"host {self.names[placed.host] or placed.host}: what the placement holds is not there "
            f"({why.wanted} wanted, {why.available} there; see Host.usage())")


include "_many.pxi"
include "_capi.pxi"
