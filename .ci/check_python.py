"""Ends with an error on a Python that is too old, and warns on one that is not tested yet."""

import sys

version = "%d.%d" % sys.version_info[:2]  # noqa: UP031 - old Pythons run this line, too
OTHER = "Choose another one, for example: make bench PYTHON=python3.12"
if sys.version_info < (3, 11):
    sys.exit("Python 3.11 to 3.14 is needed, this is %s (%s).\n%s" % (version, sys.executable, OTHER))  # noqa: UP031
if sys.version_info >= (3, 15):
    print("Python", version, "is not tested yet: packages may have no wheels for it.", OTHER)
