# The columns of a fleet as C has them: which there are, of what type and shape.

cdef object identities = itertools.count(1)
cdef tuple DTYPES = (
    np.dtype(np.int32), np.dtype(np.uint32), np.dtype(np.int64), np.dtype(np.uint64),
    np.dtype(np.float64), LAYOUT_DTYPE,
)


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
