"""Checks what this machine has and what it lacks for each target, and how to fix it."""

import os
import platform
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from importlib import import_module
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as package_version
from pathlib import Path

from pyocd.probe.aggregator import DebugProbeAggregator
from rich.console import Console
from rich.text import Text
from serial.tools import list_ports

from harness.board.board_options import COORDINATOR
from harness.board.derivations import derivations
from harness.board.labgrid.ask_farm import ask_farm
from harness.board.renode.installation import find_renode
from harness.errors import HarnessError, InfrastructureError
from harness.golden.interpreters import find_interpreter
from harness.image.toolchain import TOOLCHAINS, find_toolchain
from harness.image.toolchain_trial import try_toolchain
from harness.report.json_documents.machine_documents import Check
from harness.report.terminal_lines import print_line
from harness.report.terminal_table import Column, TerminalTable, name_columns
from harness.simulator.pyocd_probe import VirtualProbe
from harness.simulator.runtime_folder import is_served
from harness.support.plural import count_of
from harness.target.find_target import find_target, list_targets, load_target
from harness.target.qemu_program import check_machine, find_qemu, qemu_version
from harness.target.target_file import Labgrid, Pyocd, Qemu, Renode, Target, Virtual
from harness.workspace import Workspace

# USB vendors of debug probes: Arm (DAPLink), ST, SEGGER, NXP, Raspberry Pi.
_PROBE_VENDORS = {"0d28", "0483", "1366", "1fc9", "2e8a"}
_NEEDS = "needs "
_USB_DEVICES = Path("/sys/bus/usb/devices")


def run_checks(
    workspace: Workspace,
    asked: Sequence[str] = (),
    step: Callable[[str], AbstractContextManager[object]] = nullcontext,
) -> tuple[list[Check], list[Check]]:
    """Return the checks of this machine, and those of the targets: the `asked` ones, or all.

    `step` is entered for what takes time, with a text about it.

    Raises `InputError` at once if a target that is asked for is unknown or invalid.
    """
    known = derivations(roots=workspace.targets)
    targets = [find_target(name, workspace.targets, known) for name in asked]

    def check(subject: str, version: Callable[[], str]) -> Check:
        with step(f"checking {subject}"):
            return _check(subject, version)

    compilers = [check(f"compiler {name}", partial(_compiler, name)) for name in TOOLCHAINS]
    qemu = check("QEMU", lambda: qemu_version(find_qemu()))
    renode = check("Renode", _renode)
    with step("searching debug probes"):
        probes = _probes()
    names = ("pyocd", "unicorn", "bakenn")
    packages = [check(name, partial(_package, name)) for name in names]
    grpc = check("gRPC for farms", _grpc)
    address = os.environ.get(COORDINATOR, "")
    coordinator = [check(f"coordinator {address}", _coordinator)] if address and grpc.ok else []
    machine = [
        *compilers,
        qemu,
        renode,
        *packages,
        check("golden outputs", _golden),
        grpc,
        *coordinator,
        probes,
        _ports(),
        *_permissions(),
    ]
    compiler = next((check for check in compilers if check.ok), compilers[0])
    boards: dict[type, Check] = {
        Qemu: qemu,
        Renode: renode,
        Pyocd: probes,
        Labgrid: grpc,
        Virtual: packages[names.index("unicorn")],
    }
    if asked:
        return machine, [_ready(target, compiler, boards) for target in targets]
    paths = list_targets(workspace.targets).values()
    return machine, [_target(path, compiler, boards) for path in paths]


def print_checks(machine: list[Check], targets: list[Check], console: Console) -> None:
    """Print both lists, then the remedies."""
    for title, checks in (("this machine", machine), ("targets", _together(targets))):
        table = TerminalTable([*name_columns("", title), Column(kind="detail")])
        for check in checks:
            mark = Text("✓", "green") if check.ok else Text("✗", "red")
            table.add_row(mark, check.subject, check.detail)
        table.print_to(console)
    remedies = {c.remedy: c.subject for c in machine + targets if c.remedy and not c.ok}
    for remedy, subject in remedies.items():
        print_line(console, f"{subject}: {remedy}")


def _together(targets: Sequence[Check]) -> list[Check]:
    """Return `targets` with one check for all that lack the same, after the others."""
    lacking = Counter(target.detail for target in targets if target.detail.startswith(_NEEDS))
    several = [detail for detail, count in lacking.items() if count > 1]
    result = [target for target in targets if target.detail not in several]
    for detail in several:
        names = ", ".join(target.subject for target in targets if target.detail == detail)
        what = detail.removeprefix(_NEEDS)
        result.append(Check(f"{lacking[detail]} targets", ok=False, detail=f"need {what}: {names}"))
    return result


