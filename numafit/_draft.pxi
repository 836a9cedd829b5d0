# A host as it is to be, made apart from its fleet in the fleet's numbers.
from cpython cimport array as c_array


cdef int slice_of(void *into, object values, size_t first, size_t n, size_t size) except -1:
    """``n`` values of ``size`` bytes of an ``array.array``."""
    if n:
        memcpy(into, (<c_array.array>values).data.as_chars + first * size, n * size)
    return 0


cdef class HostDraft(HostCopy):
    """A host as it is to be: a fleet of its own in the numbers of another, whose tables it has."""

    cdef readonly uint32_t cells, pools
    cdef readonly uint64_t words
    cdef readonly bint there  # it was put in its place


cdef HostDraft blank_draft(const nf_fleet *f, uint32_t cells, uint32_t pools, uint64_t words):
    """Columns of its own for all that hosts, cells and pools have, filled with 0."""
    cdef HostDraft made = HostDraft.__new__(HostDraft)
    cdef uint32_t i = 0
    cdef size_t at = 0
    cdef uint64_t shape[2]
    cdef const nf_column_info *column
    made.cells, made.pools, made.words = cells, pools, words
    made.c = f[0]
    made.c.n_hosts = made.c.host_room = 1
    made.c.n_cells = made.c.max_cells = cells
    made.c.n_pools = made.c.max_pools = pools
    made.c.n_mask_words = words
    for turn in range(2):
        i, at = 0, 0
        while nf.column(i) != NULL:
            column = nf.column(i)
            if of_hosts(column.per):
                nf.column_shape(&made.c, i, shape)
                if turn:
                    (<char **>(<char *>&made.c + column.offset))[0] = made.memory + at
                at += (shape[0] * shape[1] * column.size + 7) // 8 * 8
            i += 1
        if not turn:
            made.buffer = bytearray(at or 1)
            made.memory = PyByteArray_AS_STRING(made.buffer)
    return made


cdef bint of_hosts(uint32_t per) noexcept nogil:
    """Has a column a value for hosts, cells or pools, and not for what they share?"""
    return per in (NF_PER_HOST, NF_PER_RESOURCE_HOST, NF_PER_CELL, NF_PER_CELL_NET,
                   NF_PER_PAGE_CELL, NF_PER_THREAD_CELL, NF_PER_POOL, NF_PER_MASK_WORD)


cdef HostDraft draft_of(const nf_fleet *f, object gathered, uint32_t n, dict page_rows,
                        object lent):
    """The n-th of the hosts that were gathered in the numbers of ``f``."""
    cdef uint32_t first = gathered.cell_edges[n], end = gathered.cell_edges[n + 1], i, k
    cdef uint32_t pool = gathered.pools.edges[n], last = gathered.pools.edges[n + 1]
    masks = gathered.mask_at
    cdef uint64_t word = masks[first] if first < end else 0
    cdef uint64_t words = 0
    cdef HostDraft made
    cdef const uint8_t *pinned
    if first < end:
        words = (masks[end] if end < <uint32_t>len(masks) else len(gathered.pinned) // 8) - word
    made = blank_draft(f, end - first, last - pool, words)
    made.fleet = lent
    c = &made.c
    (<uint32_t *>c.host_end_cell)[0] = end - first
    (<uint32_t *>c.host_end_pool)[0] = last - pool
    slice_of(<void *>c.host_cpu_ratio, gathered.cpu_ratio, n, 1, 8)
    slice_of(<void *>c.host_ram_ratio, gathered.ram_ratio, n, 1, 8)
    slice_of(<void *>c.host_distance_at, gathered.distance_at, n, 1, 8)
    (<uint32_t *>c.host_class)[0] = gathered.resources.kind[n]
    for i in range(c.n_resources):
        (<int64_t *>c.resource_limit)[i] = NF_MAX_AMOUNT
    provider = gathered.resources.providers.get(n)
    if provider is not None:
        classes = gathered.resources.classes
        for name, inventory in provider.inventories.items():
            i = classes[name]
            (<int64_t *>c.resource_limit)[i] = inventory.limit
            c.resource_used[i] = inventory.used
    slice_of(<void *>c.cell_id, gathered.cell_id, first, end - first, 4)
    slice_of(<void *>c.cell_socket, gathered.socket, first, end - first, 4)
    slice_of(<void *>c.cell_layout, gathered.layout, first, end - first, 4)
    slice_of(<void *>c.cell_memory, gathered.memory, first, end - first, 8)
    slice_of(<void *>c.cell_memory_used, gathered.memory_used, first, end - first, 8)
    slice_of(<void *>c.cell_cpu_used, gathered.cpu_used, first, end - first, 8)
    for i in range(end - first):
        (<uint64_t *>c.cell_mask_at)[i] = masks[first + i] - word
    if words:
        pinned = gathered.pinned
        memcpy(c.pinned, pinned + 8 * word, 8 * words)
    fill_pages(c, gathered, first, end, page_rows)
    for k in range(bisect_left(gathered.net_cell, first), bisect_left(gathered.net_cell, end)):
        i, net = gathered.net_cell[k] - first, gathered.net[k]
        (<uint64_t *>c.cell_nets)[<size_t>i * c.net_words + net // 64] |= <uint64_t>1 << (net % 64)
    fill_pools(c, gathered.pools.columns, pool, last)
    return made


cdef int fill_pages(nf_fleet *c, object gathered, uint32_t first, uint32_t end,
                    dict page_rows) except -1:
    cdef Py_ssize_t k
    cdef uint32_t cell, row
    cdef size_t at
    cdef int64_t total, used, reserved
    numbers = gathered.page_numbers
    for k in range(bisect_left(gathered.page_cell, first), bisect_left(gathered.page_cell, end)):
        cell, row = gathered.page_cell[k] - first, page_rows[numbers[4 * k]]
        total, used, reserved = numbers[4 * k + 1], numbers[4 * k + 2], numbers[4 * k + 3]
        at = <size_t>row * c.n_cells + cell
        (<uint32_t *>c.cell_page_sizes)[cell] |= <uint32_t>1 << row
        (<int32_t *>c.pages_total)[at] = total
        c.pages_used[at] = used
        c.pages_free[at] = total - used - reserved
    return 0


cdef int fill_pools(nf_fleet *c, object columns, uint32_t first, uint32_t last) except -1:
    cdef uint32_t i
    cdef int32_t cell
    if first == last:
        return 0
    kinds, cells, providers, families, devices, counts = (
        columns["pool_class"], columns["pool_cell"], columns["pool_provider"],
        columns["pool_family"], columns["pool_kind"], columns["pool_count"])
    for i in range(last - first):
        cell = cells[first + i]
        (<uint32_t *>c.pool_class)[i] = kinds[first + i]
        (<int32_t *>c.pool_cell)[i] = cell
        (<uint32_t *>c.pool_provider)[i] = providers[first + i]
        (<uint32_t *>c.pool_family)[i] = families[first + i]
        (<uint32_t *>c.pool_kind)[i] = devices[first + i]
        c.pool_count[i] = counts[first + i]
        if cell >= 0:
            c.cell_devices[cell] += c.pool_count[i]
    return 0
