# One host apart from its fleet.


cdef class HostCopy:
    """A host of one moment, as a fleet of its own: what claims change is copied."""

    cdef nf_fleet c
    cdef object fleet  # what the rest of it points into
    cdef object buffer
    cdef char *memory  # of the buffer
    cdef readonly uint32_t host

    def arrays(self):
        """What is copied: arrays by their names, the host's part alone."""
        cdef uint32_t i = 0
        cdef const nf_column_info *column
        cdef size_t at, size
        made = {}
        while nf.column(i) != NULL:
            column = nf.column(i)
            if column.claimed:
                shape = shape_of(&self.c, i)
                size = column.size
                for length in shape:
                    size *= length
                at = 0  # nothing of it is in the buffer where there is nothing to copy
                if size:
                    at = (<char **>(<char *>&self.c + column.offset))[0] - self.memory
                part = self.buffer[at:at + size]
                name = column.name.decode()
                made[name] = part.view(COLUMNS[name].dtype).reshape(shape)
            i += 1
        return made
