# FitOptions in the engine's numbers: made once for each, remembered by it.

cdef dict OF_STRATEGY = dict(
    zip(STRATEGIES, (NF_SPREAD, NF_PACK, NF_CLOSEST), strict=True))
cdef dict OF_AFFINITY = dict(
    zip(PHYSNET_AFFINITIES, (NF_NETS_ANY, NF_NETS_ALL), strict=True))
cdef dict OF_MATCHING = dict(
    zip(PCI_MATCHINGS, (NF_MATCH_NOVA, NF_MATCH_EXACT), strict=True))


@cython.final
cdef class NativeOptions:
    """struct nf_options of a FitOptions, which has checked the words."""

    cdef nf_options c


cdef NativeOptions made_of(object options):
    cdef NativeOptions made = NativeOptions.__new__(NativeOptions)
    limits = options.limits
    made.c.strategy = OF_STRATEGY[options.strategy]
    made.c.net_affinity = OF_AFFINITY[options.physnet_affinity]
    made.c.pci_matching = OF_MATCHING[options.pci_matching]
    made.c.budget = 0
    made.c.cpu_ratio = made.c.ram_ratio = 0.0
    if limits is None:
        made.c.limits = NF_LIMITS_NONE
    elif limits == "host":
        made.c.limits = NF_LIMITS_HOST
    else:
        made.c.limits = NF_LIMITS_GIVEN
        made.c.cpu_ratio = limits.cpu_allocation_ratio
        made.c.ram_ratio = limits.ram_allocation_ratio
    return made


cdef NativeOptions DEFAULTS = made_of(FitOptions())
cdef NativeOptions PHYSICAL = made_of(FitOptions(limits=None))


cdef NativeOptions native_options(object options):
    if options is None:
        return DEFAULTS
    if type(options) is not FitOptions:
        raise MisuseError(f"options={shorten(options)}: expected a FitOptions")
    native = options._native
    if native is None:
        native = made_of(options)
        PyObject_GenericSetAttr(options, "_native", native)
    return native
