"""Where do C and Cython programs find the header and the library?"""

from __future__ import annotations

from pathlib import Path

from numafit import _engine


def get_include() -> str:
    """The folder to give to a C compiler (``-I``): it holds ``numafit/numafit.h``."""
    return str(Path(__file__).parent / "include")


def get_library_dir() -> str:
    """The folder that holds ``libnumafit.a`` and ``libnumafit.so``, with ``pkgconfig`` and
    ``cmake`` below it."""
    # beside the compiled module, which an editable install keeps apart from the sources
    return str(Path(_engine.__file__).parent / "lib")
