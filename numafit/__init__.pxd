# For Cython modules: `from numafit cimport nf_fit, nf_request` and so on. Needs the folder of
# numafit.get_include() among the include directories; there is nothing to link.
from numafit._engine cimport *


cdef inline int nf_check_abi() except -1:
    """Call once at import: raises ImportError where numafit's structs have changed since."""
    if nf_abi_version() != NF_ABI_VERSION:
        raise ImportError(
            f"built against version {NF_ABI_VERSION} of numafit's C API, but the installed "
            f"numafit has version {nf_abi_version()}: build this module again")
    return 0
