"""Leases: who is second is told at once, or waits; who is killed holds nothing."""

import os
import pwd
import re
import signal
import stat
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from harness.errors import InfrastructureError
from harness.support import lease, machine_lock, user_lock
from harness.support.lease import Lease
from harness.support.machine_lock import MachineLock
from harness.support.private_folder import private_folder
from harness.support.user_lock import UserLock

RESOURCES = ["probe 066EFF555", "port /dev/ttyACM0"]
SECRET = "hunter2hunter2"  # noqa: S105 - of nobody
NOBODY = 65534
HOLDER = """\
import os, sys
from harness.support import lease, machine_lock
machine_lock._PREFIX, kind, resource, user = sys.argv[1:5]
lease._LOCK = {lock.__name__: lock for lock in (lease.MachineLock, lease.UserLock)}[kind]
if int(user) != os.getuid():
    os.setgroups([])
    os.setgid(int(user))
    os.setuid(int(user))
held = lease.Lease(resource, wait=0)
print("held", flush=True)
sys.stdin.read()
"""
linux = pytest.mark.skipif(sys.platform != "linux", reason="only Linux has these locks")


@pytest.fixture(autouse=True)
def prefix(monkeypatch: pytest.MonkeyPatch) -> str:
    """Leases of this test and nobody else's; the name of a socket is short."""
    prefix = f"test-{uuid.uuid4().hex}"
    monkeypatch.setattr(machine_lock, "_PREFIX", prefix)
    return prefix


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The runtime directory of this user."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    return tmp_path / "tinyml-harness"


@pytest.fixture(autouse=True, params=[pytest.param("MachineLock", marks=linux), "UserLock"])
def kind(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """The lock behind the leases: each system's, on each system that has it."""
    name: str = request.param
    kinds = {lock.__name__: lock for lock in (MachineLock, UserLock)}
    monkeypatch.setattr(lease, "_LOCK", kinds[name])
    return name


@contextmanager
def holder(
    prefix: str, kind: str, resource: str, user: int | None = None
) -> Iterator["subprocess.Popen[str]"]:
    """Another session that has `resource` until its standard input ends."""
    arguments = [prefix, kind, resource, str(os.getuid() if user is None else user)]
    store = f"--store=postgresql://bench:{SECRET}@db/results"
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, *arguments, store],
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
def test_who_is_second_is_told_who_is_first_and_at_once(
    prefix: str, kind: str, resource: str
) -> None:
    with holder(prefix, kind, resource) as first:
        before = descriptors()
        begin = time.monotonic()
        with pytest.raises(InfrastructureError) as caught:
            Lease(resource, wait=0)
        assert time.monotonic() - begin < 0.5
        assert descriptors() == before
        user = re.escape(pwd.getpwuid(os.getuid()).pw_name)
        assert re.fullmatch(
            rf"{resource}: is in use by process {first.pid} of user {user}, "
            r"started \d{4}-\d\d-\d\d \d\d:\d\d:\d\d\n"
            r"  -> wait until it ends, or set a waiting time with --lock-timeout=SECONDS",
            str(caught.value),
        )
        started = re.search(r"started (\S+ \S+)", str(caught.value))
        assert started
        begun = time.mktime(time.strptime(started[1], "%Y-%m-%d %H:%M:%S"))
        assert abs(time.time() - begun) < 60


def test_no_command_line_is_told_to_others(prefix: str, kind: str, folder: Path) -> None:
    with holder(prefix, kind, RESOURCES[0]):
        with pytest.raises(InfrastructureError) as caught:
            Lease(RESOURCES[0], wait=0)
        assert SECRET not in str(caught.value)
        for file in folder.parent.rglob("*"):
            assert not file.is_file() or SECRET not in file.read_text()


@pytest.mark.parametrize("resource", RESOURCES)
def test_who_waits_gets_it_when_the_first_ends(prefix: str, kind: str, resource: str) -> None:
    with holder(prefix, kind, resource) as first:
        timer = threading.Timer(0.5, let_go, [first])
        begin = time.monotonic()
        timer.start()
        Lease(resource, wait=20).release()
        assert 0.4 < time.monotonic() - begin < 10


def test_who_waits_gives_up_in_time(prefix: str, kind: str) -> None:
    with holder(prefix, kind, RESOURCES[0]):
        begin = time.monotonic()
        with pytest.raises(InfrastructureError, match="is in use by process"):
            Lease(RESOURCES[0], wait=0.4)
        assert 0.4 <= time.monotonic() - begin < 2


@pytest.mark.parametrize("resource", RESOURCES)
def test_a_holder_that_is_killed_holds_nothing(prefix: str, kind: str, resource: str) -> None:
    with holder(prefix, kind, resource) as first:
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


