"""Where do C and Cython programs find the header and the library?

``cc first.c $(python -m numafit.linking)`` links the shared library, which the program finds again
where it lies now; ``$(python -m numafit.linking --static)`` puts what is used into the program.
"""

from __future__ import annotations

import sys
from pathlib import Path

from numafit import _engine


def get_include() -> str:
    """The folder to give to a C compiler (``-I``): it holds ``numafit/numafit.h``."""
    return str(Path(__file__).parent / "include")


def get_library_dir() -> str:
    """The folder that holds ``libnumafit.a`` and the shared library, with ``pkgconfig`` and
    ``cmake`` below it. ``libnumafit.so`` there is for linkers; to be loaded at run time is
    ``libnumafit.so.N``, N the number of the C ABI."""
    # beside the compiled module, which an editable install keeps apart from the sources
    return str(Path(_engine.__file__).parent / "lib")


def flags(static: bool = False) -> list[str]:
    """What a C compiler has to be told, behind the names of the sources."""
    library = get_library_dir()
    if static:
        return [f"-I{get_include()}", f"{library}/libnumafit.a"]
    return [f"-I{get_include()}", f"-L{library}", "-lnumafit", f"-Wl,-rpath,{library}"]


if __name__ == "__main__":
    asked = sys.argv[1:]
    if asked not in ([], ["--static"]):
        sys.exit(f"numafit.linking: {' '.join(asked)}: expected nothing, or --static")
    print(*flags(bool(asked)))
