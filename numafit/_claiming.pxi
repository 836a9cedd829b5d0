# What is taken and given back, and who holds it.


cdef class Claiming(Devices):
    """Claims: taken and given back all at once or not at all, and known by their hosts."""

    @cython.critical_section
    def claim(self, list holds, dict later=None):
        """Take what all of these (Hold) are to hold, or none: then StalePlacement says which.
        ``later`` becomes part of the columns' ``devices_taken`` with it; no Python runs in
        between."""
        cdef dict taken = getattr(self.columns, "devices_taken") if later else None
        cdef Hold hold
        cdef Py_ssize_t linked = 0
        cdef list placed = []
        try:
            for hold in holds:
                self.link(hold)
                linked += 1
                placed.append(hold.placed)
            self.turn(placed, True)
        except BaseException:
            for hold in holds[:linked]:
                self.unlink(hold)
                hold.now = MADE
            raise
        for one in holds:
            (<Hold>one).now = HELD
            (<Hold>one).taken = self.forks
        if later:
            settle(taken, later)

    @cython.critical_section
    def release(self, list placed):
        """Give all of these (Placed) back, or raise StalePlacement."""
        self.turn(placed, False)

    @cython.critical_section
    def give_back(self, list holds, dict later=None):
        """Give back what all of these (Hold) hold; or raise, with everything as it was. ``later``
        as in claim()."""
        cdef dict taken = getattr(self.columns, "devices_taken") if later else None
        cdef Hold hold
        cdef Py_ssize_t turning = 0
        cdef list placed
        try:
            for hold in holds:
                if hold.placed.engine is not self:
                    raise MisuseError("claim: it was taken from another host or fleet")
                if hold.now != HELD:
                    raise MisuseError(f"claim: {NOT_HELD[hold.now]}")
                hold.now = GIVING
                hold.giving = self.forks
                turning += 1
            placed = None
            while placed is None:
                placed = [(<Hold>one).placed for one in holds]
                try:
                    self.turn(placed, False)
                except StalePlacement:
                    if all(hold.placed is one for hold, one in zip(holds, placed)):
                        raise
                    placed = None  # the host has changed meanwhile, and has them elsewhere
        except BaseException:
            for hold in holds[:turning]:
                if hold.now == GIVING:
                    hold.now = HELD
                    hold.giving = NEVER
            raise
        for one in holds:
            self.unlink(<Hold>one)
            (<Hold>one).now = GIVEN
            (<Hold>one).given = self.forks
        if later:
            settle(taken, later)

    def alone(self):
        """The threads that were on their way are not in this child of a fork."""
        self.turning = 0

    def keep(self):
        """The Held that knows this engine's claims; whoever asks is to keep it."""
        made = Held.__new__(Held)
        self.held_by = ref(made)
        return made

    cdef dict kept(self):
        """host -> its claims; ``None``: nobody keeps them."""
        cdef PyObject *held = NULL
        if self.held_by is None or PyWeakref_GetRef(self.held_by, &held) == 0:
            return None
        found = (<Held>held).by_host
        Py_DECREF(<object>held)
        return found

    cdef int keep_instead(self, dict by_host) except -1:
        """These claims are those that are kept."""
        cdef PyObject *held = NULL
        if self.held_by is not None and PyWeakref_GetRef(self.held_by, &held):
            (<Held>held).by_host = by_host
            Py_DECREF(<object>held)
        return 0

    cdef int link(self, Hold hold) except -1:
        """The host's claims, in the order in which they were made."""
        cdef dict own, held = self.kept()
        if hold.now != MADE:
            raise MisuseError("claim: it was taken before")
        if held is not None:
            host = hold.placed.host
            own = held.get(host)
            if own is None:
                own = held[host] = {}
            own[hold] = None
        hold.now = TAKING
        hold.taking = self.forks
        return 0

    cdef int unlink(self, Hold hold) except -1:
        cdef dict own, held = self.kept()
        if held is None:
            return 0
        host = hold.placed.host
        own = held[host]
        del own[hold]
        if not own:
            del held[host]
        return 0

    def host_of(self, placement):
        """Index of the host that this fleet made the placement for, else ``None``."""
        native = placement._native
        if native is None or (<Placed>native).engine is not self:
            return None
        (<Placed>native).in_place()
        return (<Placed>native).host

    def untakable(self, Placed refused):
        """Can the host, which has not changed since, never take the placement that it has refused?
        nova finds a few such (docs/nova-differences.md), and so does ``fit``."""
        return refused.epoch == self.epoch and \
            self.c.host_generation[refused.host] == refused.generation

    def took(self, holds):
        """Are all of these (Hold) of this fleet?"""
        cdef Hold hold
        for hold in holds:
            if hold.placed.engine is not self:
                return False
        return True

    @cython.critical_section
    def hold(self, list holds):
        """These (Hold) hold what is in use already. The caller holds ``changes_lock``."""
        cdef Hold hold
        for hold in holds:
            self.link(hold)
            hold.now = HELD
            hold.taken = self.forks

    def turn_on(self, HostCopy still, Placed placed, bint take):
        """Take what is placed from a copy of its host (from a draft: what is placed on that), or
        give it back there: "", or in words why that cannot be."""
        cdef bint apart = isinstance(still, HostDraft)
        cdef uint32_t cell = 0 if apart else self.c.host_first_cell[placed.host], i
        cdef uint32_t pool = 0 if apart else self.c.host_first_pool[placed.host]
        if placed.prepared.c.fleet != self.c.identity:
            self.renew(placed, take)
        cdef nf_placement moved = placed.out
        cdef nf_reason why
        cdef int status
        cdef size_t cells = placed.prepared.c.n_cells * sizeof(nf_placed_cell)
        cdef char *memory = <char *>zeroed(cells + moved.n_draws * sizeof(nf_draw), 1)
        memcpy(memory, moved.cells, cells)
        memcpy(memory + cells, moved.draws, moved.n_draws * sizeof(nf_draw))
        moved.cells = <nf_placed_cell *>memory
        moved.draws = <nf_draw *>(memory + cells)
        for i in range(placed.prepared.c.n_cells):
            moved.cells[i].cell -= cell
        for i in range(moved.n_draws):
            moved.draws[i].pool -= pool
        if take:
            status = nf.claim(&still.c, 0, &placed.prepared.c, &moved, &why)
        else:
            status = nf.release(&still.c, 0, &placed.prepared.c, &moved, &why)
        free(memory)
        return "" if status == NF_OK else str(self.stale(status, placed, &why))

    def claimed_hosts(self):
        """Hosts with claims, ascending."""
        return sorted(self.kept())

    def claims_of(self, uint32_t host):
        """Claims (Hold) on a host that are held, in the order in which they were made."""
        return [hold for hold in self.kept().get(host, ()) if (<Hold>hold).now == HELD]

    cdef int turn(self, list placed, bint take) except -1:
        cdef nf_reason why
        cdef uint32_t n = len(placed), i, failed
        cdef nf_claim_item few[4]
        cdef nf_claim_item *items = few
        cdef int status = NF_EMOVED
        cdef Body body
        cdef Placed one
        if self.read_only:
            raise MisuseError(
                "the fleet is open for reading alone: claim from a fork() of it, which is your own")
        if n > 4:
            items = <nf_claim_item *>zeroed(n, sizeof(nf_claim_item))
        try:
            while come_again(status):
                body = self.body
                failed = 0
                for i in range(n):
                    one = placed[i]
                    if one.prepared.c.fleet != self.c.identity:
                        self.renew(one, take)
                    one.fill(&items[i])
                for i in range(n):  # not before: others may have had their turn meanwhile
                    (<Placed>placed[i]).in_place()
                self.turning += 1
                with nogil:
                    if take:
                        status = nf.shared_claim(&body.shared, items, n, &failed, &why)
                    else:
                        status = nf.shared_release(&body.shared, items, n, &failed, &why)
                self.turning -= 1
                if status == NF_EMOVED:
                    wait_for(self, body)
        finally:
            if n > 4:
                free(items)
        if status != NF_OK:
            raise self.stale(status, <Placed>placed[failed], &why)
        return 0

    cdef int renew(self, Placed placed, bint take) except -1:
        """The fleet has learned new numbers since the request was prepared: what is to be taken is
        asked in these, what is held in those that it was taken in."""
        cdef Prepared old = placed.prepared
        if take and old.request is not None:
            placed.prepared = self.prepared(old)
        else:
            placed.prepared = same_again(old, self.c.identity)
        return 0

    cdef object stale(self, int status, Placed placed, nf_reason *why):
        if status < 0:
            return misuse(status, "placement")
        return StalePlacement(
            f"{self.known_as(placed.host)}: what the placement holds is not there "
            f"({why.wanted} wanted, {why.available} there; see Host.usage())")
