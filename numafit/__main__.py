"""``python -m numafit``: the command line."""

import sys

from numafit_command import main

sys.exit(main())
