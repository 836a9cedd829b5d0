# cython: language_level=3, boundscheck=False, wraparound=False, freethreading_compatible=True
"""The binding: converts Python values to the engine's structs, calls, and raises.

What it does: looks up names once (Prepared), lends numpy's memory to C, decodes results when they
are read. What it never does: decide anything about fitting; those rules live in src/.
"""

cimport cython
from cpython.bytearray cimport PyByteArray_AS_STRING, PyByteArray_FromStringAndSize
from cpython.object cimport PyObject, PyObject_GenericSetAttr, PyTypeObject
from cpython.ref cimport Py_DECREF
from cpython.weakref cimport PyWeakref_GetRef
from libc.stdint cimport int32_t, uint8_t, uint32_t, uint64_t, uintptr_t
from libc.stdlib cimport calloc, free, malloc
from libc.string cimport memcpy, memset

from numafit._c cimport *
from numafit._slab cimport Slab

cdef extern from "numafit/numafit.h" nogil:
    const nf_api *nf_functions()

import itertools
import os
import time
from collections import Counter
from threading import Lock, RLock
from bisect import bisect_left
from copy import copy as copy_of
from weakref import WeakSet, ref

import numpy as np

from numafit.columns import refusals
from numafit.columns.schema import COLUMNS
from numafit.errors import MOVED, InvalidRequest, MisuseError, StalePlacement, shorten
from numafit.rules import pci_filter
from numafit.rules.candidates import second_finds, why_not
from numafit.model.options import PCI_MATCHINGS, PHYSNET_AFFINITIES, STRATEGIES, FitOptions
from numafit.model.placement import PciAllocation, Placement, PlacementCell
from numafit.model.refusal import Refusal, sentence
from numafit.model.request import Request

cdef const nf_api *nf = nf_functions()

# one fit's scratch memory: enough for the hosts that exist, on the stack
cdef enum:
    STACK_WORDS = 2048
    LOCAL_DISTANCE = 10  # ACPI SLIT: of a node to itself
    MOMENTS = 8  # looks at a host that others claim from meanwhile, before pools are left unnamed

SOON = 0.0005  # seconds; other arrays are made before anybody waits for them

BY = {"first": NF_BY_INDEX, "spread": NF_BY_ROOM, "pack": NF_BY_FULLNESS, "score": NF_BY_SCORE}
cdef frozenset EMPTY = frozenset()
cdef tuple REASONS = tuple(
    nf.status_name(status).decode()[3:].lower() for status in range(NF_STATUS_END)
)


def reasons():
    """Every reason of refusal, by status."""
    return REASONS


cdef object misuse(int status, str what):
    text = nf.status_text(status).decode()
    return MisuseError(f"{what}: {text}", status)


cdef void *address(object array):
    return <void *><uintptr_t>array.ctypes.data


cdef object blank(type cls):
    """An object of a Python class without __new__, whose __init__ is not called."""
    return (<PyTypeObject *>cls).tp_new(cls, <PyObject *>(), NULL)


include "_options.pxi"


include "_prepared.pxi"


include "_placed.pxi"


include "_fork.pxi"


include "_host_copy.pxi"


include "_refused.pxi"


include "_draft.pxi"


include "_lent.pxi"


cdef int settle(dict taken, dict later) except -1:
    """Replace values of keys that exist, which takes no memory and so cannot fail."""
    for pool, devices in later.items():
        taken[pool] = devices
    return 0


cdef bint come_again(int status) noexcept nogil:
    """Has the fleet learned new numbers, or got other arrays, while the call was on its way?"""
    return status == NF_EMOVED or status == NF_EFLEET


cdef int wait_for(Lent lent, Body body) except -1:
    """Until the arrays that take the place of these are there."""
    while lent.body is body:
        time.sleep(SOON)
    return 0


