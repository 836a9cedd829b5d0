# Calls over many hosts: they let go of the GIL, and answer into arrays that the caller made.


cdef class Query:
    """A request with its options, ready for any number of calls from any thread."""

    cdef Prepared prepared
    cdef nf_options o

    @property
    def has_guest(self):
        """False: it asks for devices and networks alone."""
        return self.prepared.c.n_cells > 0


cdef void *address(object array):
    return <void *><uintptr_t>array.ctypes.data


cdef class ManyHosts(Engine):
    """The verbs of a fleet. Arrays are checked by fleet.py: uint32 indices within the fleet."""

    def query(self, request, strategy="spread", limits="host", affinity="any", matching="nova"):
        """A Query for scan() and capacity()."""
        cdef Query q = Query.__new__(Query)
        q.prepared = self.prepared(request)
        self.options(&q.o, strategy, limits, affinity, matching)
        return q

    def scan(self, Query q, hosts, uint32_t first, uint32_t count, fits):
        """Fill fits (uint8); false where some host was left undecided."""
        cdef uint32_t *chosen = NULL if hosts is None else <uint32_t *>address(hosts)
        cdef uint8_t *out = <uint8_t *>address(fits)
        cdef size_t size = q.prepared.workspace_bytes
        cdef void *workspace = room(size, 1)
        cdef int status
        with nogil:
            status = nf_shared_scan(&self.shared, chosen, first, count, &q.prepared.c, &q.o,
                                    workspace, size, out)
        free(workspace)
        if status < 0:
            raise misuse(status, "scan")
        return status == NF_OK

    def capacity(self, Query q, hosts, uint32_t first, uint32_t count, uint32_t cap, counts):
        """Fill counts (uint32); false where some host was left undecided."""
        cdef uint32_t *chosen = NULL if hosts is None else <uint32_t *>address(hosts)
        cdef uint32_t *out = <uint32_t *>address(counts)
        cdef size_t size = nf_capacity_bytes(&self.c, &q.prepared.c)
        cdef void *workspace = room(size, 1)
        cdef int status
        with nogil:
            status = nf_shared_capacity(&self.shared, chosen, first, count, &q.prepared.c, &q.o,
                                        cap, workspace, size, out)
        free(workspace)
        if status < 0:
            raise misuse(status, "capacity")
        return status == NF_OK

    def mix(self, list queries, weights, hosts, uint32_t first, uint32_t count, uint32_t cap,
            counts):
        """Fill counts (uint32 [host][query]); all queries have the options of the first."""
        cdef uint32_t *chosen = NULL if hosts is None else <uint32_t *>address(hosts)
        cdef uint32_t *out = <uint32_t *>address(counts)
        cdef uint32_t n = len(queries), k
        cdef nf_options *o = &(<Query>queries[0]).o
        cdef nf_arrival *kinds = <nf_arrival *>room(n, sizeof(nf_arrival))
        cdef size_t size
        cdef void *workspace = NULL
        cdef int status
        try:
            for k in range(n):
                kinds[k].request = &(<Query>queries[k]).prepared.c
                kinds[k].weight = weights[k]
            size = nf_mix_bytes(&self.c, kinds, n)
            workspace = room(size, 1)
            with nogil:
                status = nf_shared_mix(&self.shared, chosen, first, count, kinds, n, o, cap,
                                       workspace, size, out)
        finally:
            free(workspace)
            free(kinds)
        if status < 0:
            raise misuse(status, "capacity")
        return status == NF_OK

    def take_best(self, Query q, hosts, uint32_t count, uint32_t by, scores):
        """Claim the guest's place on the best host that can take it: the Placement; ``None``: no
        host can; ``False``: the host changed between choice and claim."""
        cdef uint32_t *chosen = NULL if hosts is None else <uint32_t *>address(hosts)
        cdef double *score = NULL if scores is None else <double *>address(scores)
        cdef Prepared p = q.prepared
        cdef size_t size = p.workspace_bytes
        cdef uint64_t stack[STACK_WORDS]
        cdef void *workspace = stack if size <= sizeof(stack) else room(size, 1)
        cdef uint32_t best = 0xffffffff
        cdef double best_score = 0.0
        cdef Placed placed = None
        cdef nf_reason why
        cdef int status
        with nogil:
            status = nf_shared_choose(&self.shared, chosen, 0, count, &p.c, &q.o, by, score,
                                      workspace, size, &best, &best_score)
        if status >= 0 and best != 0xffffffff:
            placed = new_placed(self, p, best)
            placed.options = q.o
            status = nf_shared_fit(&self.shared, best, &p.c, &q.o, workspace, size, &placed.out,
                                   &placed.generation, &why)
        if workspace != <void *>stack:
            free(workspace)
        if status < 0:
            raise misuse(status, "schedule")
        if placed is None:
            return None
        if status != NF_OK:
            return False
        try:
            self.turn([placed], True)
        except StalePlacement:
            return False
        return placement_of(placed)
