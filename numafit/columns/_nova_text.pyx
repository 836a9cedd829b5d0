# cython: language_level=3, boundscheck=False, wraparound=False, freethreading_compatible=True
"""Topologies and PCI pools as nova 34 writes them -> a Gatherer's columns, in one pass.

Only ordinary text of the very shape that nova 34 writes is taken. Of all else (another version, a
key too many or twice, an escape, a number that is out of bounds or only looks odd) nothing is
said here but that it is not ordinary: ``numafit.readers.nova_rows`` judges it, and what is wrong,
in which words, is its to say. So what is taken here has to be right, and may be less than is right.

Pieces that hosts share, CPU sets and what pools are, are not read but compared with those that
the careful reader has read before. Text ends in a NUL, which no token takes: nothing is read
beyond it.
"""

cimport cython
from cpython.array cimport array, extend_buffer, resize_smart
from cpython.bytearray cimport PyByteArray_AS_STRING, PyByteArray_GET_SIZE, PyByteArray_Resize
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from cpython.unicode cimport PyUnicode_DecodeASCII
from libc.stdint cimport int32_t, int64_t
from libc.stdlib cimport free, malloc, realloc
from libc.string cimport memcmp, memcpy, memset, strchr, strlen, strncmp

from numafit.errors import InvalidValue
from numafit.model.guest import MAX_MEMORY_MB
from numafit.model.hostinfo import MAX_CELLS, MAX_ID, PagePool, max_pages

cdef int64_t LARGEST_ID = MAX_ID
cdef int64_t LARGEST_MEMORY = MAX_MEMORY_MB
cdef Py_ssize_t MOST_CELLS = MAX_CELLS
cdef Py_ssize_t REMEMBERED = 4096

cdef enum:
    WIDEST_ID = 65536  # of CPUs that have a place in a table
    PAGE_NUMBERS = 4
    MOST_PAGES = 16  # sizes in a cell

include "_tokens.pxi"
include "_nova_pools.pxi"

cdef enum:
    CELL_FIELDS = 11
    CELL_NEEDS = (1 << 9) - 1  # all but networks and socket
    PAGE_FIELDS = 4

cdef const char *CELL[CELL_FIELDS]
CELL[:] = [b"id", b"cpuset", b"pcpuset", b"memory", b"cpu_usage", b"memory_usage", b"pinned_cpus",
           b"siblings", b"mempages", b"network_metadata", b"socket"]
cdef const char *PAGES[PAGE_FIELDS]
PAGES[:] = [b"size_kb", b"total", b"used", b"reserved"]
cdef const char *NETWORK[2]
NETWORK[:] = [b"physnets", b"tunneled"]

cdef struct Cell:
    int64_t id, socket, memory, memory_used, cpu_used
    Span sets[3]  # cpuset, pcpuset, siblings
    Span pinned
    Py_ssize_t first_page, n_pages
    bint tunneled


cdef class Layout:
    """CPU sets that the careful reader has read: their text, and each CPU's slot in a mask."""

    cdef readonly int number
    cdef Py_ssize_t n_bytes
    cdef bytes text
    cdef Py_ssize_t sizes[3]
    cdef int32_t *slots
    cdef Py_ssize_t n_slots
    cdef Layout follows  # the cell after such a one had this layout when it was last seen

    def __cinit__(self, bytes text, int number, Py_ssize_t n_bytes, dict slots):
        cdef Py_ssize_t cpu
        self.text, self.number, self.n_bytes = text, number, n_bytes
        self.n_slots = max(slots, default=-1) + 1
        if self.n_slots > WIDEST_ID:
            self.n_slots = 0
        self.slots = <int32_t *>malloc((self.n_slots + 1) * sizeof(int32_t))
        if not self.slots:
            raise MemoryError
        for cpu in range(self.n_slots):
            self.slots[cpu] = slots.get(cpu, -1)

    def __dealloc__(self):
        free(self.slots)

    cdef bint same(self, Span *sets) noexcept:
        cdef const char *at = PyBytes_AS_STRING(self.text)
        cdef int n
        for n in range(3):
            if sets[n].size != self.sizes[n] or memcmp(at, sets[n].at, sets[n].size) != 0:
                return False
            at += sets[n].size
        return True


