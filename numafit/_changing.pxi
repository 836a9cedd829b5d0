# One host of a fleet that lives is changed: what it is to be was made apart, and is put in its
# place under its lock.


cdef class Changing(Claiming):
    """What changes hosts. Whoever calls holds ``changes_lock`` and ``devices_lock`` of the columns,
    but for ``draft``."""

    def draft(self, gathered, uint32_t n, dict page_rows):
        """The n-th of the hosts that were gathered in this fleet's numbers, which C knows."""
        return draft_of(self.c, gathered, n, page_rows, self.body.lent)

    def derive(self, HostDraft draft):
        """Fill its derived columns, so that claims can be taken from it."""
        cdef const char *reason = NULL
        cdef int status = nf.derive(&draft.c, 0, draft.cells, &reason)
        if status != NF_OK:
            raise MisuseError(f"host: {reason.decode()}")

    def place_on(self, HostDraft draft, tuple cells, tuple requests, tuple allocations,
                 amounts=None):
        """As ``place``, of a host that is to be: numbers of cells and pools are its own."""
        return self.placed_in(&draft.c, 0, cells, requests, allocations, amounts, None)

    def generation(self, uint32_t host):
        """Grows with each change of the host; ``None``: a claim is on its way."""
        cdef Hold hold
        for hold in self.kept().get(host, ()):
            if hold.now == TAKING or hold.now == GIVING:
                return None
        return self.c.host_generation[host]

    def place_of(self, uint32_t host):
        """First cell, pool and word of masks; numbers of cells, pools and words."""
        cdef uint32_t first = self.c.host_first_cell[host], end = self.c.host_end_cell[host], cell
        cdef uint64_t words = 0
        for cell in range(first, end):
            words += self.c.layouts[self.c.cell_layout[cell]].n_words
        return ((first, self.c.host_first_pool[host],
                 self.c.cell_mask_at[first] if end > first else 0),
                (end - first, words, self.c.host_end_pool[host] - self.c.host_first_pool[host]))

    def put(self, uint32_t host, HostDraft draft, uint32_t cell, uint32_t pool, generation,
            list done):
        """The host in its place, unless it has changed since that ``generation``: then False. It is
        in ``done`` once it is there."""
        cdef nf_place place
        cdef uint64_t since = NF_ANY_GENERATION if generation is None else generation
        cdef const char *reason = NULL
        cdef int status
        place.first_cell, place.first_pool = cell, pool
        with nogil:
            status = nf.shared_replace(&self.body.shared, host, &draft.c, &place, since, &reason)
        if status == NF_STALE:
            return False
        if status != NF_OK:
            words = "" if reason == NULL else reason.decode()
            raise misuse(status, f"host: {words}")
        done.append(host)
        return True

    def take_out(self, uint32_t host):
        """The host is there no more."""
        cdef int status
        with nogil:
            status = nf.shared_remove(&self.body.shared, host)
        if status != NF_OK:
            raise misuse(status, "host")

    def publish(self, uint32_t n_hosts):
        """Indices up to ``n_hosts`` are hosts from now on."""
        cdef const char *reason = NULL
        cdef int status
        cdef dict counts = self.columns.counts()
        with nogil:
            status = nf.shared_publish(&self.body.shared, n_hosts, &reason)
        if status != NF_OK:
            words = "" if reason == NULL else reason.decode()
            raise misuse(status, f"hosts: {words}")
        self.columns.n_hosts = n_hosts
        counts["n_hosts"] = n_hosts

    def settle(self, list kept, list lost):
        """``kept``: (Hold, Placed) as it is held from now on."""
        cdef Hold hold
        for hold, placed in kept:
            hold.placed = placed
        for hold in lost:
            if hold.now == LOST:
                continue  # Ctrl-C came, and it is settled again
            self.unlink(hold)
            hold.now = LOST
            hold.giving = hold.given = self.forks

    cdef dict numbered_anew(self):
        """Attributes of columns in whose numbers requests of before are not: they are prepared
        anew, and forks know them too."""
        return {"identity": None, "identities": self.columns.identities | {self.c.identity}}

    def stop(self):
        """From here on every call waits for the arrays that are to take the place of these; what
        calls have taken and given back by now, their claims say."""
        cdef Body old = self.body
        with nogil:
            nf.shared_lock(&old.shared)
            nf.shared_move(&old.shared)
            nf.shared_unlock(&old.shared)
        while self.turning:
            time.sleep(0)

    def go_on(self, dict others):
        """With other arrays, in which hosts have other indices and what requests name has other
        numbers; without any: as before."""
        cdef Body old = self.body, new
        columns = copy_of(self.columns)
        if others:
            others = {**others, **self.numbered_anew()}
        vars(columns).update(others)
        new = Body(columns)
        reason = derive_and_check(&new.c) if others else None
        if reason is not None:
            raise AssertionError(reason)
        masks = pci_filter.Masks(columns.classes)
        if columns.slab is not None:
            columns.slab.seal()
        vars(self.columns).update(others)
        self.columns.identity = columns.identity
        self.identities.add(old.c.identity)
        self.body = new
        self.c = &new.c
        self.epoch += bool(others)
        self.cache.clear()
        self.last_prepared = None
        self.spec_masks = masks

    def still_held(self, uint32_t host):
        """Claims on a host, those included that a thread wants to give back."""
        cdef Hold hold
        return [hold for hold in self.kept().get(host, ()) if hold.now in (HELD, GIVING)]

    def resettle(self, list kept):
        """(Hold, Placed) of all claims that were made before hosts had other indices."""
        cdef Hold hold
        cdef dict held = self.kept()
        made = [hold for own in held.values() for hold in own]
        others = [hold for hold in made if hold.placed.epoch == self.epoch or hold.now == TAKING]
        held.clear()
        for hold, placed in kept:
            hold.placed = placed
        for hold in [hold for hold, _placed in kept] + others:
            held.setdefault(hold.placed.host, {})[hold] = None

    def grow(self, dict others, list page_rows):
        """Other arrays, which have what claims do not change, and more in the tables: attributes of
        the columns. ``page_rows``: where each page size stands from now on. Requests are prepared
        anew after it."""
        cdef Body old = self.body, new
        cdef uint32_t rows[NF_MAX_PAGE_SIZES]
        cdef uint32_t i
        for i, row in enumerate(page_rows):
            rows[i] = row
        others.update(self.numbered_anew())
        columns = copy_of(self.columns)
        vars(columns).update(others)
        new = Body(columns)
        others["identity"] = columns.identity
        masks = pci_filter.Masks(columns.classes)
        self.identities.add(old.c.identity)
        if columns.slab is not None:
            columns.slab.seal()
        with nogil:
            # no Python runs under the locks: a thread that forks would wait for them with the GIL
            nf.shared_lock(&old.shared)
            i = 0
            while nf.column(i) != NULL:
                if nf.column(i).claimed:
                    move_column(&old.c, &new.c, i, rows)
                i += 1
            nf.shared_move(&old.shared)
            nf.shared_unlock(&old.shared)
        vars(self.columns).update(others)
        self.body = new
        self.c = &new.c
        self.cache.clear()
        self.last_prepared = None
        self.spec_masks = masks


cdef void move_column(const nf_fleet *old, const nf_fleet *new, uint32_t i,
                      const uint32_t *page_rows) noexcept nogil:
    """A column into a longer one with more rows."""
    cdef const nf_column_info *column = nf.column(i)
    cdef char *into = (<char **>(<char *>new + column.offset))[0]
    cdef const char *values = (<char **>(<char *>old + column.offset))[0]
    cdef uint64_t was[2]
    cdef uint64_t becomes[2]
    cdef uint64_t row
    if into == values:
        return
    if nf.column_shape(old, i, was) == 1:
        memcpy(into, values, was[0] * column.size)
        return
    nf.column_shape(new, i, becomes)
    for row in range(was[0]):
        memcpy(into + becomes[1] * column.size *
               (page_rows[row] if column.per == NF_PER_PAGE_CELL else row),
               values + row * was[1] * column.size, was[1] * column.size)
