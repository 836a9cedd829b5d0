# Why a guest does not fit, as the engine said it: put in words when somebody reads it.


@cython.final
@cython.freelist(8)
cdef class Refused:
    """The engine's numbers, and what stood behind them at that moment: what changes later is seen
    by nobody who reads them."""

    cdef nf_reason why
    cdef readonly uint32_t host
    cdef Prepared prepared
    cdef object names  # those that hosts were built with
    cdef str renamed  # what this one is called since it was changed
    cdef object behind  # the kind of host, the classes of units, or the pools
    cdef HostCopy still
    cdef tuple said  # subject and message
    cdef nf_reason *pairs  # guest cells x host cells, then the ids of these
    cdef size_t n, n_host_cells

    def __dealloc__(self):
        free(self.pairs)

    cdef uint32_t *ids(self) noexcept:
        return <uint32_t *>(self.pairs + self.n)

    @property
    def reason(self):
        return REASONS[self.why.status]

    @property
    def wanted(self):
        return self.quantities()[0]

    @property
    def available(self):
        return self.quantities()[1]

    @property
    def detail(self):
        return self.why.detail

    @property
    def host_name(self):
        return self.names.built(self.host) if self.renamed is None else self.renamed

    @property
    def subject(self):
        return self.in_words()[0]

    @property
    def message(self):
        return self.in_words()[1]

    def decode(self):
        """(guest cell, id of the host cell, reason, wanted, available, detail) of each pair."""
        cdef size_t i
        cdef nf_reason *pair
        rows = []
        for i in range(self.n):
            pair = &self.pairs[i]
            rows.append((i // self.n_host_cells, self.ids()[i % self.n_host_cells],
                         REASONS[pair.status], pair.wanted, pair.available, pair.detail))
        return rows

    cdef tuple quantities(self):
        if self.why.status == NF_HOST_CLASS and self.behind is not None:
            return refusals.most_at_once(self.behind, self.prepared.request.resources)
        return self.why.wanted, self.why.available

    cdef tuple in_words(self):
        """What it is about by name, and all of it in words."""
        if self.said is None:
            subject, words = self.of_this_host()
            wanted, available = self.quantities()
            self.said = subject, words or sentence(
                self.reason, wanted, available, self.why.detail, subject)
        return self.said

    cdef tuple of_this_host(self):
        """The subject, and words where numbers alone do not make them."""
        cdef Prepared p = self.prepared
        cdef int status = self.why.status
        cdef size_t i
        if status == NF_PHYSNET:
            for i in range(p.c.n_nets):
                if p.c.nets[i] == <uint32_t>self.why.detail:
                    return p.net_names[i], ""
        if self.behind is None:  # nothing is needed, or others changed the host again and again
            return "", ""
        if status == NF_HOST_CLASS:
            return refusals.ruled_out(self.behind, p.request.resources)
        if status == NF_RESOURCE:
            return refusals.too_few_units(self.still, *self.behind, self.why.detail,
                                          self.why.wanted, self.why.available, p.request.resources)
        return refusals.devices(self.reason, self.why.wanted, self.why.available, self.why.detail,
                                p.pci, self.behind, self.still["pool_count"].tolist())


cdef Refused new_refused(const nf_fleet *f, Placed placed):
    """With room for all pairs of the host's cells and the guest's."""
    cdef Refused made = Refused.__new__(Refused)
    cdef uint32_t first = f.host_first_cell[placed.host], end = f.host_end_cell[placed.host]
    cdef size_t i
    made.host, made.prepared = placed.host, placed.prepared
    made.n_host_cells = end - first
    made.n = made.n_host_cells * placed.prepared.c.n_cells
    if made.n:
        made.pairs = <nf_reason *>malloc(
            made.n * sizeof(nf_reason) + made.n_host_cells * sizeof(uint32_t))
        if made.pairs == NULL:
            raise MemoryError
        memcpy(made.ids(), f.cell_id + first, made.n_host_cells * sizeof(uint32_t))
    return made


cdef int name(Refused made, object names) except -1:
    """It is of a host that is called so now."""
    late = names.late
    made.names = names
    made.renamed = late.get(made.host) if late else None
    return 0


cdef object refusal_of(Refused told):
    refusal = blank(Refusal)
    refusal._told = told
    refusal._cells = None
    return refusal
