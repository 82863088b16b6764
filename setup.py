"""Build of the compiled core; everything else is in pyproject.toml.

Every `.pyx` under `src` is one extension module. `SOLQUOTE_BUILD=debug` turns bounds checks and C debug information on,
`SOLQUOTE_BUILD=sanitize` adds the address and undefined-behaviour sanitizers, and `SOLQUOTE_BUILD=none` compiles
nothing: `make` installs first, and compiles where the user sees it.
"""

import os
from pathlib import Path

from Cython.Build import cythonize
from setuptools import Extension, setup

SRC = Path("src")
BUILD = os.environ.get("SOLQUOTE_BUILD", "release")
FLAGS = {
    "release": ["-O3", "-g0"],
    "debug": ["-O1", "-g"],
    "none": [],
    "sanitize": ["-O1", "-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=undefined"],
}[BUILD]

extensions = [
    Extension(
        ".".join(path.relative_to(SRC).with_suffix("").parts),
        [str(path)],
        include_dirs=[str(path.parent), str(SRC / "quote_core" / "dex"), str(SRC / "shm")],
        # no fused multiply-add: a score is the same to the last bit compiled or not, on every machine
        extra_compile_args=["-std=c11", "-Wall", "-Wno-unused-function", "-ffp-contract=off", *FLAGS],
        extra_link_args=[flag for flag in FLAGS if flag.startswith("-fsanitize")],
    )
    for path in sorted(SRC.rglob("*.pyx"))
    if BUILD != "none"
]

setup(
    ext_modules=cythonize(
        extensions,
        include_path=[str(SRC)],
        # other builds have other directives: keep their C apart from the release build's
        build_dir=None if BUILD in {"release", "none"} else f"build/cython-{BUILD}",
        annotate=BUILD == "debug",
        compiler_directives={
            "language_level": 3,
            "boundscheck": BUILD != "release",
            "wraparound": False,
            "initializedcheck": False,
            "cdivision": True,
            "embedsignature": True,
        },
    )
)
