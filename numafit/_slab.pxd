cdef class Slab:
    cdef char *memory
    cdef size_t bytes
    cdef object backing  # the file that it is mapped on, shared with its forks
    cdef int handle  # of that file
    cdef bint fresh  # the file is written to
    cdef size_t copied  # pages that forks had to copy since it is on this file
    cdef int seal_now(self) noexcept nogil
    cdef Slab twin(self)
    cdef bint holds(self, const void *at, size_t size) noexcept nogil
    cdef int copy_changes(self, Slab to) noexcept nogil
    cdef size_t copy_pages(self, Slab to, int pagemap) noexcept nogil
    cdef size_t copy_run(self, Slab to, size_t first, size_t end) noexcept nogil
