# What the engine answered: kept as numbers, decoded when somebody reads it.


@cython.final
@cython.freelist(8)
cdef class Placed:
    """A placement as the engine wrote it: cells and slots in one block of memory."""

    cdef readonly Engine engine
    cdef readonly Prepared prepared
    cdef nf_placement out
    cdef readonly uint32_t host
    cdef nf_options options
    cdef readonly uint64_t generation
    cdef uint32_t epoch  # of the engine, when it was made
    cdef dict units  # by resource class, as its host asked for them; None: not looked at yet
    cdef uint32_t became  # how often the host had become another one by then

    def __dealloc__(self):
        free(self.out.cells)

    cdef void fill(self, nf_claim_item *item) noexcept:
        """What is to be placed, claimed or given back."""
        item.host = self.host
        item.generation = self.generation
        item.request = &self.prepared.c
        item.options = &self.options
        item.placement = &self.out

    cdef int in_place(self) except -1:
        """Raise StalePlacement where its host has another index by now."""
        if self.epoch != self.engine.epoch:
            raise StalePlacement(MOVED)
        return 0

    cdef int there(self) except -1:
        """Raise StalePlacement where its numbers stand for something else by now."""
        self.in_place()
        if self.became != self.engine.c.host_generation[self.host] >> 32:
            raise StalePlacement(
                f"{self.engine.known_as(self.host)}: it has become another host since the "
                "placement was made")
        return 0

    @property
    def n_draws(self):
        """Of PCI devices, each from one pool."""
        return self.out.n_draws

    def decode(self):
        cdef uint32_t g, i
        cdef nf_placed_cell *placed
        cdef const int32_t *cpus
        cdef list cells = [], vcpus
        cdef dict pinning
        self.in_place()  # cells and layouts have kept their numbers until then
        for g in range(self.prepared.c.n_cells):
            placed = &self.out.cells[g]
            cpus = self.engine.cpus_of(placed.layout)
            vcpus = self.prepared.vcpus[g]
            pinning = {}
            for i in range(placed.n_slots):
                pinning[vcpus[i]] = cpus[self.out.slots[placed.first_slot + i]]
            guest = self.prepared.guest[g]
            # a frozen dataclass filled in directly: its checks are for cells that people write
            cell = blank(PlacementCell)
            PyObject_GenericSetAttr(cell, "host_cell", placed.id)
            PyObject_GenericSetAttr(cell, "cpuset", guest.cpuset)
            PyObject_GenericSetAttr(cell, "pcpuset", guest.pcpuset)
            PyObject_GenericSetAttr(cell, "pinning", pinning)
            PyObject_GenericSetAttr(cell, "pagesize", placed.page_kib or None)
            PyObject_GenericSetAttr(
                cell, "reserved",
                EMPTY if placed.reserved < 0 else frozenset((cpus[placed.reserved],)))
            PyObject_GenericSetAttr(cell, "memory_mb", guest.memory_mb)
            PyObject_GenericSetAttr(cell, "cpu_policy", guest.cpu_policy)
            PyObject_GenericSetAttr(cell, "cpu_thread_policy", guest.cpu_thread_policy)
            cells.append(cell)
        return tuple(cells)

    @property
    def host_name(self):
        """Name of the host; empty where it has none."""
        # with Cython's own "with" an exception without memory for its traceback ends the process
        lock = self.engine.columns.devices_lock
        lock.acquire()
        try:
            self.there()
            return self.engine.columns.names[self.host]
        finally:
            lock.release()

    def not_judged(self):
        """What placement's half of the answer leaves open, in sentences."""
        request = self.prepared.request
        if request is None:  # a placement that was made elsewhere
            return ()
        lock = self.engine.columns.devices_lock
        lock.acquire()
        try:
            self.there()
            return self.engine.columns.not_judged(self.host, request.resources)
        finally:
            lock.release()

    def amounts(self, kind=None):
        """Units that it takes, by resource class: what the query asks that finds the host.
        ``kind``: the host's when it was placed, for who knows it."""
        cdef Prepared p = self.prepared
        if p.amounts is not None:
            return p.amounts
        asked = None if p.request is None else p.request.resources
        if asked is None:
            return {}
        if self.units is None:
            if kind is None:
                columns = self.engine.columns
                lock = columns.devices_lock
                lock.acquire()
                try:
                    self.there()
                    kind = columns.host_kinds[columns.host_class[self.host]]
                finally:
                    lock.release()
            self.units = asked.second.amounts if second_finds(kind, asked) else asked.amounts
        return self.units

    def counted(self):
        """Those of the units that the host counts: of classes that the fleet knew when the request
        was prepared."""
        cdef Prepared p = self.prepared
        cdef const nf_resource *units = p.c.resources
        cdef uint32_t n = p.c.n_resources, i
        columns = self.engine.columns
        if p.amounts is None and p.c.n_fallback and second_finds(
                columns.host_kinds[columns.host_class[self.host]], p.request.resources):
            units, n = p.c.fallback, p.c.n_fallback
        names = {number: name for name, number in columns.resource_classes.items()}
        return {names[units[i].resource]: units[i].amount for i in range(n)}

    def decode_pci(self):
        """The pools it draws on, and the devices where the host came with a list of them."""
        if not self.out.n_draws:
            return ()
        lock = self.engine.columns.devices_lock
        lock.acquire()  # names of one moment
        try:
            self.there()
            return self.drawn()
        finally:
            lock.release()

    cdef object drawn(self):
        cdef uint32_t i
        cdef nf_draw *d
        cdef list found = []
        cdef dict free = {}
        columns = self.engine.columns
        for i in range(self.out.n_draws):
            pool = self.out.draws[i].pool
            free[pool] = columns.free_devices(pool)
        for i in range(self.out.n_draws):
            d = &self.out.draws[i]
            pool = columns.pools[d.pool]
            names = free[d.pool]
            devices, free[d.pool] = tuple(names[:d.count]), names[d.count:]
            # as in decode()
            drawn = blank(PciAllocation)
            PyObject_GenericSetAttr(drawn, "request", d.request)
            PyObject_GenericSetAttr(drawn, "pool", d.pool)
            PyObject_GenericSetAttr(drawn, "count", d.count)
            PyObject_GenericSetAttr(drawn, "numa_node", pool.numa_node)
            PyObject_GenericSetAttr(drawn, "info", pool)
            PyObject_GenericSetAttr(drawn, "devices", devices)
            PyObject_GenericSetAttr(drawn, "distance", self.distance_of(d.pool))
            found.append(drawn)
        return tuple(found)

    cdef object distance_of(self, uint32_t pool):
        """NUMA distance from the nearest of the guest's cells to a pool; ``None``: not known."""
        cdef const nf_fleet *f = self.engine.c
        cdef int32_t node = f.pool_cell[pool], at, best = -1
        cdef uint64_t matrix = f.host_distance_at[self.host]
        cdef uint32_t first = f.host_first_cell[self.host], place, i
        cdef uint32_t cells = f.host_end_cell[self.host] - first
        if node < 0:
            return None
        for i in range(self.prepared.c.n_cells):
            place = self.out.cells[i].cell - first
            if matrix == <uint64_t>-1:
                at = LOCAL_DISTANCE if place == <uint32_t>node else -1
            else:
                at = f.distances[matrix + <uint64_t>place * cells + <uint32_t>node]
            if at >= 0 and (best < 0 or at < best):
                best = at
        return best if best >= 0 else None


