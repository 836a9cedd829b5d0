# One host apart from its fleet.


cdef dict numbers_of_columns():
    cdef uint32_t i = 0
    found = {}
    while nf.column(i) != NULL:
        found[nf.column(i).name.decode()] = i
        i += 1
    return found


cdef dict COLUMN_NUMBERS = numbers_of_columns()


cdef class HostCopy:
    """A host of one moment, as a fleet of its own: all that is the host's is copied. By the name of
    a column: its values, the host's part alone."""

    cdef nf_fleet c
    cdef object fleet  # what tables that hosts share point into
    cdef bytearray buffer
    cdef char *memory  # of the buffer
    cdef dict seen
    cdef object whole  # the buffer, to numpy
    cdef readonly uint32_t host

    def __getitem__(self, str name):
        cdef uint32_t i
        cdef const nf_column_info *column
        cdef size_t at, size
        found = None if self.seen is None else self.seen.get(name)
        if found is None:
            if self.whole is None:
                self.whole = np.frombuffer(self.buffer, np.uint8)
            if self.seen is None:
                self.seen = {}
            i = COLUMN_NUMBERS[name]
            column = nf.column(i)
            shape = shape_of(&self.c, i)
            size = column.size
            for length in shape:
                size *= length
            at = 0  # nothing of it is in the buffer where there is nothing to copy
            if size:
                at = (<char **>(<char *>&self.c + column.offset))[0] - self.memory
            part = self.whole[at:at + size]
            found = self.seen[name] = part.view(COLUMNS[name].dtype).reshape(shape)
        return found
