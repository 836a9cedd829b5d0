# cython: language_level=3, boundscheck=False, wraparound=False, freethreading_compatible=True
"""Is this host of nova's still what it was? Contents of nova's objects as numbers to compare.

Nova makes new objects for a host with each request, mostly with the same content, and changes
pools in place. So neither identity nor a version tells, and a thousand hosts are looked at for
every request: what a fit reads is written down as one row of numbers, which compares at the speed
of memory. Nothing of nova is imported here; its objects are read as they are.
"""

cimport cython
from libc.stdint cimport int64_t, uint64_t
from libc.stdlib cimport free, malloc, realloc
from libc.string cimport memcmp, memcpy, memset

cdef extern from *:
    """
    /* CPython makes the ints from 0 to 256 once, and each set has the same ones: held here, so that
       an address is one of them and nothing else. */
    enum { SMALL_INTS = 256 };
    static PyObject *small_ints[SMALL_INTS];

    static int hold_small_ints(void)
    {
        for (long n = 0; n < SMALL_INTS; n++)
            if (!small_ints[n] && !(small_ints[n] = PyLong_FromLong(n)))
                return -1;
        return 0;
    }

    /* CPU ids of a set as bits, which are 0 before. Returns the words in use, -1 for ids that do
       not go in there, -2 with an error set. The table is read where it stands: iterators take
       most of the time otherwise, as a host has dozens of small sets. */
    static Py_ssize_t set_bits(PyObject *cpus, uint64_t *bits, Py_ssize_t words)
    {
        Py_ssize_t used = 0;
        int odd = 0;
    #ifdef Py_GIL_DISABLED
        PyObject *each = PyObject_GetIter(cpus), *cpu;
        if (!each)
            return -2;
        while (!odd && (cpu = PyIter_Next(each))) {
    #else
        const PySetObject *set = (PySetObject *)cpus;
        for (Py_ssize_t n = 0; n <= set->mask && !odd; n++) {
            PyObject *cpu = set->table[n].key;
            if (!cpu || set->table[n].hash == -1) /* nothing, or taken out */
                continue;
    #endif
            int overflow = 0;
            long id = PyLong_CheckExact(cpu) ? PyLong_AsLongAndOverflow(cpu, &overflow) : -1;
            if (id < 0 || id >= 64 * words) {
                odd = 1;
            } else {
                bits[id >> 6] |= (uint64_t)1 << (id & 63);
                if (id >> 6 >= used)
                    used = (id >> 6) + 1;
            }
    #ifdef Py_GIL_DISABLED
            Py_DECREF(cpu);
        }
        Py_DECREF(each);
        if (PyErr_Occurred())
            return -2;
    #else
        }
    #endif
        return odd ? -1 : used;
    }

    /* Whether a set holds these ids and no others: 1, or 0 where that is not known so quickly.

       A set counts its keys, and no two are equal: so where each id is found, and they are as many
       as it counts, they are all that it holds. They are looked for where a set puts them, and it
       does not matter to the answer whether that is where they are. */
    static int holds_just(PyObject *cpus, const uint64_t *bits, Py_ssize_t words)
    {
    #ifndef Py_GIL_DISABLED
        const PySetObject *set = (PySetObject *)cpus;
        const size_t mask = (size_t)set->mask;
        Py_ssize_t count = 0;
        if (words > SMALL_INTS / 64)
            return 0;
        for (Py_ssize_t word = 0; word < words; word++) {
            for (uint64_t left = bits[word]; left; left &= left - 1, count++) {
                const size_t id = 64 * (size_t)word + (size_t)__builtin_ctzll(left);
                size_t at = id & mask, perturb = id;
                for (int tries = 0; set->table[at].key != small_ints[id]; tries++) {
                    if (tries == 8 || !set->table[at].key)
                        return 0;
                    if (at + 9 <= mask) { /* side by side first, where there are as many */
                        at++;
                    } else {
                        perturb >>= 5;
                        at = (at * 5 + 1 + perturb) & mask;
                    }
                }
            }
        }
        return count == set->used;
    #else
        (void)cpus, (void)bits, (void)words;
        return 0;
    #endif
    }
    """
    int hold_small_ints() except -1
    bint holds_just(object cpus, const uint64_t *bits, Py_ssize_t words)
    Py_ssize_t set_bits(object cpus, uint64_t *bits, Py_ssize_t words) except -2
    bint PyLong_CheckExact(object)
    long long PyLong_AsLongLongAndOverflow(object, int *overflow) except? -1
    bint PyAnySet_Check(object)
    bint PyList_Check(object)
    Py_ssize_t PySet_GET_SIZE(object)

