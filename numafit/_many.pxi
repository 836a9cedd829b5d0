# Calls over many hosts: they let go of the GIL, and answer into arrays that the caller made.


cdef class Query:
    """A request with its options, ready for any number of calls from any thread."""

    cdef Prepared prepared
    cdef nf_options o

    @property
    def bounded(self):
        return self.prepared.bounded


cdef void hosts_of(nf_hosts *chosen, object indices, uint32_t first, uint32_t count):
    """``indices``: uint32, or ``None``: those from ``first`` on."""
    chosen.list = NULL if indices is None else <uint32_t *>address(indices)
    chosen.first = first
    chosen.count = count


cdef class ManyHosts(Changing):
    """The verbs of a fleet. Arrays are checked by fleet.py: uint32 indices within the fleet."""

    def query(self, request, options=None):
        """A Query for scan() and capacity()."""
        cdef Query q = Query.__new__(Query)
        q.prepared = self.prepared(request)
        q.o = native_options(options).c
        return q

    cdef Prepared prepared_of(self, Query q):
        """In the numbers that the fleet has now."""
        cdef Prepared p = q.prepared
        if p.c.fleet != self.c.identity:
            p = q.prepared = self.prepared(p)
        return p

    def scan(self, Query q, hosts, uint32_t first, uint32_t count, fits):
        """Fill fits (uint8); false where some host was left undecided."""
        cdef nf_hosts chosen
        cdef nf_scratch scratch
        cdef uint8_t *out = <uint8_t *>address(fits)
        cdef int status = NF_EMOVED
        cdef Body body
        cdef Prepared p
        hosts_of(&chosen, hosts, first, count)
        while come_again(status):
            body, p = self.body, self.prepared_of(q)
            scratch.bytes = p.workspace_bytes
            scratch.memory = zeroed(scratch.bytes, 1)
            with nogil:
                status = nf.shared_scan(&body.shared, &chosen, &p.c, &q.o, &scratch, out)
            free(scratch.memory)
            if status == NF_EMOVED:
                wait_for(self, body)
        if status < 0:
            raise misuse(status, "scan")
        return status == NF_OK

    def capacity(self, Query q, hosts, uint32_t first, uint32_t count, uint32_t cap, counts):
        """Fill counts (uint32); false where some host was left undecided."""
        cdef nf_hosts chosen
        cdef nf_scratch scratch
        cdef uint32_t *out = <uint32_t *>address(counts)
        cdef int status = NF_EMOVED
        cdef Body body
        cdef Prepared p
        hosts_of(&chosen, hosts, first, count)
        while come_again(status):
            body, p = self.body, self.prepared_of(q)
            scratch.bytes = nf.capacity_bytes(&body.c, &p.c)
            scratch.memory = zeroed(scratch.bytes, 1)
            with nogil:
                status = nf.shared_capacity(&body.shared, &chosen, &p.c, &q.o, cap, &scratch, out)
            free(scratch.memory)
            if status == NF_EMOVED:
                wait_for(self, body)
        if status < 0:
            raise misuse(status, "capacity")
        return status == NF_OK

    def mix(self, list queries, weights, hosts, uint32_t first, uint32_t count, uint32_t cap,
            counts):
        """Fill counts (uint32 [host][query]); all queries have the options of the first."""
        cdef nf_hosts chosen
        cdef nf_scratch scratch
        cdef uint32_t *out = <uint32_t *>address(counts)
        cdef uint32_t n = len(queries), k
        cdef nf_options *o = &(<Query>queries[0]).o
        cdef nf_arrival *kinds = <nf_arrival *>zeroed(n, sizeof(nf_arrival))
        cdef int status = NF_EMOVED
        cdef Body body
        cdef list asked = []
        scratch.memory = NULL
        hosts_of(&chosen, hosts, first, count)
        try:
            while come_again(status):
                body = self.body
                asked = [self.prepared_of(<Query>q) for q in queries]
                for k in range(n):
                    kinds[k].request = &(<Prepared>asked[k]).c
                    kinds[k].weight = weights[k]
                scratch.bytes = nf.mix_bytes(&body.c, kinds, n)
                scratch.memory = zeroed(scratch.bytes, 1)
                with nogil:
                    status = nf.shared_mix(&body.shared, &chosen, kinds, n, o, cap, &scratch, out)
                free(scratch.memory)
                scratch.memory = NULL
                if status == NF_EMOVED:
                    wait_for(self, body)
        finally:
            free(scratch.memory)
            free(kinds)
        if status < 0:
            raise misuse(status, "capacity")
        return status == NF_OK

    def choose(self, Query q, hosts, uint32_t count, uint32_t by, scores, uint32_t epoch):
        """The guest's Placement on the best host that can take it; ``None``: no host can;
        ``False``: the host changed meanwhile, or hosts have other indices than in this epoch."""
        cdef nf_hosts chosen
        cdef nf_scratch scratch
        cdef nf_preference preference
        cdef nf_best best
        cdef uint64_t stack[STACK_WORDS]
        cdef Placed placed
        cdef Prepared p
        cdef Body body
        cdef nf_reason why
        cdef int status = NF_EMOVED
        hosts_of(&chosen, hosts, 0, count)
        preference.by = by
        preference.scores = NULL if scores is None else <double *>address(scores)
        while come_again(status):
            body, p = self.body, self.prepared_of(q)
            if epoch != self.epoch:
                return False
            best.host = 0xffffffff
            best.score = 0.0
            scratch.bytes = max(p.workspace_bytes, sizeof(stack))
            scratch.memory = stack
            if p.workspace_bytes > sizeof(stack):
                scratch.memory = zeroed(scratch.bytes, 1)
            with nogil:
                status = nf.shared_choose(&body.shared, &chosen, &p.c, &q.o, &preference, &scratch,
                                          &best)
            if scratch.memory != <void *>stack:
                free(scratch.memory)
            if status == NF_EMOVED:
                wait_for(self, body)
        if epoch != self.epoch:
            return False
        if status < 0:
            raise misuse(status, "schedule")
        if best.host == 0xffffffff:
            return None
        placed = new_placed(self, p, best.host)
        placed.options = q.o
        status = self.fit_one(placed, &why)
        if status < 0 and not come_again(status):
            raise misuse(status, "schedule")
        if status != NF_OK:
            return False
        return placement_of(placed)
