# cython: language_level=3
"""A scheduler's inner loop in Cython: choose a host, place the guest, take it, all without the GIL.

The fleet is any numafit.Fleet; its arrays are used where they are.
"""

from libc.stdint cimport UINT32_MAX, uint32_t
from libc.stdlib cimport calloc, free, realloc
from posix.time cimport CLOCK_MONOTONIC, clock_gettime, timespec

from numafit cimport (
    NF_BY_INDEX, NF_BY_ROOM, NF_LIMITS_HOST, NF_OK, NF_STALE, nf_check_abi, nf_choose, nf_claim,
    nf_draw, nf_fit, nf_fleet, nf_max_draws, nf_options, nf_placed_cell, nf_placement, nf_release,
    nf_request, nf_request_of, nf_shared, nf_shared_choose, nf_shared_claim, nf_shared_fit,
    nf_shared_of, nf_shared_release, nf_status_text, nf_taking, nf_workspace_bytes,
)

nf_check_abi()

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
    cdef nf_taking taking
    cdef bint held
    cdef readonly uint32_t host

    def __cinit__(self, Scheduler scheduler, prepared):
        cdef const nf_request *request = nf_request_of(prepared)
        cdef size_t slots = 0, i
        self.prepared = prepared
        for i in range(request.n_cells):
            slots += request.cells[i].n_dedicated
        self.placement.cells = <nf_placed_cell *>calloc(request.n_cells + 1, sizeof(nf_placed_cell))
        self.placement.slots = <uint32_t *>calloc(slots + 1, sizeof(uint32_t))
        self.placement.draws = <nf_draw *>calloc(
            nf_max_draws(scheduler.shared.fleet, request) + 1, sizeof(nf_draw))
        if not (self.placement.cells and self.placement.slots and self.placement.draws):
            raise MemoryError
        self.taking.request = request
        self.taking.options = &scheduler.options
        self.taking.placement = &self.placement

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
    cdef uint32_t by
    cdef void *workspace
    cdef size_t workspace_bytes

    def __cinit__(self, fleet, bint first=False):
        self.fleet = fleet
        self.shared = nf_shared_of(fleet)
        self.options.limits = NF_LIMITS_HOST
        self.by = NF_BY_INDEX if first else NF_BY_ROOM

    def __dealloc__(self):
        free(self.workspace)

    cdef int make_room(self, const nf_request *request) except -1:
        cdef size_t needed = nf_workspace_bytes(self.shared.fleet, request)
        cdef void *larger
        if needed > self.workspace_bytes:
            larger = realloc(self.workspace, needed)
            if larger == NULL:
                raise MemoryError
            self.workspace = larger
            self.workspace_bytes = needed
        return 0

    cdef int decide(self, Guest guest) noexcept nogil:
        """NF_OK, a reason of refusal, or a negative status."""
        cdef nf_taking *t = &guest.taking
        cdef int status, attempt
        cdef double score
        for attempt in range(ATTEMPTS):
            t.host = UINT32_MAX
            score = 0
            status = nf_shared_choose(
                self.shared, NULL, 0, self.shared.fleet.n_hosts, t.request, &self.options, self.by,
                NULL, self.workspace, self.workspace_bytes, &t.host, &score)
            if status < 0:
                return status
            if t.host == UINT32_MAX:
                return NF_STALE
            status = nf_shared_fit(
                self.shared, t.host, t.request, &self.options, self.workspace,
                self.workspace_bytes, &guest.placement, &t.generation, NULL)
            if status == NF_OK:
                status = nf_shared_claim(self.shared, t, 1, NULL, NULL)
            if status <= 0:
                return status
            # another thread took the host in between: choose again
        return status

    def place(self, prepared):
        """A Guest, or ``None`` if no host can take it. ``prepared``: of ``fleet.prepare()``."""
        cdef Guest guest = Guest(self, prepared)
        cdef int status
        self.make_room(guest.taking.request)
        with nogil:
            status = self.decide(guest)
        if status < 0:
            raise ValueError(nf_status_text(status).decode())
        if status != NF_OK:
            return None
        guest.host = guest.taking.host
        guest.held = True
        return guest

    def release(self, Guest guest not None):
        """Give back what the guest holds, once."""
        if not guest.held:
            raise ValueError("the guest was released before")
        guest.held = False
        if nf_shared_release(self.shared, &guest.taking, 1, NULL, NULL) != NF_OK:
            raise ValueError("the host no longer holds what the guest took")

    cdef int decide_alone(self, Guest guest) noexcept nogil:
        """As decide(), without locks."""
        cdef const nf_fleet *fleet = self.shared.fleet
        cdef nf_taking *t = &guest.taking
        cdef double score = 0
        cdef int status
        t.host = UINT32_MAX
        status = nf_choose(fleet, NULL, 0, fleet.n_hosts, t.request, &self.options, self.by, NULL,
                           self.workspace, self.workspace_bytes, &t.host, &score)
        if status < 0:
            return status
        if t.host == UINT32_MAX:
            return NF_STALE
        status = nf_fit(fleet, t.host, t.request, &self.options, self.workspace,
                        self.workspace_bytes, &guest.placement, NULL)
        return status if status else nf_claim(fleet, t.host, t.request, &guest.placement, NULL)

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
            self.make_room(guest.taking.request)
            start = now()
            if boot:
                status = self.decide_alone(guest)
            else:
                status = nf_release(self.shared.fleet, guest.taking.host, guest.taking.request,
                                    &guest.placement, NULL)
            seconds += now() - start
            if status < 0:
                raise ValueError(nf_status_text(status).decode())
            if boot and status == NF_OK:
                placed += 1
                held[number] = guest
        return placed, seconds
