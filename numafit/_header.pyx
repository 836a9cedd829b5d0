# cython: language_level=3, freethreading_compatible=True
"""What numafit.h says, for Python: bounds, constants, a fleet's columns, the fields of a layout.

Imports nothing of numafit, so that every room may import it.
"""

from libc.stdint cimport int64_t, uint32_t, uint64_t
from libc.string cimport memset

from numafit._c cimport *

cdef extern from "numafit/numafit.h" nogil:
    const nf_column_info *nf_column(uint32_t i)
    uint32_t nf_column_shape(const nf_fleet *fleet, uint32_t i, uint64_t *shape)
    const nf_count_info *nf_count(uint32_t i)
    const nf_count_info *nf_layout_field(uint32_t i)

cdef extern from "numafit/builder.h" nogil:
    enum:
        NF_MAX_CELL_CPUS
        NF_MAX_PAGE_KIB
        NF_MAX_DISTANCE
    const int64_t NF_MAX_PAGES_KIB

cdef extern from "numafit/image.h" nogil:
    const char *NF_IMAGE_MAGIC
    enum:
        NF_IMAGE_VERSION
        NF_IMAGE_ORDER
        NF_IMAGE_HEAD
        NF_IMAGE_ALIGNED
        NF_IMAGE_NAME
        NF_IMAGE_COUNTS
        NF_IMAGE_PARTS
        NF_IMAGE_BYTES

ABI_VERSION = NF_ABI_VERSION
IMAGE_MAGIC = NF_IMAGE_MAGIC
IMAGE_VERSION = NF_IMAGE_VERSION
IMAGE_ORDER = NF_IMAGE_ORDER
IMAGE_HEAD = NF_IMAGE_HEAD
IMAGE_ALIGNED = NF_IMAGE_ALIGNED
IMAGE_NAME = NF_IMAGE_NAME
IMAGE_COUNTS = NF_IMAGE_COUNTS
IMAGE_PARTS = NF_IMAGE_PARTS
IMAGE_BYTES = NF_IMAGE_BYTES

MAX_CELLS = NF_MAX_CELLS
MAX_SLOTS = NF_MAX_SLOTS
MAX_THREADS = NF_MAX_THREADS
MAX_PAGE_SIZES = NF_MAX_PAGE_SIZES
MAX_AMOUNT = NF_MAX_AMOUNT
MAX_CELL_CPUS = NF_MAX_CELL_CPUS
MAX_PAGE_KIB = NF_MAX_PAGE_KIB
MAX_PAGES_KIB = NF_MAX_PAGES_KIB
MAX_DISTANCE = NF_MAX_DISTANCE
TUNNEL_NET = NF_TUNNEL_NET
NO_DISTANCES = NF_NO_DISTANCES
NO_HOST = NF_NO_HOST
REMOVED_CLASS = NF_REMOVED_CLASS
PAGES_SMALL = NF_PAGES_SMALL
PAGES_LARGE = NF_PAGES_LARGE
PAGES_ANY = NF_PAGES_ANY
POOL_ANYWHERE = NF_POOL_ANYWHERE
POOL_ELSEWHERE = NF_POOL_ELSEWHERE
POOL_GONE = NF_POOL_GONE
KIND_OTHER = NF_KIND_OTHER
KIND_PF = NF_KIND_PF
KIND_VF = NF_KIND_VF

TYPES = {NF_INT16: "i2", NF_INT32: "i4", NF_UINT32: "u4", NF_INT64: "i8", NF_UINT64: "u8",
         NF_DOUBLE: "f8"}


def counts():
    """Name of each count of ``struct nf_fleet``, in its order."""
    cdef uint32_t i = 0
    found = []
    while nf_count(i) != NULL:
        found.append(nf_count(i).name.decode())
        i += 1
    return found


def layout_fields():
    """(name, offset, bytes) of each field of ``struct nf_layout``: unsigned numbers."""
    cdef uint32_t i = 0
    found = []
    while nf_layout_field(i) != NULL:
        field = nf_layout_field(i)
        found.append((field.name.decode(), field.offset, field.size))
        i += 1
    return found


def columns():
    """(name, type, axes, claimed, derived, number of the type) of each column of
    ``struct nf_fleet``, in its order.

    ``type`` is numpy's word, or ``None`` for ``nf_layout``; an axis is the name of the count that
    says how long it is.
    """
    cdef nf_fleet fleet
    cdef uint32_t i = 0
    cdef uint64_t shape[2]
    cdef const nf_column_info *column
    cdef list known = counts()
    # by which count a column is long is asked of C, with counts that all differ
    memset(&fleet, 0, sizeof(fleet))
    while nf_count(i) != NULL:
        at = <char *>&fleet + nf_count(i).offset
        if nf_count(i).size == 4:
            (<uint32_t *>at)[0] = i + 2
        else:
            (<uint64_t *>at)[0] = i + 2
        i += 1
    i = 0
    found = []
    while nf_column(i) != NULL:
        column = nf_column(i)
        axes = []
        for axis in range(nf_column_shape(&fleet, i, shape)):
            axes.append(known[shape[axis] - 2])
        found.append((column.name.decode(), TYPES.get(column.type), tuple(axes),
                      bool(column.claimed), bool(column.derived), column.type))
        i += 1
    return found
