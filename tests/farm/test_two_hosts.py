"""Two hosts, as network namespaces, share no lock and no folder, and must not share a place."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.support import labgrid_programs
from tests.support.farm import Farm

_SUBNET = "10.203.77"
_HOLDER = """
import sys
from harness.board.labgrid.acquired_place import AcquiredPlace
from harness.board.labgrid.acquiring import Wanted
from harness.board.labgrid.place_choice import PlaceChoice
from harness.errors import InfrastructureError
wanted = Wanted(PlaceChoice("board-0"), 0.0, float(sys.argv[2]), lambda *_: None, print)
try:
    place = AcquiredPlace(sys.argv[1], wanted, print)
except InfrastructureError as error:
    sys.exit(str(error))
print("held", flush=True)
sys.stdin.readline()
place.release()
"""


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True)


@pytest.fixture
def hosts() -> Iterator[list[str]]:
    """Make two namespaces with a network; yields their names. This machine is the third host."""
    names = [f"harness-{os.getpid()}-{number}" for number in (2, 3)]
    bridge = f"hb{os.getpid()}"
    if why := labgrid_programs.why_not():
        pytest.skip(why)
    with ExitStack() as made:
        try:
            _ip("link", "add", bridge, "type", "bridge")
        except (OSError, subprocess.CalledProcessError):
            pytest.skip("network namespaces need root and iproute2")
        made.callback(_ip, "link", "del", bridge)
        _ip("addr", "add", f"{_SUBNET}.1/24", "dev", bridge)
        _ip("link", "set", bridge, "up")
        for number, name in enumerate(names, 2):
            _ip("netns", "add", name)
            made.callback(_ip, "netns", "del", name)
            link = f"{bridge}-{number}"
            _ip("link", "add", link, "type", "veth", "peer", "name", "eth0", "netns", name)
            _ip("link", "set", link, "master", bridge, "up")
            _ip("-n", name, "addr", "add", f"{_SUBNET}.{number}/24", "dev", "eth0")
            _ip("-n", name, "link", "set", "eth0", "up")
        yield names


def _session(host: str, folder: Path, address: str, wait: int) -> "subprocess.Popen[str]":
    folder.mkdir(exist_ok=True)
    return subprocess.Popen(
        ["ip", "netns", "exec", host, sys.executable, "-c", _HOLDER, address, str(wait)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "TMPDIR": str(folder)},
        text=True,
    )


def _line(session: "subprocess.Popen[str]") -> str:
    assert session.stdout is not None
    return session.stdout.readline().strip()


def test_the_second_host_is_refused_or_waits(hosts: list[str], tmp_path: Path) -> None:
    first, second = hosts
    with Farm(tmp_path / "farm", host=f"{_SUBNET}.1") as farm:
        holder = _session(first, tmp_path / "1", farm.address, 0)
        assert _line(holder) == "held"
        refused = _session(second, tmp_path / "2", farm.address, 0)
        _, error = refused.communicate(timeout=60)
        assert refused.returncode == 1
        assert "place board-0: is held by" in error
        assert f"(process {holder.pid})" in error
        waiting = _session(second, tmp_path / "2", farm.address, 60)
        assert "waiting for the place board-0: is held by" in _line(waiting)
        holder.communicate("\n", timeout=60)
        assert _line(waiting) == "held"
        waiting.communicate("\n", timeout=60)
        assert (holder.returncode, waiting.returncode) == (0, 0)
