# cython: language_level=3, freethreading_compatible=True
"""One block of memory for all columns of a large fleet, mapped from a file that has no name.

What stands in the file never changes once it is sealed: each Slab on it is a private mapping, whose
pages the kernel copies when they are written to. A fork maps the file again and copies the pages
that differ from it, which the kernel tells.

Imports nothing of numafit, so that every room may import it.
"""

from cpython.buffer cimport PyBuffer_FillInfo
from libc.stdint cimport uint64_t
from libc.string cimport memcpy

import os
import tempfile

cdef extern from "<sys/mman.h>" nogil:
    enum:
        PROT_READ
        PROT_WRITE
        MAP_PRIVATE
        MAP_SHARED
        MAP_FIXED
        MAP_NORESERVE
    void *MAP_FAILED
    void *mmap(void *at, size_t size, int protection, int flags, int handle, size_t offset)
    int munmap(void *at, size_t size)

cdef extern from "<fcntl.h>" nogil:
    enum:
        O_RDONLY
        O_CLOEXEC
    int open(const char *path, int flags)

cdef extern from "<unistd.h>" nogil:
    ssize_t pread(int handle, void *into, size_t size, size_t offset)
    int close(int handle)

cdef enum:
    ENTRIES = 4096  # of the page map that are read at once
    OWN = MAP_PRIVATE | MAP_NORESERVE

cdef size_t PAGE = os.sysconf("SC_PAGESIZE")
cdef uint64_t PRESENT = <uint64_t>1 << 63, SWAPPED = <uint64_t>1 << 62, OF_FILE = <uint64_t>1 << 61


cdef class Backing:
    """The open file, closed with the last Slab on it."""

    cdef int handle

    def __cinit__(self, int handle):
        self.handle = handle

    def __dealloc__(self):
        close(self.handle)


def unnamed_file(size_t size):
    """A handle of a new file of so many bytes, all 0, that is gone with its last user."""
    if hasattr(os, "memfd_create"):
        handle = os.memfd_create("numafit", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    else:
        with tempfile.TemporaryFile() as file:
            handle = os.dup(file.fileno())
    try:
        os.ftruncate(handle, size)
    except BaseException:
        os.close(handle)
        raise
    return handle


cdef char *mapped(int handle, size_t size, int how, char *at=NULL) noexcept nogil:
    """``NULL`` where there is no memory for it."""
    found = mmap(at, size, PROT_READ | PROT_WRITE, how | (MAP_FIXED if at else 0), handle, 0)
    return NULL if found == MAP_FAILED else <char *>found


cdef Slab slab_on(Backing backing, size_t size, int how):
    cdef Slab made = Slab.__new__(Slab)
    made.backing = backing
    made.handle = backing.handle
    made.fresh = how == MAP_SHARED
    made.memory = mapped(made.handle, size, how)
    if made.memory == NULL:
        raise MemoryError
    made.bytes = size
    return made


cdef class Slab:
    """``new`` and ``of_file`` make one."""

    @staticmethod
    def new(size_t size):
        """Zeros, on a file that is written to until ``seal``. Raises OSError where none can be
        made."""
        return slab_on(Backing(unnamed_file(size)), size, MAP_SHARED)

    @staticmethod
    def of_file(int handle, size_t size):
        """What an open file holds, from its beginning on."""
        return slab_on(Backing(os.dup(handle)), size, OWN)

    def __dealloc__(self):
        if self.memory != NULL:
            munmap(self.memory, self.bytes)

    def __len__(self):
        return self.bytes

    def __getbuffer__(self, Py_buffer *buffer, int flags):
        PyBuffer_FillInfo(buffer, self, self.memory, self.bytes, 0, flags)

    def seal(self):
        """From here on the file stays as it is, and what is written is this Slab's own."""
        if self.seal_now():
            raise MemoryError

    cdef int seal_now(self) noexcept nogil:
        if self.fresh and mapped(self.handle, self.bytes, OWN, self.memory) == NULL:
            return -1
        self.fresh = False
        return 0

    cdef Slab twin(self):
        """A Slab for ``copy_changes`` to fill: on the same file, or on a new one where forks have
        copied as much as that costs, so that those to come copy less."""
        if self.copied * PAGE > self.bytes:
            return slab_on(Backing(unnamed_file(self.bytes)), self.bytes, MAP_SHARED)
        return slab_on(self.backing, self.bytes, OWN)

    cdef bint holds(self, const void *at, size_t size) noexcept nogil:
        return self.memory <= <char *>at and <char *>at + size <= self.memory + self.bytes

    cdef int copy_changes(self, Slab to) noexcept nogil:
        """Make ``to`` hold what this Slab holds, which nobody writes to meanwhile. 0; 1: another
        fork has moved this one to another file, ask for a twin again; -1: no memory."""
        cdef int handle
        if to.handle != self.handle:
            if not to.fresh:
                return 1
            memcpy(to.memory, self.memory, self.bytes)
            if to.seal_now() or mapped(to.handle, self.bytes, OWN, self.memory) == NULL:
                return -1
            self.handle = to.handle
            self.copied = 0
            return 0
        handle = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC)
        self.copied += self.copy_pages(to, handle)
        if handle >= 0:
            close(handle)
        return 0

    cdef size_t copy_pages(self, Slab to, int pagemap) noexcept nogil:
        """Copy the pages that are not the file's any more; how many."""
        cdef uint64_t found[ENTRIES]
        cdef size_t pages = (self.bytes + PAGE - 1) // PAGE, first = 0, count, i, run
        cdef size_t before = <size_t>self.memory // PAGE, copied = 0
        cdef ssize_t got
        while first < pages:
            count = min(pages - first, <size_t>ENTRIES)
            got = pread(pagemap, found, count * sizeof(uint64_t),
                        (before + first) * sizeof(uint64_t))
            if got < <ssize_t>sizeof(uint64_t):  # nobody tells
                return copied + self.copy_run(to, first, pages)
            count = <size_t>got // sizeof(uint64_t)
            i = 0
            while i < count:
                run = i
                while run < count and found[run] & (PRESENT | SWAPPED) and not found[run] & OF_FILE:
                    run += 1
                copied += self.copy_run(to, first + i, first + run)
                i = run + 1
            first += count
        return copied

    cdef size_t copy_run(self, Slab to, size_t first, size_t end) noexcept nogil:
        """Pages ``first`` .. ``end - 1``."""
        if end > first:
            memcpy(to.memory + first * PAGE, self.memory + first * PAGE,
                   min(end * PAGE, self.bytes) - first * PAGE)
        return end - first
