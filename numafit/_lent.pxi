# The columns of a fleet as C has them: which there are, of what type and shape.

cdef object identities = itertools.count(1)
cdef object numbers = itertools.count(1)


cdef object shape_of(const nf_fleet *fleet, uint32_t i):
    cdef uint64_t shape[2]
    if nf.column_shape(fleet, i, shape) == 1:
        return (shape[0],)
    return (shape[0], shape[1])


cdef int set_count(nf_fleet *fleet, str name, uint64_t value) except -1:
    cdef uint32_t i = 0
    cdef const nf_count_info *count
    while nf.count(i) != NULL:
        count = nf.count(i)
        if count.name.decode() == name:
            if count.size == 4:
                if value > 0xffffffff:
                    raise MisuseError(f"{name}={value}: expected at most 4294967295")
                (<uint32_t *>(<char *>fleet + count.offset))[0] = value
            else:
                (<uint64_t *>(<char *>fleet + count.offset))[0] = value
            return 0
        i += 1
    raise MisuseError(f"{name}: no count of struct nf_fleet")


cdef int lend(nf_fleet *c, object columns, dict lent) except -1:
    """Let C see the arrays of ``columns``, and keep hold of them in ``lent``."""
    cdef uint32_t i = 0
    cdef const nf_column_info *column
    c.abi = NF_ABI_VERSION
    for name, value in columns.counts().items():
        set_count(c, name, value)
    while nf.column(i) != NULL:
        column = nf.column(i)
        name = column.name.decode()
        array = getattr(columns, name)
        expected = COLUMNS[name].dtype
        if array.dtype != expected or not array.flags.c_contiguous or \
                array.shape != shape_of(c, i):
            raise MisuseError(
                f"column {name}: expected contiguous {expected} of shape {shape_of(c, i)}")
        lent[name] = array
        (<void **>(<char *>c + column.offset))[0] = <void *><uintptr_t>array.ctypes.data
        i += 1
    return 0


cdef object derive_and_check(const nf_fleet *c, bint derive=True):
    """Fill the derived columns; the first thing that does not hold, in words, or None."""
    cdef const char *reason = NULL
    cdef int status = NF_OK
    with nogil:
        if derive:
            status = nf.derive(c, 0, c.n_cells, &reason)
        if status == NF_OK:
            status = nf.fleet_check(c, &reason)
    return None if status == NF_OK else reason.decode()


def fault(columns, bint derive=True):
    """The first thing in which the arrays of ``columns`` do not hold together, as
    ``"COLUMN: words"``, or None. ``derive``: those that the engine derives are filled before."""
    cdef nf_fleet c
    memset(&c, 0, sizeof(c))
    lent = {}
    lend(&c, columns, lent)
    return derive_and_check(&c, derive)


cdef object apart(object array, Slab slab, Slab twin):
    """An array like this one: where it is in ``slab``, at the same place in ``twin``."""
    if twin is None or not slab.holds(address(array), array.nbytes):
        return np.empty_like(array)
    at = <char *>address(array) - slab.memory
    return np.frombuffer(twin, array.dtype, array.size, at).reshape(array.shape)


cdef void copy_column(const nf_fleet *c, const nf_fleet *to, uint32_t i) noexcept nogil:
    """A column that ``to`` has an array for."""
    cdef const nf_column_info *column = nf.column(i)
    cdef uint64_t shape[2]
    cdef void *into = (<void **>(<char *>to + column.offset))[0]
    if into != NULL:
        nf.column_shape(c, i, shape)
        memcpy(into, (<void **>(<char *>c + column.offset))[0], shape[0] * shape[1] * column.size)


