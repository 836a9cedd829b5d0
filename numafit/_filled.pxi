# Hosts filled with guests of one kind, each on a copy: how many, what ends it, what is left.


cdef struct Filling:
    # what the hosts' parts of are written; columns of the whole fleet, as long as its own
    int32_t *cell_free
    int64_t *cell_memory_used
    int32_t *pages_free
    int32_t *pool_count
    int64_t *resource_used
    nf_reason *pairs


cdef void keep_left(const nf_fleet *f, const nf_fleet *copy, uint32_t host,
                    Filling *left) noexcept nogil:
    """What a full host has left, to where it stands in the fleet."""
    cdef uint32_t i, k, cell = f.host_first_cell[host], pool = f.host_first_pool[host]
    cdef size_t at
    for i in range(copy.n_cells):
        left.cell_free[cell + i] = copy.cell_free[i]
        left.cell_memory_used[cell + i] = copy.cell_memory_used[i]
    for k in range(copy.n_page_sizes):
        at = <size_t>k * f.n_cells + cell
        for i in range(copy.n_cells):
            left.pages_free[at + i] = copy.pages_free[k * copy.n_cells + i]
    for i in range(copy.n_pools):
        left.pool_count[pool + i] = copy.pool_count[i]
    for k in range(copy.n_resources):
        at = <size_t>k * f.host_room + host
        left.resource_used[at] = copy.resource_used[<size_t>k * copy.host_room]


cdef int keep_pairs(const nf_fleet *f, const nf_fleet *copy, uint32_t host, Query q,
                    nf_reason *found, Filling *left) noexcept nogil:
    """For each host cell what keeps the next guest off it: of its guest cells the one that comes
    furthest through the checks."""
    cdef const nf_request *r = &q.prepared.c
    cdef nf_reason *best
    cdef uint32_t c, g
    cdef size_t n = <size_t>r.n_cells * copy.n_cells
    cdef int status
    if not n:
        return NF_OK
    status = nf.explain(copy, 0, r, &q.o, found, n)
    if status < 0:
        return status
    for c in range(copy.n_cells):
        best = &left.pairs[f.host_first_cell[host] + c]
        best[0] = found[c]
        for g in range(1, r.n_cells):
            if best.status == NF_OK:
                break
            if found[g * copy.n_cells + c].status == NF_OK or \
                    found[g * copy.n_cells + c].status > best.status:
                best[0] = found[g * copy.n_cells + c]
    return NF_OK


cdef int fill_one(const nf_fleet *copy, Query q, uint32_t cap, const nf_scratch *scratch,
                  nf_placement *out, uint32_t *count, nf_reason *why) noexcept nogil:
    """Fit and claim until a guest is refused, as nf_capacity() counts."""
    cdef int status
    count[0] = 0
    memset(why, 0, sizeof(nf_reason))
    while count[0] < cap:
        status = nf.fit(copy, 0, &q.prepared.c, &q.o, scratch, out, why)
        if status == NF_OK:
            status = nf.claim(copy, 0, &q.prepared.c, out, why)
        if status != NF_OK:
            return status if status < 0 else NF_OK
        count[0] += 1
    return NF_OK


def fill(ManyHosts many, Query q, hosts, uint32_t first, uint32_t count, uint32_t cap, counts,
         reasons, left=None):
    """Fill counts (uint32) and reasons (REASON) of these hosts. ``left``: arrays of the whole fleet
    (those of ``copies()``, and ``pairs``, a REASON for each cell), into which what the full hosts
    have left is written. No host becomes another meanwhile."""
    cdef Body body = many.body
    cdef nf_hosts chosen
    cdef nf_scratch memory, scratch
    cdef nf_fleet copy
    cdef Filling into
    cdef Placed placed = new_placed(many, q.prepared, 0)
    cdef uint32_t *out = <uint32_t *>address(counts)
    cdef nf_reason *why = <nf_reason *>address(reasons)
    cdef nf_reason *found = NULL
    cdef uint32_t i, host
    cdef int status = NF_OK
    cdef bint keep = left is not None
    hosts_of(&chosen, hosts, first, count)
    if keep:
        into.cell_free = <int32_t *>address(left["cell_free"])
        into.cell_memory_used = <int64_t *>address(left["cell_memory_used"])
        into.pages_free = <int32_t *>address(left["pages_free"])
        into.pool_count = <int32_t *>address(left["pool_count"])
        into.resource_used = <int64_t *>address(left["resource_used"])
        into.pairs = <nf_reason *>address(left["pairs"])
    memory.bytes = nf.host_copy_bytes(&body.c)
    scratch.bytes = q.prepared.workspace_bytes
    memory.memory = scratch.memory = NULL
    try:
        memory.memory = zeroed(memory.bytes, 1)
        scratch.memory = zeroed(scratch.bytes, 1)
        found = <nf_reason *>zeroed(<size_t>body.c.max_cells * q.prepared.c.n_cells,
                                    sizeof(nf_reason))
        with nogil:
            for i in range(count):
                host = chosen.first + i if chosen.list == NULL else chosen.list[i]
                status = nf.shared_copy_host(&body.shared, host, &memory, &copy)
                if status == NF_OK:
                    status = fill_one(&copy, q, cap, &scratch, &placed.out, &out[i], &why[i])
                if status == NF_OK and keep:
                    keep_left(&body.c, &copy, host, &into)
                    status = keep_pairs(&body.c, &copy, host, q, found, &into)
                if status < 0:
                    break
    finally:
        free(memory.memory)
        free(scratch.memory)
        free(found)
    if status < 0:
        raise misuse(status, "fill")
