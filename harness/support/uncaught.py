"""What an exception that nothing caught means: a condition of the machine, or a defect.

The command line and the pytest plugin ask `explain` before they end with an error.
"""

import errno
import os
import platform
import subprocess
import tempfile
import time
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from harness.errors import DefectError, ExitCode, HarnessError, InfrastructureError, InputError
from harness.support.printable import printable_lines
from harness.support.secrets import without_secrets

_SPACE = "free some space on this disk, or work on another one"
_RIGHTS = "change its permissions, or work in a folder in which you can write"
_EXISTENCE = "check that it exists, and that no other program removes it"
_NAME = "use a shorter name or path"
_MEMORY = "end other programs, or raise the limit of memory"
_FILES = "raise the limit of open files: ulimit -n 1024"
_PROCESSES = "end other programs, or raise the limit of processes: ulimit -u"
_DEVICE = "check the disk, or the cable of the device"
_PROGRAM = "install the program for this machine"
_NETWORK = "check the address and the network"

# What the machine can do to any program. Other numbers, such as EBADF, are our own defects.
_REMEDIES: Mapping[int, str] = {
    errno.ENOSPC: _SPACE,
    errno.EDQUOT: _SPACE,
    errno.EFBIG: _SPACE,
    errno.EROFS: _RIGHTS,
    errno.EACCES: _RIGHTS,
    errno.EPERM: _RIGHTS,
    errno.ENOENT: _EXISTENCE,
    errno.ENOTDIR: _EXISTENCE,
    errno.EISDIR: _EXISTENCE,
    errno.EEXIST: _EXISTENCE,
    errno.ELOOP: _EXISTENCE,
    errno.ESTALE: _EXISTENCE,
    errno.ENAMETOOLONG: _NAME,
    errno.ENOMEM: _MEMORY,
    errno.EMFILE: _FILES,
    errno.ENFILE: _FILES,
    errno.EAGAIN: _PROCESSES,
    errno.EIO: _DEVICE,
    errno.ENODEV: _DEVICE,
    errno.ENXIO: _DEVICE,
    errno.ETXTBSY: _PROGRAM,
    errno.ENOEXEC: _PROGRAM,
    errno.EADDRINUSE: _NETWORK,
    errno.EADDRNOTAVAIL: _NETWORK,
    errno.ECONNABORTED: _NETWORK,
    errno.ECONNREFUSED: _NETWORK,
    errno.ECONNRESET: _NETWORK,
    errno.EHOSTUNREACH: _NETWORK,
    errno.ENETUNREACH: _NETWORK,
    errno.ETIMEDOUT: _NETWORK,
}
# With these, a path that the user chose is right, and the machine cannot use it.
_MACHINE = {
    errno.ENOSPC,
    errno.EDQUOT,
    errno.ENOMEM,
    errno.EMFILE,
    errno.ENFILE,
    errno.EIO,
    errno.ESTALE,
}


def explain(error: BaseException, logs: Path | None) -> HarnessError:
    """Return `error` as an error for a person.

    What the machine can do to any program, such as a full disk, is an `InfrastructureError`.
    Every other exception is a `DefectError` that names a file with the traceback: in the folder
    `logs`, or in the temporary folder if nothing can be written there.
    """
    if isinstance(error, HarnessError):
        return _blamed(error)
    return _condition(error) or _defect(error, logs)


@contextmanager
def explained_conditions() -> Iterator[None]:
    """Raise what the machine can do to any program as an `InfrastructureError`."""
    try:
        yield
    except Exception as error:
        condition = _condition(error)
        if condition is None:
            raise
        raise condition from error


def _blamed(error: HarnessError) -> HarnessError:
    """Return `error`; if the machine caused it, as an `InfrastructureError` with a remedy."""
    cause = error.__cause__
    number = (cause.errno or 0) if isinstance(cause, OSError) else 0
    infrastructure = error.exit_code is ExitCode.INFRASTRUCTURE
    if (infrastructure and error.remedy) or not (infrastructure or number in _MACHINE):
        return error
    remedy = error.remedy or _REMEDIES.get(number, "")
    return InfrastructureError(error.what, where=error.where, remedy=remedy)


def _condition(error: BaseException) -> HarnessError | None:
    """Return `error` as a condition of the machine; otherwise None."""
    if isinstance(error, MemoryError):
        return InfrastructureError("the memory is exhausted", remedy=_MEMORY)
    number = (error.errno or 0) if isinstance(error, OSError) else 0
    if isinstance(error, OSError) and number in _REMEDIES:
        names = [os.fsdecode(n) for n in (error.filename, error.filename2) if _is_name(n)]
        # A name that is too long is the user's.
        kind = InputError if number == errno.ENAMETOOLONG else InfrastructureError
        return kind(
            f"cannot be used: {error.strerror}" if names else f"{error.strerror}",
            where=" and ".join(names),
            remedy=_REMEDIES[number],
        )
    if isinstance(error, subprocess.SubprocessError):
        return InfrastructureError(f"a program failed: {error}", remedy="try it in a shell")
    if isinstance(error, ImportError) and not (error.name or "harness").startswith("harness"):
        return InfrastructureError(
            f"a Python package cannot be loaded: {error}",
            remedy="install it again: pip install --force-reinstall tinyml-harness",
        )
    return None


def _is_name(name: object) -> bool:
    return isinstance(name, (str, bytes))  # it is a number for a file that is open


def _defect(error: BaseException, logs: Path | None) -> DefectError:
    from harness.support.version import VERSION  # noqa: PLC0415 - reads the package's metadata

    what = "".join(traceback.format_exception_only(error)).strip()
    title = f"a defect of the harness: {what}"
    text = "".join(
        (
            f"harness {VERSION}, Python {platform.python_version()}, {platform.platform()}\n",
            *traceback.format_exception(error),
        )
    )
    text = printable_lines(without_secrets(text))
    name = f"defect-{time.strftime('%Y%m%dT%H%M%S')}-{os.getpid()}.txt"
    for folder in _folders(logs):
        with suppress(OSError):
            folder.mkdir(parents=True, exist_ok=True)
            # Others may write into the temporary folder: never follow a link of theirs.
            descriptor = os.open(folder / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "w", encoding="utf-8", errors="backslashreplace") as file:
                file.write(text)
            return DefectError(title, remedy=f"report it with this traceback: {folder / name}")
    return DefectError(f"{title}\n{text.rstrip()}", remedy="report it with this traceback")


def _folders(logs: Path | None) -> Iterator[Path]:
    if logs is not None:
        yield logs
    with suppress(OSError):  # no temporary folder can be written
        yield Path(tempfile.gettempdir())
