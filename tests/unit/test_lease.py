"""Leases: who is second is told at once, or waits; who is killed holds nothing."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from harness.errors import InfrastructureError
from harness.support import lease
from harness.support.lease import Lease

RESOURCES = ["probe 066EFF555", "port /dev/ttyACM0"]
HOLDER = """\
import sys, time
from pathlib import Path
from harness.support import lease
lease._FOLDER = Path(sys.argv[1])
held = lease.Lease(sys.argv[2], wait=0)
print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Leases of these tests and nobody else's."""
    path = tmp_path / "leases"
    monkeypatch.setattr(lease, "_FOLDER", path)
    return path


@contextmanager
def holder(folder: Path, resource: str) -> Iterator["subprocess.Popen[str]"]:
    """Another session that has `resource` until its standard input ends."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(folder), resource],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        try:
            yield process
        finally:
            process.kill()


def let_go(process: "subprocess.Popen[str]") -> None:
    assert process.stdin is not None
    process.stdin.close()


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


@pytest.mark.parametrize("resource", RESOURCES)
def test_who_is_second_is_told_who_is_first_and_at_once(folder: Path, resource: str) -> None:
    with holder(folder, resource) as first:
        before = descriptors()
        begin = time.monotonic()
        with pytest.raises(InfrastructureError) as caught:
            Lease(resource, wait=0)
        assert time.monotonic() - begin < 0.5
        assert descriptors() == before
    assert str(caught.value) == (
        f"{resource}: is in use by process {first.pid} (-c {folder} {resource})\n"
        "  -> wait until it ends, or set a waiting time with --lock-timeout=SECONDS"
    )


@pytest.mark.parametrize("resource", RESOURCES)
def test_who_waits_gets_it_when_the_first_ends(folder: Path, resource: str) -> None:
    with holder(folder, resource) as first:
        timer = threading.Timer(0.5, let_go, [first])
        begin = time.monotonic()
        timer.start()
        Lease(resource, wait=20).release()
        assert 0.4 < time.monotonic() - begin < 10


def test_who_waits_gives_up_in_time(folder: Path) -> None:
    with holder(folder, RESOURCES[0]):
        begin = time.monotonic()
        with pytest.raises(InfrastructureError, match="is in use by process"):
            Lease(RESOURCES[0], wait=0.4)
        assert 0.4 <= time.monotonic() - begin < 2


@pytest.mark.parametrize("resource", RESOURCES)
def test_a_holder_that_is_killed_holds_nothing(folder: Path, resource: str) -> None:
    with holder(folder, resource) as first:
        os.kill(first.pid, signal.SIGKILL)
        first.wait(5)
        Lease(resource, wait=0).release()


def test_a_lease_that_is_released_twice_is_free_once() -> None:
    held = Lease(RESOURCES[0], wait=0)
    held.release()
    again = Lease(RESOURCES[0], wait=0)
    held.release()
    with pytest.raises(InfrastructureError):
        Lease(RESOURCES[0], wait=0)
    again.release()


def test_nothing_is_left_of_a_lease_that_was_released(folder: Path) -> None:
    with holder(folder, RESOURCES[0]) as killed:
        killed.kill()
        killed.wait(5)
    Lease(RESOURCES[0], wait=0).release()
    assert list(folder.iterdir()) == []


def test_a_lease_has_one_holder_however_often_it_changes_hands() -> None:
    held, most = 0, 0

    def hold() -> None:
        nonlocal held, most
        for _ in range(200):
            with suppress(InfrastructureError):
                taken = Lease(RESOURCES[0], wait=0)
                held += 1
                most = max(most, held)
                time.sleep(0)  # to the other threads
                held -= 1
                taken.release()

    threads = [threading.Thread(target=hold) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert (held, most) == (0, 1)


def test_one_resource_is_not_another() -> None:
    leases = [Lease(resource, wait=0) for resource in RESOURCES]
    for held in leases:
        held.release()


def test_a_child_that_lives_on_does_not_hold_the_lease() -> None:
    """What the harness starts, such as a compiler's server, must not keep a board busy."""
    held = Lease(RESOURCES[0], wait=0)
    with subprocess.Popen(
        [sys.executable, "-c", "input()"], stdin=subprocess.PIPE, close_fds=False
    ):
        held.release()
        Lease(RESOURCES[0], wait=0).release()


def test_a_released_lease_is_free_for_another_process_while_the_first_one_lives(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where a child shares the open file, and the file is another user's and so stays."""

    def refuse(path: Path, missing_ok: bool = False) -> None:
        raise PermissionError(1, "Operation not permitted", str(path))

    held = Lease(RESOURCES[0], wait=0)
    shared = os.dup(held._descriptor)  # what a forked child has until it runs its program
    try:
        with monkeypatch.context() as patched:
            patched.setattr(Path, "unlink", refuse)
            held.release()
        assert len(list(folder.iterdir())) == 1
        with holder(folder, RESOURCES[0]), pytest.raises(InfrastructureError):
            Lease(RESOURCES[0], wait=0)
    finally:
        os.close(shared)


def test_a_folder_that_cannot_be_used_is_named(folder: Path) -> None:
    folder.write_text("in the way")
    with pytest.raises(InfrastructureError, match=rf"{folder}/probe_066EFF555: cannot be leased: "):
        Lease(RESOURCES[0], wait=0)
