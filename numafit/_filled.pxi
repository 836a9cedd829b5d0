# Hosts filled with guests, each on a copy: how many, what ends it, what is left.


cdef struct Filling:
    # guests of one kind, and where the answers about them go
    const nf_request *request
    const nf_options *options
    nf_placement *out
    nf_reason *why  # [host that is asked]
    nf_reason *pairs  # [cell of the fleet]
    # columns of the whole fleet, as long as its own: the hosts' parts of them are written
    int32_t *cell_free
    int64_t *cell_memory_used
    int32_t *pages_free
    int32_t *pool_count
    int64_t *resource_used


cdef void keep_left(const nf_fleet *f, const nf_fleet *copy, uint32_t host,
                    Filling *into) noexcept nogil:
    """What a full host has left, to where it stands in the fleet."""
    cdef uint32_t i, k, cell = f.host_first_cell[host], pool = f.host_first_pool[host]
    cdef size_t at
    for i in range(copy.n_cells):
        into.cell_free[cell + i] = copy.cell_free[i]
        into.cell_memory_used[cell + i] = copy.cell_memory_used[i]
    for k in range(copy.n_page_sizes):
        at = <size_t>k * f.n_cells + cell
        for i in range(copy.n_cells):
            into.pages_free[at + i] = copy.pages_free[k * copy.n_cells + i]
    for i in range(copy.n_pools):
        into.pool_count[pool + i] = copy.pool_count[i]
    for k in range(copy.n_resources):
        at = <size_t>k * f.host_room + host
        into.resource_used[at] = copy.resource_used[<size_t>k * copy.host_room]


cdef int keep_pairs(const nf_fleet *f, const nf_fleet *copy, uint32_t host, nf_reason *found,
                    Filling *into) noexcept nogil:
    """For each host cell what keeps the next guest off it: of its guest cells the one that comes
    furthest through the checks."""
    cdef nf_reason *best
    cdef nf_reason *here
    cdef uint32_t c, g
    cdef size_t n = <size_t>into.request.n_cells * copy.n_cells
    cdef int status
    if not n:
        return NF_OK
    status = nf.explain(copy, 0, into.request, into.options, found, n)
    if status < 0:
        return status
    for c in range(copy.n_cells):
        best = &into.pairs[f.host_first_cell[host] + c]
        best[0] = found[c]
        for g in range(1, into.request.n_cells):
            here = &found[<size_t>g * copy.n_cells + c]
            if best.status != NF_OK and (here.status == NF_OK or here.status > best.status):
                best[0] = here[0]
    return NF_OK


cdef class Filler:
    """Fills copies of hosts, one after the other: made for one call."""

    cdef Body body  # of the fleet, as it was when the call began
    cdef nf_fleet copy
    cdef nf_scratch memory, scratch
    cdef nf_reason *found  # room for a reason of each pair of cells
    cdef Filling *kinds
    cdef uint32_t n_kinds
    cdef list kept  # what the fillings point into

    def __cinit__(self, ManyHosts many, list queries, reasons, left):
        cdef size_t cells = 0
        cdef uint32_t k
        cdef Filling *into
        cdef Placed placed
        self.body = many.body
        self.n_kinds = len(queries)
        self.kinds = <Filling *>zeroed(self.n_kinds, sizeof(Filling))
        self.kept = [queries, reasons, left]
        self.memory.bytes = nf.host_copy_bytes(&self.body.c)
        for k in range(self.n_kinds):
            into = &self.kinds[k]
            placed = new_placed(many, (<Query>queries[k]).prepared, 0)
            self.kept.append(placed)
            into.request = &(<Query>queries[k]).prepared.c
            into.options = &(<Query>queries[k]).o
            into.out = &placed.out
            into.why = <nf_reason *>address(reasons[k])
            into.pairs = <nf_reason *>address(left[k]["pairs"])
            into.cell_free = <int32_t *>address(left[k]["cell_free"])
            into.cell_memory_used = <int64_t *>address(left[k]["cell_memory_used"])
            into.pages_free = <int32_t *>address(left[k]["pages_free"])
            into.pool_count = <int32_t *>address(left[k]["pool_count"])
            into.resource_used = <int64_t *>address(left[k]["resource_used"])
            self.scratch.bytes = max(self.scratch.bytes, placed.prepared.workspace_bytes)
            cells = max(cells, into.request.n_cells)
        self.memory.memory = zeroed(self.memory.bytes, 1)
        self.scratch.memory = zeroed(self.scratch.bytes, 1)
        self.found = <nf_reason *>zeroed(cells * self.body.c.max_cells, sizeof(nf_reason))

    def __dealloc__(self):
        free(self.kinds)
        free(self.memory.memory)
        free(self.scratch.memory)
        free(self.found)

    cdef int start(self, uint32_t host) noexcept nogil:
        return nf.shared_copy_host(&self.body.shared, host, &self.memory, &self.copy)

    cdef int place(self, uint32_t k, nf_reason *why) noexcept nogil:
        """Fit a guest and claim it: a placement that cannot be claimed ends it, as in nova."""
        cdef Filling *into = &self.kinds[k]
        cdef int status = nf.fit(&self.copy, 0, into.request, into.options, &self.scratch,
                                 into.out, why)
        if status == NF_OK:
            status = nf.claim(&self.copy, 0, into.request, into.out, why)
        return status

    cdef int keep(self, uint32_t k, uint32_t host) noexcept nogil:
        keep_left(&self.body.c, &self.copy, host, &self.kinds[k])
        return keep_pairs(&self.body.c, &self.copy, host, self.found, &self.kinds[k])


