"""Whether C++ can be compiled for a device here: the compiler, and the C++ library beside it."""

import shutil
import subprocess
from functools import cache

import pytest

GXX = "arm-none-eabi-g++"


@cache
def has_gxx() -> bool:
    """Tell whether arm-none-eabi-g++ is there and finds a header of its C++ library."""
    if shutil.which(GXX) is None:
        return False
    tried = [GXX, "-fsyntax-only", "-include", "cstdint", "-x", "c++", "/dev/null"]
    return subprocess.run(tried, capture_output=True, timeout=60, check=False).returncode == 0


needs_gxx = pytest.mark.skipif(
    not has_gxx(), reason=f"{GXX} with its C++ library is not installed: see `make system-cxx`"
)
