# The table of functions that other extension modules reach through a capsule.
from cpython.pycapsule cimport PyCapsule_New

cdef nf_api capi = nf[0]


cdef const nf_shared *shared_of(object fleet) except NULL:
    engine = getattr(fleet, "_engine", None)
    if not isinstance(engine, Engine):
        raise MisuseError(f"{type(fleet).__name__}: expected a Fleet or a Host")
    return (<Engine>engine).hand_out()


cdef const nf_request *request_of(object prepared) except NULL:
    if type(prepared) is not Prepared:
        raise MisuseError(f"{type(prepared).__name__}: expected what prepare() returns")
    return &(<Prepared>prepared).c


# numafit.h knows no Python objects: to it these take a void *
(<void **>&capi.shared_of)[0] = <void *>shared_of
(<void **>&capi.request_of)[0] = <void *>request_of
globals()[NF_CAPSULE.decode().rpartition(".")[2]] = PyCapsule_New(&capi, NF_CAPSULE, NULL)
