"""Names of files and folders that a person chose and that others are made from."""

from harness.errors import InputError

_LONGEST = 80  # bytes; a Record's name contains those of target, model and engine


def check_name(name: str, what: str, where: str) -> None:
    """Raise `InputError` unless `name`, of a file or folder, can be part of another name.

    `what` is the thing that has the name, `where` its place.
    """
    try:
        size = len(name.encode())
    except UnicodeEncodeError:  # Python's stand-ins for bytes of a name that are not UTF-8
        why = "is not UTF-8"
    else:
        if 0 < size <= _LONGEST and name.isprintable():
            return
        why = f"has {size} bytes" if name.isprintable() else "has characters that are not printable"
    raise InputError(
        f"the name of the {what} {why}",
        where=ascii(where)[1:-1],
        remedy=f"rename it: 1 to {_LONGEST} bytes of printable UTF-8",
    )