@cython.final
cdef class NovaText:
    """Reads rows for one gatherer. ``learn``: three texts (cpuset, pcpuset, siblings) -> the
    layout's number, bytes of its masks and the slot of each dedicated CPU, or ``None``."""

    cdef object near, learn
    cdef array ids, sockets, layout_of, mask_at, memory, memory_used, cpu_used
    cdef array page_cell, page_numbers
    cdef bytearray pinned
    cdef object text  # holds what spans point into
    cdef dict layouts
    cdef dict page_bounds
    cdef Layout last
    cdef Cell *cells
    cdef Py_ssize_t n_cells, cell_room
    cdef int64_t *pages
    cdef Py_ssize_t n_pages, page_room
    cdef list nets, of_cells
    cdef bytearray masks
    cdef Py_ssize_t n_pinned

    def __cinit__(self, gatherer, learn):
        self.near, self.learn = gatherer.near, learn
        self.ids, self.sockets, self.layout_of = gatherer.cell_id, gatherer.socket, gatherer.layout
        self.mask_at, self.pinned = gatherer.mask_at, gatherer.pinned
        self.memory, self.memory_used = gatherer.memory, gatherer.memory_used
        self.cpu_used = gatherer.cpu_used
        self.page_cell, self.page_numbers = gatherer.page_cell, gatherer.page_numbers
        self.layouts, self.page_bounds = {}, {}
        self.nets, self.of_cells = [], []
        self.masks = bytearray()

    def __dealloc__(self):
        free(self.cells)
        free(self.pages)

    def read(self, text):
        """Is this an ordinary topology? ``add`` adds its cells then."""
        cdef Text at
        if not start(text, &at):
            return False
        self.text = text
        self.n_cells = self.n_pages = 0
        self.nets.clear()
        enter(&at, b'"NUMATopology"', b'"1.2"')
        need_word(&at, b'"cells"')
        need(&at, b":")
        need(&at, b"[")
        if not sign(&at, b"]"):
            self.cell(&at)
            while more(&at, b"]"):
                self.cell(&at)
        need(&at, b"}")
        leave(&at)
        return ends(&at) and self.lay_out()

    def forget(self):
        """The layouts that were learned: their numbers hold no more."""
        self.layouts.clear()
        self.last = None

    def totals(self):
        """Of the topology that was read: numbers of layouts, MiB, pinned CPUs, floating vCPUs,
        MiB in use."""
        cdef Py_ssize_t n
        cdef int64_t memory = 0, floating = 0, used = 0
        for n in range(self.n_cells):
            memory += self.cells[n].memory
            floating += self.cells[n].cpu_used
            used += self.cells[n].memory_used
        numbers = [(<Layout>one).number for one in self.of_cells]
        return numbers, memory, self.n_pinned, floating, used

    def add(self):
        """The cells that were read."""
        cdef Py_ssize_t n, first = len(self.ids), words = PyByteArray_GET_SIZE(self.pinned) // 8
        cdef Cell *cell
        cdef Layout layout
        for n in range(self.n_cells):
            cell = &self.cells[n]
            layout = <Layout>self.of_cells[n]
            put(self.ids, cell.id)
            put(self.sockets, cell.socket)
            put(self.layout_of, layout.number)
            put(self.mask_at, words)
            put(self.memory, cell.memory)
            put(self.memory_used, cell.memory_used)
            put(self.cpu_used, cell.cpu_used)
            words += layout.n_bytes // 8
            for _page in range(cell.n_pages):
                put(self.page_cell, first + n)
            if cell.tunneled:
                self.near(first + n, (), True)
        if self.n_pages:
            extend_buffer(self.page_numbers, <char *>self.pages, PAGE_NUMBERS * self.n_pages)
        self.pinned += self.masks
        for cell_of, physnets in self.nets:
            self.near(first + cell_of, physnets, False)

    cdef int cell(self, Text *text) except -1:
        cdef Cell *cell
        cdef int field = -1, seen = 0
        if text.odd or self.n_cells == MOST_CELLS:
            text.odd = True
            return 0
        if self.n_cells == self.cell_room:
            self.cell_room = 2 * self.cell_room + 8
            self.cells = <Cell *>larger(self.cells, self.cell_room * sizeof(Cell))
        cell = &self.cells[self.n_cells]
        self.n_cells += 1
        cell.socket, cell.tunneled = -1, False
        cell.n_pages, cell.first_page = 0, self.n_pages
        enter(text, b'"NUMACell"', b'"1.5"')
        while not text.odd:
            field = key(text, CELL, CELL_FIELDS, (field + 1) % CELL_FIELDS)
            if seen >> field & 1:
                text.odd = True
            seen |= 1 << field
            if field == 0:
                cell.id = whole(text, LARGEST_ID)
            elif field == 1 or field == 2:
                cell.sets[field - 1] = listed(text)
            elif field == 3:
                cell.memory = whole(text, LARGEST_MEMORY)
            elif field == 4:
                cell.cpu_used = whole(text, LARGEST_ID)
            elif field == 5:
                cell.memory_used = whole(text, LARGEST_MEMORY)
            elif field == 6:
                cell.pinned = listed(text)
            elif field == 7:
                cell.sets[2] = lists(text)
            elif field == 8:
                need(text, b"[")
                if not sign(text, b"]"):
                    self.page_pool(text, cell)
                    while more(text, b"]"):
                        self.page_pool(text, cell)
            elif field == 9:
                self.network(text, cell)
            elif not word(text, b"null"):
                cell.socket = -1 if word(text, b"-1") else whole(text, LARGEST_ID)
            if not more(text, b"}"):
                break
        leave(text)
        if seen & CELL_NEEDS != CELL_NEEDS:
            text.odd = True
        return 0

    cdef int page_pool(self, Text *text, Cell *cell) except -1:
        cdef int64_t *numbers
        cdef int field = -1, seen = 0
        cdef Py_ssize_t p
        if text.odd or cell.n_pages == MOST_PAGES:
            text.odd = True
            return 0
        if self.n_pages == self.page_room:
            self.page_room = 2 * self.page_room + 32
            self.pages = <int64_t *>larger(
                self.pages, PAGE_NUMBERS * self.page_room * sizeof(int64_t)
            )
        numbers = &self.pages[PAGE_NUMBERS * self.n_pages]
        enter(text, b'"NUMAPagesTopology"', b'"1.1"')
        while not text.odd:
            field = key(text, PAGES, PAGE_FIELDS, (field + 1) % PAGE_FIELDS)
            if seen >> field & 1:
                text.odd = True
            seen |= 1 << field
            numbers[field] = whole(text, LARGEST_ID)
            if not more(text, b"}"):
                break
        leave(text)
        if text.odd or seen != (1 << PAGE_FIELDS) - 1 or numbers[0] == 0:
            text.odd = True
            return 0
        if numbers[1] > self.most_pages(numbers[0]) or not (
            numbers[2] <= numbers[1] >= numbers[3] or can_be(numbers)
        ):
            text.odd = True
        for p in range(cell.first_page, self.n_pages):
            if self.pages[PAGE_NUMBERS * p] == numbers[0]:
                text.odd = True
        cell.n_pages += 1
        self.n_pages += 1
        return 0

    cdef int64_t most_pages(self, int64_t size) except -1:
        found = self.page_bounds.get(size)
        if found is None:
            if len(self.page_bounds) >= REMEMBERED:
                self.page_bounds.clear()
            found = self.page_bounds[size] = max_pages(size)
        return found

    cdef int network(self, Text *text, Cell *cell) except -1:
        cdef int field = -1, seen = 0
        cdef list names = []
        enter(text, b'"NetworkMetadata"', b'"1.0"')
        while not text.odd:
            field = key(text, NETWORK, 2, (field + 1) % 2)
            if seen >> field & 1:
                text.odd = True
            seen |= 1 << field
            if field == 0:
                need(text, b"[")
                if not sign(text, b"]"):
                    names.append(decoded(plain(text)))
                    while more(text, b"]"):
                        names.append(decoded(plain(text)))
            elif word(text, b"true"):
                cell.tunneled = True
            else:
                need_word(text, b"false")
                cell.tunneled = False
            if not more(text, b"}"):
                break
        leave(text)
        if seen != 3:
            text.odd = True
        if names:
            self.nets.append((self.n_cells - 1, names))
        return 0

    cdef bint lay_out(self) except -1:
        """The layouts and masks of all cells; ``False``: there is an odd one."""
        cdef Py_ssize_t n, other, before = 0
        cdef Layout one
        self.of_cells.clear()
        self.n_pinned = 0
        for n in range(self.n_cells):
            for other in range(n):
                if self.cells[other].id == self.cells[n].id:
                    return False
            one = self.layout(&self.cells[n])
            if one is None:
                return False
            self.of_cells.append(one)
            before += one.n_bytes
        PyByteArray_Resize(self.masks, before)
        memset(PyByteArray_AS_STRING(self.masks), 0, before)
        before = 0
        for n in range(self.n_cells):
            one = <Layout>self.of_cells[n]
            if not self.pin(&self.cells[n], one, PyByteArray_AS_STRING(self.masks) + before):
                return False
            before += one.n_bytes
        return True

    cdef Layout layout(self, Cell *cell):
        cdef Layout found, last = self.last
        cdef bytes text
        cdef char *at
        cdef int n
        if last is not None and last.follows is not None and last.follows.same(cell.sets):
            self.last = last.follows
            return self.last
        text = PyBytes_FromStringAndSize(
            NULL, cell.sets[0].size + cell.sets[1].size + cell.sets[2].size
        )
        at = PyBytes_AS_STRING(text)
        for n in range(3):
            memcpy(at, cell.sets[n].at, cell.sets[n].size)
            at += cell.sets[n].size
        # lists end where they end: no two triples of them make one text
        found = self.layouts.get(text)
        if found is None:
            learned = self.learn([cell.sets[n].at[: cell.sets[n].size] for n in range(3)])
            if learned is None:
                return None
            found = Layout(text, *learned)
            for n in range(3):
                found.sizes[n] = cell.sets[n].size
            if len(self.layouts) >= REMEMBERED:
                self.layouts.clear()
            self.layouts[text] = found
        if last is not None:
            last.follows = found
        self.last = found
        return found

    cdef bint pin(self, Cell *cell, Layout layout, char *mask) noexcept:
        """Sets the bits of the CPUs; ``False``: one is no dedicated one, or stands twice."""
        cdef Text text
        cdef int64_t cpu
        cdef int32_t slot
        text.at, text.odd = cell.pinned.at + 1, False
        if sign(&text, b"]"):
            return True
        while not text.odd:
            cpu = whole(&text, layout.n_slots - 1)
            if text.odd:
                return False
            slot = layout.slots[cpu]
            if slot < 0 or mask[slot >> 3] >> (slot & 7) & 1:
                return False
            mask[slot >> 3] |= <char>(1 << (slot & 7))
            self.n_pinned += 1
            if not more(&text, b"]"):
                break
        return not text.odd


cdef bint can_be(int64_t *pages) except -1:
    """Pages of which more are in use than there are."""
    try:
        PagePool(pages[0], pages[1], pages[2], pages[3])
    except InvalidValue:
        return False
    return True


cdef void *larger(void *old, size_t size) except NULL:
    cdef void *new = realloc(old, size)
    if not new:
        raise MemoryError
    return new


cdef inline int put(array column, int64_t value) except -1:
    """At the end of a column of whole numbers."""
    cdef Py_ssize_t n = len(column)
    resize_smart(column, n + 1)
    if column.itemsize == 8:
        (<int64_t *>column.data.as_voidptr)[n] = value
    else:
        (<int32_t *>column.data.as_voidptr)[n] = <int32_t>value
    return 0
