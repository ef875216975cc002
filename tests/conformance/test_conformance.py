"""The emulators show what the manuals say, except where docs/cores.md says what they show."""

import shutil
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from docs.generate.conformance import block, shown_block
from harness.errors import InfrastructureError
from tests.conformance.build import COMPILER, without
from tests.conformance.emulators import EMULATORS, Line, comes_back
from tests.conformance.expectations import Case, cases, titles
from tests.conformance.results import Results, read_results, results_of
from tests.conformance.run import observe

REMEDY = "run `python -m docs.generate.conformance`"


def known(name: str) -> Results:
    """Return what the page says of this emulator; skips where another version, or none, is here."""
    if shutil.which(COMPILER) is None:
        pytest.skip(f"{COMPILER} is not on PATH: see `make system`")
    try:
        version = EMULATORS[name].version()
    except InfrastructureError as error:
        pytest.skip(f"without {name}: {error.what}")
    results = read_results()[name]
    if results.version != version:
        pytest.skip(f"the page is of {results.version}, this machine has {version}")
    return results


@pytest.mark.parametrize("name", EMULATORS)
def test_an_emulator_shows_what_the_page_says(name: str, tmp_path: Path) -> None:
    """Cases from which an emulator does not come back are left out: each takes seconds."""
    results = known(name)
    skipped = [case for case, shown in results.deviations.items() if not comes_back(shown)]
    shown = observe(EMULATORS[name], tmp_path, skipped)
    shown |= {case: results.deviations[case] for case in skipped}
    new = results_of(results.version, shown, cases())
    assert dict(new.deviations) == dict(results.deviations), REMEDY


def test_the_page_shows_the_results() -> None:
    assert shown_block() == block(read_results()), REMEDY


def test_the_simulator_has_no_deviation() -> None:
    assert dict(read_results()["simulator"].deviations) == {}


def test_every_program_has_cases() -> None:
    assert {case.program for case in cases().values()} == set(titles())


def test_a_result_of_other_cases_is_refused() -> None:
    with pytest.raises(ValueError, match=r"a\.one"):
        results_of("1", {}, {"a.one": Case("a", "none", "B1")})


def test_what_differs_is_counted_and_listed() -> None:
    case = next(iter(cases()))
    text = block({"QEMU": Results("QEMU 0", {case: "astray"})})
    assert f"| **all** | {len(cases()) - 1} of {len(cases())} |" in text
    assert f"| `{case}` | {cases()[case].section} | `{cases()[case].expected}` | `astray` |" in text


def test_an_absent_device_is_not_counted() -> None:
    case = next(iter(cases()))
    text = block({"QEMU": Results("QEMU 0", {case: "absent"})})
    assert f"| **all** | {len(cases()) - 1} of {len(cases()) - 1} |" in text
    assert f"`{case}`" not in text


@contextmanager
def spoken(*pieces: bytes, why: str = "") -> Iterator[Line]:
    """A line on which a device says `pieces`, and then closes it."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        for piece in pieces:
            theirs.sendall(piece)
        theirs.shutdown(socket.SHUT_WR)
        yield Line(ours.fileno(), lambda: why)


def test_what_a_device_began_is_shown_with_why_it_stopped() -> None:
    with spoken(b"ready\r\na.one no", b"ne\r\na.two", why="locks up") as line:
        assert list(line.lines()) == ["ready", "a.one none", "a.two locks up"]
    assert not comes_back("locks up")
    assert comes_back("exc=6 cfsr=10000 pc=0")


def test_cases_left_out_are_bits_of_the_image(tmp_path: Path) -> None:
    elf = tmp_path / "cases.elf"
    elf.write_bytes(b"before" + b"skipped:\0\0\0\0" + bytes(64) + b"behind")
    data = without(elf, [0, 9]).read_bytes()
    assert data == b"before" + b"skipped:\0\0\0\0" + b"\x01\x02" + bytes(62) + b"behind"
