"""Write a fleet as the text of columns that the scheduler in C reads.

python export_fleet.py HOSTFILE... > fleet.txt
"""

import sys

import numpy as np

from numafit import Fleet
from numafit.readers.hostfile import read_host_file


def write_fleet(fleet: Fleet, out) -> None:
    """One name and one number per line; where the number counts values, those follow."""
    fields = fleet.c_columns()
    print("numafit-columns", fields.pop("abi"), file=out)
    for name in [name for name, value in fields.items() if isinstance(value, int)]:
        print(name, fields.pop(name), file=out)
    print("names", len(fleet), file=out)
    for n, name in enumerate(fleet.names):
        print("_".join(name.split()) or f"host-{n}", file=out)
    for name, values in fields.items():
        print(name, values.size, file=out)
        if values.dtype.names:
            rows = [" ".join(map(str, row)) for row in values.tolist()]
        else:
            rows = map(repr if values.dtype == np.float64 else str, values.ravel().tolist())
        print("\n".join(rows), file=out)


if __name__ == "__main__":
    write_fleet(Fleet(map(read_host_file, sys.argv[1:])), sys.stdout)
