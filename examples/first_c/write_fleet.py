"""Write a fleet as a file that C opens.

python write_fleet.py FILE HOSTFILE...
"""

import sys

from numafit import Fleet, shared
from numafit.readers.hostfile import read_host_file

shared.write(Fleet(map(read_host_file, sys.argv[2:])), sys.argv[1])
