"""What this machine has, what is missing for which target, and the command that mends it."""

import os
import platform
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as package_version
from pathlib import Path

from pyocd.probe.aggregator import DebugProbeAggregator
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from serial.tools import list_ports

from harness.board.qemu import find_qemu, qemu_version
from harness.board.renode.installation import find_renode
from harness.errors import HarnessError
from harness.image.toolchain import TOOLCHAINS, find_toolchain
from harness.simulator.pyocd_probe import VirtualProbe
from harness.target.find_target import list_targets, load_target
from harness.target.target_file import Pyocd, Qemu, Renode
from harness.workspace import Workspace

# USB vendors of debug probes: Arm (DAPLink), ST, SEGGER, NXP, Raspberry Pi.
_PROBE_VENDORS = {"0d28", "0483", "1366", "1fc9", "2e8a"}
_USB_DEVICES = Path("/sys/bus/usb/devices")


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at: what it is, whether it will do, and what to do if not."""

    subject: str
    good: bool
    detail: str
    remedy: str = ""


def examine(workspace: Workspace) -> tuple[list[Finding], list[Finding]]:
    """Return what was found on the machine, and for each target whether it can run."""
    compilers = [
        _look(f"compiler {name}", lambda name=name: find_toolchain(name).version)  # type: ignore[misc]
        for name in TOOLCHAINS
    ]
    qemu = _look("QEMU", lambda: qemu_version(find_qemu()))
    renode = _look("Renode", _renode)
    probes = _probes()
    machine = [
        *compilers,
        qemu,
        renode,
        *(_package(name) for name in ("pyocd", "unicorn", "tflite-micro", "bakenn")),
        probes,
        _ports(),
        *_permissions(),
    ]
    compiler = next((found for found in compilers if found.good), compilers[0])
    targets = [
        _target(path, compiler, {Qemu: qemu, Renode: renode, Pyocd: probes})
        for path in list_targets(workspace.targets).values()
    ]
    return machine, targets


def print_findings(machine: list[Finding], targets: list[Finding], console: Console) -> None:
    """Print both lists on one screen, then what to do."""
    for title, findings in (("this machine", machine), ("targets", targets)):
        table = Table(box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
        table.add_column("")
        table.add_column(title, no_wrap=True)
        table.add_column("")
        for finding in findings:
            mark = "[green]✓" if finding.good else "[red]✗"
            table.add_row(mark, finding.subject, finding.detail)
        console.print(table)
    remedies = {f.remedy: f.subject for f in machine + targets if f.remedy and not f.good}
    for remedy, subject in remedies.items():
        console.print(f"{subject}: {remedy}", highlight=False)


def _look(subject: str, version: Callable[[], str]) -> Finding:
    try:
        return Finding(subject, good=True, detail=version())
    except HarnessError as error:
        return Finding(subject, good=False, detail=error.what, remedy=error.remedy)


def _renode() -> str:
    found = find_renode()
    return f"{found.version} ({found.executable}, by {found.source})"


def _package(name: str) -> Finding:
    try:
        return Finding(name, good=True, detail=package_version(name))
    except PackageNotFoundError:
        return Finding(name, good=False, detail="not installed", remedy=f"pip install {name}")


def _probes() -> Finding:
    found = DebugProbeAggregator.get_all_connected_probes()
    names = [f"{probe.unique_id} ({probe.description})" for probe in found]
    # A virtual board that runs here is a probe too, but no board on the desk.
    real = any(not isinstance(probe, VirtualProbe) for probe in found)
    return Finding("debug probes", good=real, detail="\n".join(names) or "none connected")


def _ports() -> Finding:
    ports = [
        f"{port.device} ({port.description})"
        + ("" if os.access(port.device, os.R_OK | os.W_OK) else ", not allowed")
        for port in list_ports.comports()
    ]
    allowed = not any(port.endswith("not allowed") for port in ports)
    return Finding(
        "serial ports",
        good=allowed,
        detail="\n".join(ports) or "none connected",
        remedy="sudo usermod -a -G dialout $USER, then log in again",
    )


def _permissions() -> Iterator[Finding]:
    """Yield the probes that Linux does not let this user open; pyOCD leaves them out silently."""
    if platform.system() != "Linux" or not _USB_DEVICES.is_dir():
        return
    for vendor_file in sorted(_USB_DEVICES.glob("*/idVendor")):
        folder = vendor_file.parent
        if vendor_file.read_text().strip() not in _PROBE_VENDORS:
            continue
        bus, device = (int((folder / name).read_text()) for name in ("busnum", "devnum"))
        node = Path(f"/dev/bus/usb/{bus:03}/{device:03}")
        product = folder / "product"
        name = product.read_text().strip() if product.is_file() else folder.name
        yield Finding(
            f"USB {name}",
            good=os.access(node, os.R_OK | os.W_OK),
            detail=str(node),
            remedy="install pyOCD's udev rules (github.com/pyocd/pyOCD, folder udev) into "
            "/etc/udev/rules.d, then: sudo udevadm control --reload && sudo udevadm trigger",
        )


def _target(path: Path, compiler: Finding, boards: Mapping[type, Finding]) -> Finding:
    """Return whether the target can run: with a compiler, and what its kind of board needs."""
    try:
        target = load_target(path)
    except HarnessError as error:
        detail = f"{error.where}: {error.what}"
        return Finding(path.stem, good=False, detail=detail, remedy=error.remedy)
    needs = [compiler, *(need for kind, need in boards.items() if isinstance(target.board, kind))]
    missing = [need.subject for need in needs if not need.good]
    if missing:
        return Finding(target.name, good=False, detail=f"needs: {', '.join(missing)}")
    return Finding(target.name, good=True, detail=target.description)