def test_nothing_is_left_of_leases_that_were_released_or_whose_holder_was_killed(
    prefix: str, kind: str, folder: Path
) -> None:
    with holder(prefix, kind, RESOURCES[0]) as killed:
        killed.kill()
        killed.wait(5)
    Lease(RESOURCES[1], wait=0).release()  # any lease sweeps
    assert not folder.exists() or list(folder.iterdir()) == []


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
    names = [*RESOURCES, "sketch " + 300 * "é"]
    leases = [Lease(resource, wait=0) for resource in names]
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


@pytest.mark.filterwarnings("ignore:.*is multi-threaded:DeprecationWarning")  # its fork waits
def test_a_released_lease_is_free_for_another_process_while_a_fork_lives(
    prefix: str, kind: str
) -> None:
    held = Lease(RESOURCES[0], wait=0)
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(writing)
        os.read(reading, 1)
        os._exit(0)
    try:
        held.release()
        with holder(prefix, kind, RESOURCES[0]), pytest.raises(InfrastructureError):
            Lease(RESOURCES[0], wait=0)
    finally:
        os.close(writing)
        os.waitpid(child, 0)
        os.close(reading)


def test_a_lease_that_a_starting_child_shares_is_free_as_soon_as_it_has_started() -> None:
    held = Lease(RESOURCES[0], wait=0)
    lock = held._lock
    shared = os.dup(
        lock._socket.fileno()  # type: ignore[union-attr]
        if isinstance(lock, MachineLock)
        else lock._descriptor
    )
    timer = threading.Timer(0.2, os.close, [shared])  # what a forked child does, a bit slower
    timer.start()
    held.release()
    Lease(RESOURCES[0], wait=0).release()
    timer.join()


# Other users


@linux
@pytest.mark.skipif(os.getuid() != 0, reason="only root can be two users")
def test_a_lease_excludes_other_users_and_names_them(prefix: str) -> None:
    with holder(prefix, "MachineLock", RESOURCES[0], NOBODY) as first:
        assert Path(f"/proc/{first.pid}").stat().st_uid == NOBODY
        lock = MachineLock(RESOURCES[0])
        assert not lock.take()
        assert f"process {first.pid} of user nobody" in lock.holder()


@linux
@pytest.mark.skipif(os.getuid() != 0, reason="only root can be two users")
def test_another_user_is_told_about_ours(prefix: str) -> None:
    held = MachineLock(RESOURCES[0])
    assert held.take()
    with pytest.raises(AssertionError), holder(prefix, "MachineLock", RESOURCES[0], NOBODY):
        pass
    held.release()
    with holder(prefix, "MachineLock", RESOURCES[0], NOBODY):
        pass


# The folder


def test_a_link_in_the_shared_folder_is_not_followed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    victim = tmp_path / "victim"
    victim.mkdir(mode=0o755)
    shared = tmp_path / "shared"
    shared.mkdir()
    monkeypatch.delenv("XDG_RUNTIME_DIR")
    monkeypatch.setattr(tempfile, "tempdir", str(shared))
    for name in ("tinyml-harness-leases", f"tinyml-harness-{os.getuid()}"):
        (shared / name).symlink_to(victim)
    with suppress(InfrastructureError):
        Lease(RESOURCES[0], wait=0).release()
    with pytest.raises(InfrastructureError, match="it is not a directory of yours"):
        private_folder()
    assert stat.S_IMODE(victim.stat().st_mode) == 0o755
    assert list(victim.iterdir()) == []


@pytest.mark.skipif(os.getuid() != 0, reason="only root can make folders of other users")
def test_a_folder_of_another_user_is_not_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    theirs = tmp_path / f"tinyml-harness-{os.getuid()}"
    theirs.mkdir(mode=0o700)
    os.chown(theirs, NOBODY, NOBODY)
    monkeypatch.delenv("XDG_RUNTIME_DIR")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with pytest.raises(InfrastructureError, match="it is not a directory of yours"):
        private_folder()
    # After `su`, the variable is still that of the other user.
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(theirs))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "other"))
    assert private_folder() == tmp_path / "other" / theirs.name


def test_a_folder_that_others_may_enter_is_not_used(folder: Path) -> None:
    folder.mkdir()
    folder.chmod(0o755)
    with pytest.raises(InfrastructureError, match="others may enter") as caught:
        private_folder()
    assert str(caught.value).startswith(f"{folder}: ")


def test_a_lease_file_that_is_a_link_is_not_followed(folder: Path, tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("precious")
    private_folder()
    (folder / "probe_066EFF555.lease").symlink_to(victim)
    with pytest.raises(InfrastructureError, match="cannot be leased"):
        user_lock.UserLock(RESOURCES[0]).take()
    assert victim.read_text() == "precious"