def _check(subject: str, version: Callable[[], str]) -> Check:
    try:
        return Check(subject, ok=True, detail=version())
    except HarnessError as error:
        return Check(subject, ok=False, detail=error.what, remedy=error.remedy)


def _renode() -> str:
    renode = find_renode()
    return f"{renode.version} ({renode.executable}, from {renode.source})"


def _compiler(name: str) -> str:
    toolchain = find_toolchain(name)
    try_toolchain(toolchain)
    return toolchain.version


def _package(name: str) -> str:
    """Return the version of a package that can be imported."""
    remedy = f"pip install --force-reinstall {name}"
    try:
        version = package_version(name)
        import_module(name.replace("-", "_"))
    except PackageNotFoundError as error:
        raise InfrastructureError("not installed", remedy=remedy) from error
    except (ImportError, OSError) as error:
        raise InfrastructureError(f"cannot be imported: {error}", remedy=remedy) from error
    return version


def _grpc() -> str:
    """Return the version of gRPC, which only targets in a farm need; it is not imported here."""
    try:
        return package_version("grpcio")
    except PackageNotFoundError as error:
        raise InfrastructureError(
            "not installed", remedy="pip install 'tinyml-harness[labgrid]'"
        ) from error


def _coordinator() -> str:
    """Return how many places the coordinator of `LG_COORDINATOR` has."""
    return count_of(len(ask_farm().state.places), "place")


def _golden() -> str:
    """Return the interpreter that computes golden outputs where the vectors have none."""
    package = find_interpreter().package
    return f"{package} {_package(package)}"


def _probes() -> Check:
    probes = DebugProbeAggregator.get_all_connected_probes()
    names = [f"{probe.unique_id} ({probe.description})" for probe in probes]
    # A virtual board on this machine is a probe too, but not a real one.
    real = any(not isinstance(probe, VirtualProbe) for probe in probes)
    if real:
        names.append("to run on a board that no target describes: --target=auto")
    elif names:
        names.append("these are virtual boards; --probe=ID runs on one of them")
    return Check(
        "debug probes",
        ok=real,
        detail="\n".join(names) or "none connected",
        remedy="connect a board by the USB port of its probe, or a probe to your board",
    )


def _ports() -> Check:
    ports = [
        f"{port.device} ({port.description})"
        + ("" if os.access(port.device, os.R_OK | os.W_OK) else ", no permission")
        for port in list_ports.comports()
    ]
    allowed = not any(port.endswith("no permission") for port in ports)
    return Check(
        "serial ports",
        ok=allowed,
        detail="\n".join(ports) or "none connected",
        remedy="sudo usermod -a -G dialout $USER, then log in again",
    )


def _permissions() -> Iterator[Check]:
    """Yield the USB permissions of probes on Linux; pyOCD silently ignores forbidden probes."""
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
        yield Check(
            f"USB {name}",
            ok=os.access(node, os.R_OK | os.W_OK),
            detail=str(node),
            remedy="copy pyOCD's udev rules (github.com/pyocd/pyOCD, folder udev) to "
            "/etc/udev/rules.d, then run: sudo udevadm control --reload && sudo udevadm trigger",
        )


def _target(path: Path, compiler: Check, boards: Mapping[type, Check]) -> Check:
    """Return whether the target of a file can run."""
    try:
        return _ready(load_target(path), compiler, boards)
    except HarnessError as error:
        detail = f"{error.where}: {error.what}"
        return Check(path.stem, ok=False, detail=detail, remedy=error.remedy)


def _ready(target: Target, compiler: Check, boards: Mapping[type, Check]) -> Check:
    """Return whether a target can run: it needs a compiler, and the tools for its board.

    A virtual board that is served under the name of the target stands for a real one.
    """
    kind = type(target.board)
    if kind is Pyocd and is_served(target.name):
        kind = Virtual
    needs = compiler, boards[kind]
    missing = [need.subject for need in needs if not need.ok]
    if isinstance(target.board, Qemu) and not missing:
        try:
            check_machine(target.board.machine)
        except HarnessError as error:
            return Check(target.name, ok=False, detail=f"QEMU {error.what}", remedy=error.remedy)
    if missing:
        # Nothing else says how to get what only a target in a farm needs.
        remedy = needs[1].remedy if isinstance(target.board, Labgrid) else ""
        return Check(target.name, ok=False, detail=f"{_NEEDS}{', '.join(missing)}", remedy=remedy)
    return Check(target.name, ok=True, detail=target.description)
