"""``python -m numafit``: the command line."""

import sys

from numafit.cli import main

sys.exit(main())
