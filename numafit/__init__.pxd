# For Cython modules: `from numafit cimport nf_import, nf_api, nf_request` and so on. Needs the
# folder of numafit.get_include() among the include directories; there is nothing to link.
from cpython.pycapsule cimport PyCapsule_Import

from numafit._c cimport *


cdef inline const nf_api *nf_import() except NULL:
    """The functions of numafit.h. Raises ImportError where numafit's structs have changed since
    this module was built."""
    cdef const nf_api *api = NULL
    try:
        api = <const nf_api *>PyCapsule_Import(NF_CAPSULE, 0)
    except AttributeError:
        pass
    if api == NULL or api.abi != NF_ABI_VERSION or api.bytes < sizeof(nf_api):
        raise ImportError(
            f"built against version {NF_ABI_VERSION} of numafit's C API, and the installed "
            "numafit has another one: build this module again")
    return api
