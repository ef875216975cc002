"""The name of a session in a farm proves whether its process has ended."""

import os
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.board.labgrid.session_name import has_ended, is_own_user, own_name, shown_name

_OWN = own_name()
_USER, _, _PROCESS = _OWN.partition(":")
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="processes are in Linux's /proc")


def _name_of_another() -> tuple[str, int]:
    """Return the name of a process that has ended, and its number."""
    program = "from harness.board.labgrid.session_name import own_name; print(own_name())"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    name = done.stdout.decode().strip()
    return name, int(name.partition(":")[2].partition("-")[0])


def test_the_name_has_one_slash_as_labgrids_client_needs_it() -> None:
    host, user = _OWN.split("/")
    assert host
    assert user.startswith(f"{_USER.split('/')[1]}:{os.getpid()}-")


def test_a_living_process_has_not_ended() -> None:
    assert not has_ended(_OWN)


def test_an_ended_process_has_ended() -> None:
    name, _ = _name_of_another()
    assert has_ended(name)
    assert is_own_user(name)


def test_a_dead_child_that_nobody_waited_for_has_ended() -> None:
    child = os.fork()
    if not child:
        os._exit(0)
    os.waitid(os.P_PID, child, os.WEXITED | os.WNOWAIT)  # it stays a zombie
    with open(f"/proc/{child}/stat") as file:
        start = file.read().rpartition(") ")[2].split()[19]
    name = f"{_USER}:{child}-{start}-{_PROCESS.split('-', 2)[2]}"
    try:
        assert has_ended(name)
    finally:
        os.waitpid(child, 0)


def test_a_number_that_was_used_again_has_ended() -> None:
    pid, _, kernel = _PROCESS.split("-", 2)
    assert has_ended(f"{_USER}:{pid}-1-{kernel}")


@pytest.mark.parametrize(
    "name",
    [
        _USER,  # labgrid's own client
        f"elsewhere/{_OWN.split('/')[1]}",
        f"{_USER}x:1-1-{_PROCESS.split('-', 2)[2]}",
        f"{_USER}:1-1-000000000000-1",  # another boot, or another container
        "",
        "/",
        "a/b/c:1-2",
    ],
    ids=("client", "host", "user", "boot", "empty", "slash", "slashes"),  # the same in each worker
)
def test_nothing_is_proven_of_others(name: str) -> None:
    assert not has_ended(name)


def test_a_person_reads_who_it_is() -> None:
    host, user = _USER.split("/")
    assert shown_name(_OWN) == f"{user}@{host} (process {os.getpid()})"
    assert shown_name("pi/anna") == "anna@pi"


@given(st.text())
def test_any_name_can_be_shown_and_judged(name: str) -> None:
    shown_name(name)
    assert not has_ended(name)
