# Whether devices can be had on a host, whatever else a guest asks for.


cdef class Devices(Engine):
    """PCI requests alone."""

    def supports_pci(self, HostCopy still, tuple requests, cells, mapping=None, options=None):
        """The reason why it cannot be done, "" if it can; the draws as (request, pool, count)."""
        cdef Prepared p = self.prepare_parts((), False, None, requests, mapping)
        cdef uint32_t host = still.host, i
        cdef uint32_t pool = self.c.host_first_pool[host], first = self.c.host_first_cell[host]
        cdef Placed placed = new_placed(self, p, host)
        cdef int status
        ids = {self.c.cell_id[first + i]: i for i in range(still.c.n_cells)}
        for cell in cells:
            if cell not in ids:
                raise MisuseError(
                    f"cells: {self.known_as(host)} has no cell {cell}, expected of {sorted(ids)}")
        placed.options = native_options(options).c
        status = self.draw(placed, [ids[cell] for cell in cells], still)
        draws = [(placed.out.draws[i].request, pool + placed.out.draws[i].pool,
                  placed.out.draws[i].count) for i in range(placed.out.n_draws)]
        return "" if status == NF_OK else REASONS[status], draws