@cython.final
cdef class Body:
    """A fleet's arrays as C has them, and the locks around them. Calls hold on to the one that they
    began with: when its arrays have to grow, an Engine gets another."""

    cdef nf_fleet c
    cdef nf_shared shared
    cdef Forkable forkable
    cdef readonly dict lent  # arrays by their names in nf_fleet

    def __cinit__(self, columns):
        self.lent = {}
        lend(&self.c, columns, self.lent)
        if columns.identity is None:
            columns.identity = next(identities)
        self.c.identity = columns.identity
        self.shared.fleet = &self.c
        # few enough hosts for little contention, enough for their cells to be looked at together
        room = columns.counts()["host_room"]  # Python's number: one of C would wrap around
        self.shared.hosts_per_lock = max(64, -(-room // NF_MAX_LOCKS))
        self.shared.n_locks = max(1, -(-room // self.shared.hosts_per_lock))
        self.shared.locks = <nf_lock *>zeroed(self.shared.n_locks, sizeof(nf_lock))
        remember(&self.forkable, &self.shared)

    def __dealloc__(self):
        forget(&self.forkable)
        free(self.shared.locks)


cdef class Lent:
    """One fleet's arrays, lent to C under locks of its own, and their copies."""

    cdef Body body
    cdef nf_fleet *c  # of the body; for who holds the GIL
    cdef readonly object columns
    cdef readonly uint64_t number  # no other has it
    cdef uint64_t forks  # that were made of it; grows while all locks are held
    cdef list handed_out  # bodies that C code may use as long as the fleet is there
    cdef object __weakref__

    def __cinit__(self, columns, bint holds=False):
        """``holds``: the derived columns are filled, and all of them were checked."""
        self.columns = columns
        self.number = next(numbers)
        self.handed_out = []
        self.body = Body(columns)
        self.c = &self.body.c
        reason = None if holds else derive_and_check(self.c)
        if reason is not None:
            raise MisuseError(f"the fleet's columns do not hold together: {reason}")
        if columns.slab is not None:
            columns.slab.seal()
        of_this_process.add(columns)

    cdef const nf_shared *hand_out(self) except NULL:
        if self.body not in self.handed_out:
            self.handed_out.append(self.body)
        return &self.body.shared

    @property
    def lent(self):
        """Arrays by their names in nf_fleet."""
        return self.body.lent

    def fork(self):
        """All arrays as they are at this moment, by their names, and the slab that they lie in, if
        these do in theirs: nothing that is changed here is seen there. And the how maniest fork of
        this engine it is."""
        cdef Slab slab = self.columns.slab, twin = None
        cdef Body body = self.body
        cdef nf_fleet to
        cdef uint32_t i
        cdef uint64_t mine
        cdef int moved = 1
        cdef const nf_column_info *column
        while moved:
            twin = None if slab is None else slab.twin()
            made = {}
            memset(&to, 0, sizeof(to))
            for i, (name, array) in enumerate(body.lent.items()):
                column = nf.column(i)
                made[name] = copy = apart(array, slab, twin)
                if twin is None or not slab.holds(address(array), array.nbytes):
                    (<void **>(<char *>&to + column.offset))[0] = address(copy)
            with nogil:
                nf.shared_lock(&body.shared)
                moved = 0 if twin is None else slab.copy_changes(twin)
                self.forks += 1
                mine = self.forks
                i = 0
                while nf.column(i) != NULL:
                    copy_column(&body.c, &to, i)
                    i += 1
                nf.shared_unlock(&body.shared)
            if moved < 0:
                raise MemoryError
        if twin is not None and twin.handle == slab.handle:
            slab.backing = twin.backing
        return twin, made, mine

    def copies(self):
        """Copies of the arrays that claims change, all of one moment."""
        cdef Body body = self.body
        cdef nf_fleet to
        cdef uint32_t i = 0
        cdef const nf_column_info *column
        memset(&to, 0, sizeof(to))
        made = {}
        while nf.column(i) != NULL:
            column = nf.column(i)
            if column.claimed:
                copy = np.empty_like(body.lent[column.name.decode()])
                made[column.name.decode()] = copy
                (<void **>(<char *>&to + column.offset))[0] = <void *><uintptr_t>copy.ctypes.data
            i += 1
        with nogil:
            nf.shared_copy(&body.shared, &to)
        return made

    cpdef HostCopy host_copy(self, uint32_t host):
        """The host at this moment: no claim is seen by half."""
        cdef HostCopy made = HostCopy.__new__(HostCopy)
        cdef Body body
        cdef nf_scratch memory
        cdef int status = NF_EMOVED
        while status == NF_EMOVED:
            body = self.body
            memory.bytes = nf.host_copy_bytes(&body.c)
            made.buffer = PyByteArray_FromStringAndSize(NULL, memory.bytes)
            memory.memory = made.memory = PyByteArray_AS_STRING(made.buffer)
            made.host, made.fleet = host, body.lent
            with nogil:
                status = nf.shared_copy_host(&body.shared, host, &memory, &made.c)
            if status == NF_EMOVED:
                wait_for(self, body)
        if status != NF_OK:
            raise misuse(status, "host")
        return made

    def counts(self):
        """The numbers of nf_fleet that are not arrays. Who takes them elsewhere has another fleet,
        so its identity is not among them."""
        cdef Body body = self.body
        cdef uint32_t i = 0
        cdef const nf_count_info *count
        found = {"abi": body.c.abi}
        while nf.count(i) != NULL:
            count = nf.count(i)
            at = <char *>&body.c + count.offset
            i += 1
            if count.offset == <size_t>(<char *>&body.c.identity - <char *>&body.c):
                continue
            found[count.name.decode()] = (
                (<uint32_t *>at)[0] if count.size == 4 else (<uint64_t *>at)[0])
        return found

    def check(self):
        """The first broken invariant in words, or ``None``."""
        cdef Body body = self.body
        cdef const char *reason = NULL
        cdef int status
        with nogil:
            status = nf.shared_check(&body.shared, &reason)
        return None if status == NF_OK else reason.decode()
