# What numafit.h declares, for this package's own modules. Others go through numafit/__init__.pxd.
from numafit._c cimport *
