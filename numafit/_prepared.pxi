# A request in the numbers of one fleet: names looked up once, memory laid out for C.

cdef dict POLICIES = {
    None: NF_POLICY_NONE, "shared": NF_POLICY_SHARED,
    "dedicated": NF_POLICY_DEDICATED, "mixed": NF_POLICY_MIXED,
}
cdef dict THREADS = {
    None: NF_THREADS_NONE, "prefer": NF_THREADS_PREFER,
    "isolate": NF_THREADS_ISOLATE, "require": NF_THREADS_REQUIRE,
}
cdef dict PCI_POLICIES = {
    None: NF_PCI_LEGACY, "legacy": NF_PCI_LEGACY, "required": NF_PCI_REQUIRED,
    "socket": NF_PCI_SOCKET, "preferred": NF_PCI_PREFERRED,
}


cdef class Prepared:
    """A request with its names turned into the numbers of one fleet.

    ``guest`` are its cells; ``vcpus`` lists each cell's dedicated vCPUs in ascending order, the
    order in which the engine hands out their CPUs; ``pci`` are its PCI requests.
    """

    cdef nf_request c
    cdef nf_guest_cell *cells
    cdef uint32_t *nets
    cdef nf_pci_request *requests
    cdef uint64_t *masks
    cdef nf_provider *providers
    cdef nf_resource *resources
    cdef uint64_t *host_kinds
    cdef uint64_t *second_kinds
    cdef nf_resource *second_resources
    cdef Prepared base  # has the memory, where this is the same in a fleet that has changed
    cdef readonly object request
    cdef readonly object columns  # those in whose numbers it is
    cdef dict amounts  # of resource classes, where there is no request
    cdef readonly tuple guest
    cdef readonly tuple pci
    cdef readonly list vcpus
    cdef readonly list net_names
    cdef size_t workspace_bytes
    cdef uint32_t max_slots, max_draws

    @property
    def bounded(self):
        """Does it ask for anything that runs out on this fleet's hosts?"""
        cdef uint32_t i
        for i in range(self.c.n_pci):
            if self.c.pci[i].count:
                return True
        return self.c.n_cells + self.c.n_resources + self.c.n_fallback > 0

    def __copy__(self):
        return self

    def __deepcopy__(self, memo):
        return self

    def __dealloc__(self):
        free(self.cells)
        free(self.nets)
        free(self.requests)
        free(self.masks)
        free(self.providers)
        free(self.resources)
        free(self.host_kinds)
        free(self.second_kinds)
        free(self.second_resources)


cdef Prepared same_again(Prepared old, uint64_t identity):
    """In numbers that have only been added to."""
    cdef Prepared p = Prepared.__new__(Prepared)
    p.base = old if old.base is None else old.base
    p.c = old.c
    p.c.fleet = identity
    p.columns = old.columns
    p.request, p.amounts, p.guest, p.pci = old.request, old.amounts, old.guest, old.pci
    p.vcpus, p.net_names = old.vcpus, old.net_names
    p.workspace_bytes, p.max_slots, p.max_draws = old.workspace_bytes, old.max_slots, old.max_draws
    return p


cdef void *zeroed(size_t count, size_t size) except NULL:
    """Zeroed memory: cells that ask for the same are found by comparing bytes."""
    cdef void *memory = calloc(count or 1, size)
    if memory == NULL:
        raise MemoryError
    return memory


cdef int prepare_cells(Prepared p, tuple cells, bint isolated) except -1:
    cdef size_t i
    cdef nf_guest_cell *c
    p.cells = <nf_guest_cell *>zeroed(len(cells), sizeof(nf_guest_cell))
    p.guest = cells
    p.vcpus = []
    for i in range(<size_t>len(cells)):
        cell = cells[i]
        c = &p.cells[i]
        c.memory = cell.memory_mb
        c.page_kib = cell.pagesize or 0
        c.n_shared = len(cell.cpuset)
        c.n_dedicated = len(cell.pcpuset)
        c.policy = POLICIES[cell.cpu_policy]
        c.threads = THREADS[cell.cpu_thread_policy]
        p.vcpus.append(sorted(cell.pcpuset))
    p.c.abi = NF_ABI_VERSION
    p.c.n_cells = len(cells)
    p.c.cells = p.cells
    p.c.emulator_isolated = isolated
    return 0