cdef enum:
    MADE, TAKING, HELD, GIVING, GIVEN, LOST

cdef tuple NOT_HELD = (
    "it was never taken", "it is taken at this moment", "", "it is given back at this moment",
    "it was released before", "it was lost when its host changed",
)


cdef uint64_t NEVER = <uint64_t>-1


cdef class Hold:
    """What a claim holds: the base of Claim. Nothing but the engine changes its state."""

    cdef readonly Placed placed
    cdef public object placement, pci, number, before, why  # Claim's, which says what they are
    cdef int now
    # how many forks the fleet had when it began and ended to be taken, and to be given back
    cdef uint64_t taking, taken, giving, given
    cdef object __weakref__

    def __cinit__(self, placement, placed, pci=()):
        self.taking = self.taken = self.giving = self.given = NEVER
        if type(placed) is not Placed:
            raise MisuseError("Claim: claim() of a Host or a Fleet makes it")
        self.placement = placement
        self.placed = placed
        self.pci = pci
        self.why = ""

    @property
    def host(self):
        return self.placed.host

    def in_fork(self, uint64_t number):
        """Was it held when the fleet was forked for the so-maniest time? ``None``: it was taken or
        given back at that very moment."""
        if self.taking >= number or self.given < number:
            return False
        if self.taken >= number or self.giving < number:
            return None
        return True

    @property
    def state(self):
        """``"held"``; ``"released"``; ``"lost"``: its host changed, and no longer has it."""
        return ("made", "made", "held", "held", "released", "lost")[self.now]


@cython.final
cdef class Held:
    """Claims by host: {host: {Hold: None}}."""

    cdef dict by_host
    cdef object __weakref__

    def __cinit__(self):
        self.by_host = {}


cdef Placed new_placed(Engine engine, Prepared prepared, uint32_t host, uint32_t draws=0):
    """With room for what a fit can write; draws: for so many at least."""
    cdef Placed p = Placed.__new__(Placed)
    cdef size_t n = prepared.c.n_cells
    cdef size_t head = n * sizeof(nf_placed_cell)
    cdef size_t slots = prepared.max_slots * sizeof(uint32_t)
    draws = max(draws, prepared.max_draws)
    p.out.cells = <nf_placed_cell *>malloc(head + slots + draws * sizeof(nf_draw) + 1)
    if p.out.cells == NULL:
        raise MemoryError
    p.out.slots = <uint32_t *>(<char *>p.out.cells + head)
    p.out.draws = <nf_draw *>(<char *>p.out.slots + slots)
    p.out.cells_size = n
    p.out.slots_size = prepared.max_slots
    p.out.draws_size = draws
    p.out.n_draws = 0
    p.engine = engine
    p.prepared = prepared
    p.host = host
    p.generation = NF_ANY_GENERATION
    p.epoch = engine.epoch
    p.became = engine.c.host_generation[host] >> 32 if host < engine.c.n_hosts else 0
    return p


cdef object placement_of(Placed placed):
    """Its cells, devices and host's name are decoded when somebody reads them."""
    placement = blank(Placement)
    placement._cells = placement._pci = placement._host = placement._host_name = None
    placement._not_judged = None
    placement._native = placed
    placement.pci_requests = placed.prepared.pci
    return placement
