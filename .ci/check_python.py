"""Ends with an error on a Python that is too old, and warns on one that is not tested yet.

It is written for old Pythons, too: they have to get as far as the message.
"""

import sys

VERSION = ".".join(map(str, sys.version_info[:2]))
ANOTHER = "Choose another one, for example: make bench PYTHON=python3.12"

if sys.version_info < (3, 11):  # noqa: UP036 - this is where it is checked
    sys.exit("Python 3.11 to 3.14 is needed, this is " + VERSION + ".\n" + ANOTHER)
if sys.version_info >= (3, 15):
    print("Python " + VERSION + " is not tested yet: packages may have no wheels for it.")
    print(ANOTHER)