cdef enum:
    WORDS = 128  # of a set: Linux numbers at most 8192 CPUs

# Stand in the place of a number; no field of nova's has so low a one.
cdef int64_t LOWEST = (-1) << 63
cdef int64_t MISSING = LOWEST
cdef int64_t NONE = LOWEST + 1
cdef int64_t FALSE = LOWEST + 2
cdef int64_t TRUE = LOWEST + 3
cdef int64_t FIRST_NUMBER = LOWEST + 16

cdef object UNSET = object()

hold_small_ints()


class Odd(Exception):
    """A value of a kind that nova does not put there: whoever reads it must judge it."""


@cython.final
cdef class Row:
    """Numbers that grow, and names that stand beside them.

    ``guess``: those that are likely to come; what is there is what counts."""

    cdef int64_t *numbers
    cdef Py_ssize_t n, room
    cdef uint64_t bits[WORDS]
    cdef list names
    cdef object set_type
    cdef const int64_t *guess
    cdef Py_ssize_t guessed

    def __cinit__(self):
        cdef Py_ssize_t word
        self.names = []
        self.room = 512
        self.numbers = <int64_t *>malloc(self.room * sizeof(int64_t))
        if not self.numbers:
            raise MemoryError
        for word in range(WORDS):
            self.bits[word] = 0

    def __dealloc__(self):
        free(self.numbers)

    cdef inline int put(self, int64_t number) except -1:
        cdef int64_t *larger
        if self.n == self.room:
            larger = <int64_t *>realloc(self.numbers, 2 * self.room * sizeof(int64_t))
            if not larger:
                raise MemoryError
            self.numbers = larger
            self.room *= 2
        self.numbers[self.n] = number
        self.n += 1
        return 0

    cdef inline int put_value(self, object value) except -1:
        """A number, a truth value, or none."""
        cdef int overflow = 0
        cdef int64_t number
        if PyLong_CheckExact(value):
            number = PyLong_AsLongLongAndOverflow(value, &overflow)
            if overflow or number < FIRST_NUMBER:
                raise Odd
            return self.put(number)
        if value is True:
            return self.put(TRUE)
        if value is False:
            return self.put(FALSE)
        return self.put_absent(value)

    cdef int put_absent(self, object value) except -1:
        """What stands in the place of a value that is not there."""
        if value is UNSET:
            return self.put(MISSING)
        if value is None:
            return self.put(NONE)
        raise Odd

    cdef int put_set(self, object cpus) except -1:
        """A set of CPU ids: its length in words, and the words."""
        cdef Py_ssize_t used, word
        # a check takes a walk through the bases, and nova's sets are all of one type
        if type(cpus) is not self.set_type:
            if not PyAnySet_Check(cpus):
                return self.put_absent(cpus)
            self.set_type = type(cpus)
        if self.n < self.guessed:
            used = self.guess[self.n]
            if 0 <= used < self.guessed - self.n and holds_just(
                cpus, <const uint64_t *>self.guess + self.n + 1, used
            ):
                for word in range(self.n, self.n + used + 1):
                    self.put(self.guess[word])
                return 0
        used = set_bits(cpus, self.bits, WORDS)
        if used < 0:
            memset(self.bits, 0, sizeof(self.bits))
            raise Odd
        self.put(used)
        for word in range(used):
            self.put(<int64_t>self.bits[word])
            self.bits[word] = 0
        return 0

    cdef int put_cores(self, object cores) except -1:
        """A list of sets, in its order."""
        if not PyList_Check(cores):
            return self.put_absent(cores)
        self.put(len(<list>cores))
        for core in <list>cores:
            self.put_set(core)
        return 0

    cdef int put_pages(self, object pools) except -1:
        if not PyList_Check(pools):
            return self.put_absent(pools)
        self.put(len(<list>pools))
        for pool in <list>pools:
            self.put_value(getattr(pool, "_obj_used", UNSET))
            self.put_value(getattr(pool, "_obj_total", UNSET))
            self.put_value(getattr(pool, "_obj_size_kb", UNSET))
            self.put_value(getattr(pool, "_obj_reserved", UNSET))
        return 0

    cdef int put_network(self, object network) except -1:
        if network is UNSET or network is None:
            return self.put_absent(network)
        self.put_value(getattr(network, "_obj_tunneled", UNSET))
        physnets = getattr(network, "_obj_physnets", UNSET)
        if not PyAnySet_Check(physnets):
            return self.put_absent(physnets)
        self.put(PySet_GET_SIZE(physnets))
        if physnets:
            self.names.append(frozenset(physnets))
        return 0

    cdef int put_cell(self, object cell) except -1:
        self.put_value(getattr(cell, "_obj_id", UNSET))
        self.put_value(getattr(cell, "_obj_socket", UNSET))
        self.put_value(getattr(cell, "_obj_memory", UNSET))
        self.put_value(getattr(cell, "_obj_memory_usage", UNSET))
        self.put_value(getattr(cell, "_obj_cpu_usage", UNSET))
        self.put_set(getattr(cell, "_obj_pinned_cpus", UNSET))
        self.put_set(getattr(cell, "_obj_cpuset", UNSET))
        self.put_set(getattr(cell, "_obj_pcpuset", UNSET))
        self.put_cores(getattr(cell, "_obj_siblings", UNSET))
        self.put_pages(getattr(cell, "_obj_mempages", UNSET))
        self.put_network(getattr(cell, "_obj_network_metadata", UNSET))
        return 0

    cdef int put_sockets(self, object topology) except -1:
        """Of the topology that a host's pools were made with, where it is another."""
        if topology is None:
            return self.put(NONE)
        cells = getattr(topology, "_obj_cells", ())
        self.put(len(cells))
        for cell in cells:
            self.put_value(getattr(cell, "_obj_id", UNSET))
            self.put_value(getattr(cell, "_obj_socket", UNSET))
        return 0

    cdef int put_host(self, object topology, object stats) except -1:
        cells = getattr(topology, "_obj_cells", None)
        if not PyList_Check(cells):
            raise Odd
        self.put(len(<list>cells))
        for cell in <list>cells:
            self.put_cell(cell)
        if stats is None:
            return self.put(FALSE)
        theirs = stats.numa_topology
        if theirs is topology:
            return self.put(TRUE)
        return self.put_sockets(theirs)