cdef class Engine(Lent):
    """The calls on one fleet's arrays."""

    cdef bint read_only
    cdef dict cache
    cdef readonly uint32_t epoch  # grows with each compact()
    cdef uint32_t turning  # calls in C that take or give back, or whose claims do not say so yet
    cdef set identities  # that requests of before were prepared for
    cdef public object journal  # of its claims, or None
    cdef object held_by  # weak: claims know the engine, which does not keep them
    cdef object spec_masks  # specs of a PCI request -> the classes that it matches, and may use
    cdef Prepared last_prepared

    def __cinit__(self, columns, bint holds=False):
        self.read_only = columns.read_only
        columns.engine = ref(self)
        self.cache = {}
        self.identities = set(columns.identities)
        self.spec_masks = pci_filter.Masks(columns.classes)

    cdef const int32_t *cpus_of(self, uint32_t layout) noexcept:
        """CPU ids of the slots of a layout."""
        return &self.c.layout_cpus[self.c.layouts[layout].cpu_at]

    @cython.critical_section
    cdef Prepared prepared(self, object request):
        cdef Prepared last = self.last_prepared
        if last is not None and request is last.request and last.c.fleet == self.c.identity:
            return last
        if type(request) is Prepared:
            if (<Prepared>request).c.fleet == self.c.identity:
                return request
            if (<Prepared>request).c.fleet not in self.identities:
                raise MisuseError("request: it was prepared for another fleet")
            request = (<Prepared>request).request  # the fleet has learned new numbers since
        entry = self.cache.get(id(request))
        if entry is None or (<Prepared>entry).request is not request or \
                (<Prepared>entry).c.fleet != self.c.identity:
            if len(self.cache) >= 256:  # bounded: a stream of new requests must not pile up
                self.cache.clear()
            entry = self.cache[id(request)] = self.prepare(request)
        self.last_prepared = entry
        return entry

    cpdef Prepared prepare(self, request):
        """Look the request's names up once."""
        if not isinstance(request, Request):
            raise MisuseError(
                f"request={shorten(request)}: expected a Request, or what prepare() returns")
        guest = request.guest
        p = self.prepare_parts(
            () if guest is None else guest.cells,
            guest is not None and guest.emulator_threads_policy == "isolate",
            request.networks, request.pci, request.provider_mapping, request.resources)
        p.request = request
        return p

    cdef Prepared prepare_parts(self, tuple cells, bint isolated, object networks, tuple pci,
                                object mapping, object resources=None):
        cdef Prepared p = None
        cdef uint64_t identity = 0
        # another thread may number all anew while names are looked up here
        while p is None or identity != self.c.identity:
            identity = self.c.identity
            try:
                p = self.looked_up(cells, isolated, networks, pci, mapping, resources)
            except Exception:
                if identity == self.c.identity:
                    raise
        p.c.fleet = identity
        p.workspace_bytes = nf.fit_bytes(self.c, &p.c)
        p.max_slots = nf.max_slots(&p.c)
        p.max_draws = nf.max_draws(self.c, &p.c)
        if not p.workspace_bytes:
            raise misuse(NF_EINVAL, "request")
        return p

    cdef Prepared looked_up(self, tuple cells, bint isolated, object networks, tuple pci,
                            object mapping, object resources):
        cdef Prepared p = Prepared.__new__(Prepared)
        p.columns = self.columns
        prepare_cells(p, cells, isolated)
        prepare_nets(p, networks, self.columns.nets)
        prepare_pci(p, pci, self.columns, self.spec_masks, mapping)
        prepare_resources(p, resources, self.columns)
        return p

    def fit(self, uint32_t host, request, options=None):
        """Placement or Refusal."""
        cdef nf_reason why
        cdef Placed placed
        cdef int status = NF_EMOVED
        cdef uint32_t epoch = self.epoch
        if host >= self.c.n_hosts:
            raise MisuseError(f"host={host}: expected 0 to {self.c.n_hosts - 1}")
        while come_again(status):
            placed = new_placed(self, self.prepared(request), host)
            placed.epoch = epoch
            placed.in_place()
            placed.options = native_options(options).c
            status = self.fit_one(placed, &why)
        if status == NF_OK:
            return placement_of(placed)
        if status < 0:
            raise misuse(status, "fit")
        return self.refusal(placed, &why)

    cdef int fit_one(self, Placed placed, nf_reason *why, nf_reason *pairs=NULL,
                     size_t n_pairs=0) except? -100:
        """nf_shared_fit() with the GIL released; with ``pairs`` nf_shared_explain()."""
        cdef uint64_t stack[STACK_WORDS]
        cdef Body body = self.body
        cdef nf_scratch scratch
        cdef nf_claim_item item
        cdef int status
        placed.fill(&item)
        scratch.bytes = max(placed.prepared.workspace_bytes, sizeof(stack))
        scratch.memory = stack
        if placed.prepared.workspace_bytes > sizeof(stack):
            scratch.memory = malloc(scratch.bytes)
            if scratch.memory == NULL:
                raise MemoryError
        with nogil:
            if pairs == NULL:
                status = nf.shared_fit(&body.shared, &item, &scratch, why)
            else:
                status = nf.shared_explain(&body.shared, &item, &scratch, why, pairs, n_pairs)
        if scratch.memory != <void *>stack:
            free(scratch.memory)
        if status == NF_EMOVED:
            wait_for(self, body)
        placed.generation = item.generation
        placed.became = item.generation >> 32
        return status

    cdef object refusal(self, Placed placed, nf_reason *why):
        """The Refusal, all of one moment; a Placement where another thread has made room since."""
        cdef nf_reason first = why[0]
        cdef Refused bare
        found = self.refusal_now(placed, why, False)
        if found is not None:
            return found
        lock = self.columns.devices_lock
        lock.acquire()  # no host becomes another meanwhile
        try:
            for _attempt in range(MOMENTS):
                found = self.refusal_now(placed, why, True)
                if found is not None:
                    return found
            placed.in_place()
            bare = new_refused(self.c, placed)  # claims come and go: nothing is known of its cells
            bare.why, bare.n = first, 0
            name(bare, self.columns.names)
            return refusal_of(bare)
        finally:
            lock.release()

    cdef object refusal_now(self, Placed placed, nf_reason *why, bint anew):
        """The same; ``None``: others have changed the host, or the fleet. ``anew``: whether it fits
        is asked once more."""
        cdef Refused made
        cdef uint32_t became
        cdef int status
        placed.in_place()
        if placed.prepared.c.fleet != self.c.identity:
            placed.prepared = self.prepared(placed.prepared)
        made = new_refused(self.c, placed)
        if anew:
            why.status = NF_OK
            placed.became = self.c.host_generation[placed.host] >> 32
        if made.n or anew:
            became = placed.became
            status = self.fit_one(placed, why, made.pairs, made.n)
            if status == NF_OK:
                return placement_of(placed)
            if come_again(status) or status == NF_ESPACE or became != placed.became:
                return None
            if status < 0:
                raise misuse(status, "fit")
        made.why = why[0]
        return refusal_of(made) if self.keep_what_stands_behind(made, placed) else None

    cdef bint keep_what_stands_behind(self, Refused made, Placed placed) except -1:
        """All that its words are made of; false: the host has changed since it was refused."""
        cdef int status = made.why.status
        columns = self.columns
        if status == NF_RESOURCE or NF_PCI_DEVICES <= status <= NF_TOGETHER or \
                placed.generation >> 32:
            lock = columns.devices_lock
            lock.acquire()  # while the host stays what it is
            try:
                return self.keep_of(made, placed)
            finally:
                lock.release()
        return self.keep_of(made, placed)

    cdef bint keep_of(self, Refused made, Placed placed) except -1:
        """The same, of a host that no change is on its way of."""
        cdef int status = made.why.status
        cdef uint64_t generation = placed.generation
        cdef HostCopy still
        columns = self.columns
        placed.in_place()
        name(made, columns.names)
        if made.prepared.c.fleet != self.c.identity or \
                self.c.host_generation[made.host] >> 32 != generation >> 32:
            return False
        if status == NF_HOST_CLASS:
            made.behind = columns.host_kinds[made.why.detail]
        elif status == NF_RESOURCE or NF_PCI_DEVICES <= status <= NF_TOGETHER:
            still = self.host_copy(made.host)
            if still.c.host_generation[0] != generation:
                return False
            made.still = still
            if status == NF_RESOURCE:
                made.behind = columns.resource_classes, columns.host_kinds
            else:
                first = self.c.host_first_pool[made.host]
                made.behind = columns.pools[first:first + still.c.n_pools]
        return True

    def known_as(self, uint32_t host):
        """The host in a message: by its name, or its index where it has none."""
        return f"host {self.columns.names[host] or host}"

    def adopt(self, uint32_t host, placement):
        """A Placement that was made elsewhere, in this fleet's numbers."""
        native = placement._native
        if native is not None and (<Placed>native).engine is self and \
                (<Placed>native).host == host and (<Placed>native).epoch == self.epoch:
            return native
        lock = self.columns.devices_lock
        lock.acquire()  # while the host stays what it is
        try:
            return self.place(host, placement.cells, placement.pci_requests, placement.pci)
        finally:
            lock.release()

    def place(self, uint32_t host, tuple cells, tuple requests, tuple allocations, amounts=None,
              counted=None):
        """Cells of a placement, what its PCI requests draw (nothing: they are served anew) and
        units of resource classes, in this fleet's numbers. ``counted``: those of the units that
        the host counts; the others are told of it alone."""
        return self.placed_in(self.c, host, cells, requests, allocations, amounts, counted)

    cdef Placed placed_in(self, const nf_fleet *f, uint32_t host, tuple cells, tuple requests,
                          tuple allocations, object amounts, object counted):
        """On a host of ``f``, which has this fleet's numbers."""
        cdef Prepared p
        cdef Placed placed
        cdef nf_placed_cell *c
        cdef uint32_t slot = 0, g, first = f.host_first_cell[host]
        ids = {}
        for g in range(first, f.host_end_cell[host]):
            ids[f.cell_id[g]] = g
        p = self.prepare_parts(cells, False, None, requests, None)
        if amounts:
            p.amounts = amounts
            p.resources = units_of(amounts if counted is None else counted, self.columns,
                                   &p.c.n_resources)
            p.c.resources = p.resources
        # placement may have allocated more devices than the requests count
        placed = new_placed(self, p, host, len(allocations))
        placed.options = PHYSICAL.c
        for g in range(p.c.n_cells):
            cell = cells[g]
            c = &placed.out.cells[g]
            if cell.host_cell not in ids:
                raise MisuseError(
                    f"host_cell={cell.host_cell}: {self.known_as(host)} has {sorted(ids)}")
            c.cell = ids[cell.host_cell]
            c.id, c.layout = cell.host_cell, f.cell_layout[c.cell]
            c.page_kib = cell.pagesize or 0
            c.first_slot = slot
            c.reserved = -1
            p.vcpus[g] = sorted(cell.pinning)
            c.n_slots = len(cell.pinning)
            if c.n_slots > p.cells[g].n_dedicated or len(cell.reserved) > 1:
                raise MisuseError(
                    f"pinning={dict(cell.pinning)!r}, reserved={sorted(cell.reserved)}: expected "
                    "a CPU for each vCPU of pcpuset and at most one for emulator threads")
            slot_of = self.columns.cpu_layouts[c.layout].slot_of
            for cpu in [cell.pinning[vcpu] for vcpu in p.vcpus[g]] + list(cell.reserved):
                if cpu not in slot_of:
                    raise MisuseError(
                        f"pinning: CPU {cpu} is not in cell {cell.host_cell} of "
                        f"{self.known_as(host)}")
            for vcpu in p.vcpus[g]:
                placed.out.slots[slot] = slot_of[cell.pinning[vcpu]]
                slot += 1
            for cpu in cell.reserved:
                c.reserved = slot_of[cpu]
        if allocations:
            self.redraw(f, placed, allocations)
        elif p.c.n_pci:
            self.draw(placed, [placed.out.cells[g].cell for g in range(p.c.n_cells)])
            if not placed.out.n_draws and any(r.count > 0 for r in p.pci):
                raise StalePlacement(
                    f"{self.known_as(host)}: its PCI pools cannot serve the placement")
        return placed

    cdef int redraw(self, const nf_fleet *f, Placed placed, tuple allocations) except -1:
        """The very pools that the placement names."""
        cdef nf_draw *d
        cdef uint32_t first = f.host_first_pool[placed.host]
        cdef uint32_t last = f.host_end_pool[placed.host]
        for allocation in allocations:
            if placed.out.n_draws == placed.out.draws_size:
                raise MisuseError(f"pci: {len(allocations)} allocations, expected fewer")
            if not 0 <= allocation.request < len(placed.prepared.pci):
                raise MisuseError(
                    f"pci: request={allocation.request!r}: expected a number of its "
                    f"{len(placed.prepared.pci)} PCI requests")
            if not 1 <= allocation.count <= 0x7fffffff:
                raise MisuseError(f"pci: count={allocation.count!r}: expected 1 or more devices")
            if not first <= allocation.pool < last or f == self.c and \
                    self.columns.pools[allocation.pool] != allocation.info:
                raise MisuseError(
                    f"pci: the host has no pool {allocation.pool} as in the placement")
            d = &placed.out.draws[placed.out.n_draws]
            d.request, d.pool, d.count = allocation.request, allocation.pool, allocation.count
            placed.out.n_draws += 1
        return 0

    cdef int draw(self, Placed placed, list cells, HostCopy still=None) except -1:
        """Serve the PCI requests from the pools as they are, near these cells: NF_OK or why not.
        With a copy of the host: from its pools, near its cells."""
        cdef const nf_fleet *copy = NULL if still is None else &still.c
        cdef Prepared p = placed.prepared
        cdef uint32_t n = len(cells), i
        cdef uint32_t *chosen = <uint32_t *>zeroed(n, sizeof(uint32_t))
        cdef Body body = self.body
        cdef nf_scratch scratch
        cdef int status
        scratch.memory = NULL
        scratch.bytes = p.workspace_bytes
        try:
            scratch.memory = zeroed(scratch.bytes, 1)
            for i in range(n):
                chosen[i] = cells[i]
            with nogil:
                if copy != NULL:
                    status = nf.pci(copy, 0, &p.c, &placed.options, chosen, n, &scratch,
                                    &placed.out)
                else:
                    status = nf.shared_pci(&body.shared, placed.host, &p.c, &placed.options,
                                           chosen, n, &scratch, &placed.out)
        finally:
            free(chosen)
            free(scratch.memory)
        if status < 0:
            raise misuse(status, "pci")
        return status


include "_devices.pxi"


include "_claiming.pxi"


include "_changing.pxi"


include "_many.pxi"


include "_filled.pxi"
include "_capi.pxi"