def fill(ManyHosts many, Query q, hosts, uint32_t first, uint32_t count, uint32_t cap, counts,
         reasons, left):
    """Fill counts (uint32) and reasons (REASON) of these hosts, as nf_capacity() counts. ``left``:
    arrays of the whole fleet (those of ``copies()``, and ``pairs``, a REASON for each cell), into
    which what the full hosts have left is written. No host becomes another meanwhile."""
    cdef nf_hosts chosen
    cdef Filler filler = Filler(many, [q], [reasons], [left])
    cdef uint32_t *out = <uint32_t *>address(counts)
    cdef nf_reason why
    cdef uint32_t i, host
    cdef int status = NF_OK
    hosts_of(&chosen, hosts, first, count)
    with nogil:
        for i in range(count):
            host = chosen.first + i if chosen.list == NULL else chosen.list[i]
            status = filler.start(host)
            out[i] = 0
            while status == NF_OK and out[i] < cap:
                status = filler.place(0, &why)
                out[i] += status == NF_OK
            if status > 0:
                filler.kinds[0].why[i] = why  # else it is the cap that ends it
            if status >= 0:
                status = filler.keep(0, host)
            if status < 0:
                break
    if status < 0:
        raise misuse(status, "filled")


def fill_mix(ManyHosts many, list queries, order, hosts, uint32_t first, uint32_t count, counts,
             list reasons, list left):
    """Place on a copy of each of these hosts the guests that nf_mix() has counted: ``counts``
    (uint32 [host][query]), in their ``order`` (uint32 [turn][2]: a query, and which of its guests).
    For each query ``reasons`` and ``left`` become what ``fill`` makes of them. What another thread
    has taken since they were counted is passed over."""
    cdef nf_hosts chosen
    cdef Filler filler = Filler(many, queries, reasons, left)
    cdef uint32_t n = len(queries), turns = len(order), t, i, k, host
    cdef uint32_t *turn = <uint32_t *>address(order)
    cdef uint32_t *number = <uint32_t *>address(counts)
    cdef nf_reason why
    cdef int status = NF_OK
    hosts_of(&chosen, hosts, first, count)
    with nogil:
        for i in range(count):
            host = chosen.first + i if chosen.list == NULL else chosen.list[i]
            status = filler.start(host)
            for t in range(turns):
                k = turn[2 * t]
                if status >= 0 and turn[2 * t + 1] < number[<size_t>i * n + k]:
                    status = filler.place(k, &why)
            for k in range(n):
                if status >= 0:
                    status = nf.fit(&filler.copy, 0, filler.kinds[k].request,
                                    filler.kinds[k].options, &filler.scratch,
                                    filler.kinds[k].out, &why)
                if status > 0:
                    filler.kinds[k].why[i] = why
                if status >= 0:
                    status = filler.keep(k, host)
            if status < 0:
                break
    if status < 0:
        raise misuse(status, "filled")