cdef int prepare_nets(Prepared p, object networks, dict known) except -1:
    cdef size_t i
    nets, names = [], []
    if networks is not None:
        if networks.tunneled:
            nets.append(NF_TUNNEL_NET)
            names.append("")
        for physnet in sorted(networks.physnets):
            net = known.get(physnet)
            if net is not None:  # else no host is near it, and it sets no condition
                nets.append(net)
                names.append(physnet)
    if len(nets) > NF_MAX_NETS:
        raise InvalidRequest(
            f"physnets: {len(nets)} networks, expected at most {NF_MAX_NETS} of one guest",
            nova_exception="Invalid", key="physnets")
    p.nets = <uint32_t *>zeroed(len(nets), sizeof(uint32_t))
    for i in range(<size_t>len(nets)):
        p.nets[i] = nets[i]
    p.net_names = names
    p.c.n_nets = len(nets)
    p.c.nets = p.nets
    return 0


cdef int prepare_pci(Prepared p, tuple requests, object columns, object spec_masks,
                     object mapping) except -1:
    cdef size_t words = (len(columns.classes) + 63) // 64 or 1, i
    cdef bytes masks
    cdef nf_pci_request *q
    cdef nf_provider *next_provider
    if len(requests) > NF_MAX_PCI:
        raise InvalidRequest(
            f"pci: {len(requests)} requests, expected at most {NF_MAX_PCI} of one guest",
            nova_exception="PciDeviceRequestFailed", key="pci")
    counted = [Counter(pci_filter.providers(r, mapping)) for r in requests]
    p.pci = requests
    p.requests = <nf_pci_request *>zeroed(len(requests), sizeof(nf_pci_request))
    p.masks = <uint64_t *>zeroed(2 * len(requests) * words, sizeof(uint64_t))
    p.providers = <nf_provider *>zeroed(sum(map(len, counted)), sizeof(nf_provider))
    next_provider = p.providers
    for i in range(<size_t>len(requests)):
        request = requests[i]
        q = &p.requests[i]
        q.count = min(max(request.count, 0), 0x7fffffff)  # no host has as many
        q.policy = PCI_POLICIES[request.numa_policy]
        q.matches = p.masks + 2 * i * words
        q.usable = q.matches + words
        masks = spec_masks.of(request, words)
        if <size_t>len(masks) != 2 * words * sizeof(uint64_t):
            raise AssertionError("masks of another number of property sets")
        memcpy(p.masks + 2 * i * words, <const char *>masks, 2 * words * sizeof(uint64_t))
        q.providers = next_provider
        for uuid, count in counted[i].items():
            # a provider that no pool has: a number that none has either
            next_provider.provider = columns.providers.get(uuid, 0xffffffff)
            next_provider.count = count
            next_provider += 1
            q.n_providers += 1
    p.c.n_pci = len(requests)
    p.c.pci = p.requests
    return 0


cdef int prepare_resources(Prepared p, object asked, object columns) except -1:
    """What is asked of hosts themselves: units by class, and the kinds of hosts that will do; of
    those that the first query rules out and the second finds, what that one asks."""
    if asked is None:
        return 0
    kinds = columns.host_kinds
    first = [not why_not(kind, asked) for kind in kinds]
    p.resources = units_of(asked.amounts, columns, &p.c.n_resources)
    p.c.resources = p.resources
    if all(first):
        return 0
    p.host_kinds = bits_of(first)
    p.c.host_classes = p.host_kinds
    second = [second_finds(kind, asked) for kind in kinds]
    if any(second):
        p.second_kinds = bits_of(second)
        p.second_resources = units_of(asked.second.amounts, columns, &p.c.n_fallback)
        p.c.fallback_classes = p.second_kinds
        p.c.fallback = p.second_resources
    return 0


cdef uint64_t *bits_of(list flags) except NULL:
    cdef size_t i
    cdef uint64_t *words = <uint64_t *>zeroed((len(flags) + 63) // 64, sizeof(uint64_t))
    for i in range(<size_t>len(flags)):
        if flags[i]:
            words[i // 64] |= <uint64_t>1 << (i % 64)
    return words


cdef nf_resource *units_of(dict wanted, object columns, uint32_t *count) except NULL:
    """What is asked of the classes that some host has an inventory of."""
    cdef nf_resource *units
    cdef uint32_t n = 0
    amounts = [(columns.resource_classes[name], amount) for name, amount in wanted.items()
               if name in columns.resource_classes]
    if len(amounts) > NF_MAX_RESOURCES:
        raise InvalidRequest(
            f"resources: {len(amounts)} classes, expected at most {NF_MAX_RESOURCES} of one guest",
            nova_exception="Invalid", key="resources")
    units = <nf_resource *>zeroed(len(amounts), sizeof(nf_resource))
    for number, amount in amounts:
        units[n].resource = number
        units[n].amount = min(amount, 0x7fffffff)  # no host has as many
        n += 1
    count[0] = n
    return units
