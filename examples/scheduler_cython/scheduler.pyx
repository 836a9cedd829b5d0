# cython: language_level=3
"""A scheduler's inner loop in Cython: choose a host, place the guest, take it, all without the GIL.

The fleet is any numafit.Fleet; its arrays are used where they are.
"""

from libc.stdint cimport UINT32_MAX, uint32_t
from libc.stdlib cimport calloc, free, realloc
from posix.time cimport CLOCK_MONOTONIC, clock_gettime, timespec

from numafit cimport (
    NF_BY_INDEX, NF_BY_ROOM, NF_LIMITS_HOST, NF_OK, NF_STALE, nf_api, nf_best, nf_claim_item,
    nf_draw, nf_fleet, nf_hosts, nf_import, nf_options, nf_placed_cell, nf_placement,
    nf_preference, nf_request, nf_scratch, nf_shared,
)

cdef const nf_api *nf = nf_import()

cdef enum:
    ATTEMPTS = 16


cdef double now() noexcept nogil:
    cdef timespec t
    clock_gettime(CLOCK_MONOTONIC, &t)
    return t.tv_sec + t.tv_nsec * 1e-9


cdef class Guest:
    """A guest that runs: the host's index, and what it holds there."""

    cdef object prepared  # keeps the request's memory alive
    cdef nf_placement placement
    cdef nf_claim_item item
    cdef bint held
    cdef readonly uint32_t host

    def __cinit__(self, Scheduler scheduler, prepared):
        cdef const nf_request *request = nf.request_of(prepared)
        cdef nf_placement *p = &self.placement
        self.prepared = prepared
        p.cells_size = request.n_cells
        p.slots_size = nf.max_slots(request)
        p.draws_size = nf.max_draws(scheduler.shared.fleet, request)
        p.cells = <nf_placed_cell *>calloc(p.cells_size + 1, sizeof(nf_placed_cell))
        p.slots = <uint32_t *>calloc(p.slots_size + 1, sizeof(uint32_t))
        p.draws = <nf_draw *>calloc(p.draws_size + 1, sizeof(nf_draw))
        if not (p.cells and p.slots and p.draws):
            raise MemoryError
        self.item.request = request
        self.item.options = &scheduler.options
        self.item.placement = &self.placement

    def __dealloc__(self):
        free(self.placement.cells)
        free(self.placement.slots)
        free(self.placement.draws)


cdef class Scheduler:
    """``Scheduler(fleet)``: each guest to the host with most room; ``first=True``: to the first
    that can take it."""

    cdef object fleet
    cdef const nf_shared *shared
    cdef nf_options options
    cdef nf_hosts hosts
    cdef nf_preference preference
    cdef nf_scratch scratch

    def __cinit__(self, fleet, bint first=False):
        self.fleet = fleet
        self.shared = nf.shared_of(fleet)
        self.hosts.count = self.shared.fleet.n_hosts
        self.options.limits = NF_LIMITS_HOST
        self.preference.by = NF_BY_INDEX if first else NF_BY_ROOM

    def __dealloc__(self):
        free(self.scratch.memory)

    cdef int make_room(self, const nf_request *request) except -1:
        cdef size_t needed = nf.fit_bytes(self.shared.fleet, request)
        cdef void *larger
        if needed > self.scratch.bytes:
            larger = realloc(self.scratch.memory, needed)
            if larger == NULL:
                raise MemoryError
            self.scratch.memory = larger
            self.scratch.bytes = needed
        return 0

    cdef int decide(self, Guest guest) noexcept nogil:
        """NF_OK, a reason of refusal, or a negative status."""
        cdef nf_claim_item *t = &guest.item
        cdef nf_best best
        cdef int status, attempt
        for attempt in range(ATTEMPTS):
            best.host = UINT32_MAX
            best.score = 0
            status = nf.shared_choose(self.shared, &self.hosts, t.request, &self.options,
                                      &self.preference, &self.scratch, &best)
            if status < 0:
                return status
            if best.host == UINT32_MAX:
                return NF_STALE
            t.host = best.host
            status = nf.shared_fit(self.shared, t, &self.scratch, NULL)
            if status == NF_OK:
                status = nf.shared_claim(self.shared, t, 1, NULL, NULL)
            if status <= 0:
                return status
            # another thread took the host in between: choose again
        return status

    def place(self, prepared):
        """A Guest, or ``None`` if no host can take it. ``prepared``: of ``fleet.prepare()``."""
        cdef Guest guest = Guest(self, prepared)
        cdef int status
        self.make_room(guest.item.request)
        with nogil:
            status = self.decide(guest)
        if status < 0:
            raise ValueError(nf.status_text(status).decode())
        if status != NF_OK:
            return None
        guest.host = guest.item.host
        guest.held = True
        return guest

    def release(self, Guest guest not None):
        """Give back what the guest holds, once."""
        cdef int status
        if not guest.held:
            raise ValueError("the guest was released before")
        guest.held = False
        with nogil:
            status = nf.shared_release(self.shared, &guest.item, 1, NULL, NULL)
        if status != NF_OK:
            raise ValueError("the host no longer holds what the guest took")

    cdef int decide_alone(self, Guest guest) noexcept nogil:
        """As decide(), without locks."""
        cdef const nf_fleet *fleet = self.shared.fleet
        cdef nf_claim_item *t = &guest.item
        cdef nf_best best
        cdef int status
        best.host = UINT32_MAX
        best.score = 0
        status = nf.choose(fleet, &self.hosts, t.request, &self.options, &self.preference,
                           &self.scratch, &best)
        if status < 0:
            return status
        if best.host == UINT32_MAX:
            return NF_STALE
        t.host = best.host
        status = nf.fit(fleet, t.host, t.request, &self.options, &self.scratch, &guest.placement,
                        NULL)
        return status if status else nf.claim(fleet, t.host, t.request, &guest.placement, NULL)

    def run(self, steps):
        """A stream as the scheduler in C does it; nobody else may be at work on the fleet. A step
        is a prepared request to be placed, or the number of an earlier step whose guest goes.
        Returns how many were placed, and the seconds that choosing, placing, taking and giving
        back took."""
        cdef dict held = {}
        cdef double seconds = 0, start
        cdef size_t placed = 0
        cdef int status
        cdef Guest guest
        for number, step in enumerate(steps):
            boot = not isinstance(step, int)
            guest = Guest(self, step) if boot else held.pop(step, None)
            if guest is None:
                continue  # it was refused
            self.make_room(guest.item.request)
            start = now()
            if boot:
                status = self.decide_alone(guest)
            else:
                status = nf.release(self.shared.fleet, guest.item.host, guest.item.request,
                                    &guest.placement, NULL)
            seconds += now() - start
            if status < 0:
                raise ValueError(nf.status_text(status).decode())
            if boot and status == NF_OK:
                placed += 1
                held[number] = guest
        return placed, seconds