cdef dict without_devices(object pool):
    return {key: value for key, value in pool.items() if key != "devices"}


@cython.final
cdef class Seen:
    """What a fit reads of a host, as it was; safe from later changes of nova's objects.

    ``topology``: a ``NUMATopology``; ``stats``: a ``PciDeviceStats`` or ``None``; and the host's
    allocation ratios. A host that holds values of unexpected kinds never counts as unchanged.
    """

    cdef int64_t *numbers
    cdef Py_ssize_t n
    cdef list names, pools
    cdef readonly tuple ratios

    def __cinit__(self, topology, stats, cpu_ratio=None, ram_ratio=None):
        cdef Row row = Row()
        self.ratios = cpu_ratio, ram_ratio
        try:
            row.put_host(topology, stats)
            if stats is not None:
                self.pools = [without_devices(pool) for pool in stats.pools]
        except Odd:
            return
        self.names = row.names
        self.numbers = <int64_t *>malloc(row.n * sizeof(int64_t))
        if not self.numbers:
            raise MemoryError
        memcpy(self.numbers, row.numbers, row.n * sizeof(int64_t))
        self.n = row.n

    def __dealloc__(self):
        free(self.numbers)

    def same(self, topology, stats):
        """Whether they hold the same, whatever objects they are."""
        return self.still(Row(), topology, stats)

    cdef bint still(self, Row row, object topology, object stats) except -1:
        if not self.numbers:
            return False
        row.n = 0
        row.guess, row.guessed = self.numbers, self.n
        if row.names:
            row.names = []
        try:
            row.put_host(topology, stats)
        except Odd:
            return False
        if row.n != self.n or memcmp(row.numbers, self.numbers, self.n * sizeof(int64_t)):
            return False
        return row.names == self.names and (stats is None or self._same_pools(stats.pools))

    cdef bint _same_pools(self, object pools) except -1:
        if len(pools) != len(self.pools):
            return False
        for seen, pool in zip(self.pools, pools):
            if (without_devices(pool) if "devices" in pool else pool) != seen:
                return False
        return True


def look(list hosts, dict entries):
    """Of each ``HostState`` its entry, by host and node; ``None`` where it has none, or is no
    longer what the entry's ``seen`` says."""
    cdef Row row = Row()
    cdef Seen seen
    cdef list found = []
    for host in hosts:
        entry = entries.get((host.host, host.nodename))
        if entry is not None:
            seen = entry.seen
            if (
                host.cpu_allocation_ratio != seen.ratios[0]
                or host.ram_allocation_ratio != seen.ratios[1]
                or not seen.still(row, host.numa_topology, host.pci_stats)
            ):
                entry = None
        found.append(entry)
    return found
