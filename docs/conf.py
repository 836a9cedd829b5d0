"""The documentation site: ``make docs``."""

import os
import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[1]
HEADER = ROOT / "numafit" / "include" / "numafit"

# libclang comes without stddef.h and stdint.h
COMPILER_HEADERS = subprocess.check_output(
    [os.environ.get("CC", "cc"), "-print-file-name=include"], text=True
).strip()

project = "numafit"
author = "The numafit authors"
release = re.search(r'NF_VERSION "(.*)"', (HEADER / "numafit.h").read_text())[1]

extensions = ["sphinx.ext.autodoc", "sphinx.ext.intersphinx", "hawkmoth", "myst_parser"]
exclude_patterns = ["_build"]
html_theme = "furo"
html_title = f"numafit {release}"

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_class_signature = "mixed"
python_use_unqualified_type_names = True

hawkmoth_root = str(HEADER)
hawkmoth_autoconf = None
hawkmoth_clang = ["-std=c11", f"-I{HEADER.parent}", f"-isystem{COMPILER_HEADERS}"]

myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3
intersphinx_mapping = {}
