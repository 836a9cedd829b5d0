"""python setup.py build_ext --inplace (needs cython, setuptools and an installed numafit)."""

from Cython.Build import cythonize
from setuptools import Extension, setup

import numafit

setup(
    name="scheduler",
    ext_modules=cythonize(
        [Extension("scheduler", ["scheduler.pyx"], include_dirs=[numafit.get_include()])]
    ),
)
