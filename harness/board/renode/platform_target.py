"""Derives a target from a platform of Renode: its core, memories, and how to count."""

import hashlib
import tempfile
from pathlib import Path

import msgspec

from harness.board.renode import machine
from harness.board.renode.hardware import (
    CORTEX_M,
    Bank,
    CortexM,
    main_core,
    memory_map,
    parse_tree,
)
from harness.board.renode.installation import Installation, find_renode
from harness.board.renode.monitor import Monitor
from harness.board.renode.platforms import Platform, find_platform, others_with
from harness.board.renode.renode_process import RenodeProcess
from harness.errors import InputError
from harness.support import bundled_files, checked_cache
from harness.support.user_folders import CACHES, chosen_folder, own_folder
from harness.target.memory_shares import buffer_options, stack_size
from harness.target.target_file import Counter, Mcu, Port, Renode, Target, TargetFile
from harness.target.target_rules import check_rules

KIND = "renode"
"""The prefix of these targets' names."""

_NO_DOWNLOADS = "renode/no_downloads.repl"
_DESCRIBED = "hardware.json"
_VERSION = 1  # of what is kept


class _Hardware(msgspec.Struct, frozen=True):
    """What Renode says about a platform; a cache keeps it."""

    cores: dict[str, str]
    cortex_m: tuple[CortexM, ...]
    memories: tuple[Bank, ...]


def renode_target(source: str, option: str = "") -> Target:
    """Return the target for the platform `source`; `option` is the path of Renode (--renode).

    Its image is the generic one, which needs a core and memory alone. What Renode says about the
    platform is kept in a cache, by Renode's version and the contents of the platform's files.
    """
    renode = find_renode(option)
    platform = find_platform(source, renode)
    hardware = _hardware(platform, renode)
    core, memory = _core(platform, hardware), memory_map(hardware.memories)
    if memory is None:
        raise _no_ram(platform, hardware)
    file = TargetFile(
        description=f"{platform.path.stem} in Renode",
        mcu=Mcu(name=platform.path.stem, core=core.core),
        memory=memory,
        port=Port(name="generic", options=buffer_options(memory.ram.size)),
        counter=Counter(ticks="instructions"),
        board=_board(platform, core.name),
        stack=stack_size(memory.ram.size),
    )
    check_rules(platform.path, file)
    return Target(
        name=f"{KIND}:{platform.name}", path=platform.path, **msgspec.structs.asdict(file)
    )


def _no_ram(platform: Platform, hardware: _Hardware) -> InputError:
    names = ", ".join(f"{bank.name} at {bank.origin:#010x}" for bank in hardware.memories)
    others = ", ".join(others_with(platform))
    return InputError(
        f"the platform {platform.name} has no RAM between 0x20000000 and 0x3fffffff; its "
        f"memories: {names or 'none'}",
        where=str(platform.path),
        remedy=f"take one of the platforms that use it and add memory: {others}"
        if others and not names
        else "write a target file with `memory`: docs/renode.md",
    )


def _board(platform: Platform, cpu: str = "cpu") -> Renode:
    overlay = "" if platform.is_script else str(bundled_files.bundled("targets") / _NO_DOWNLOADS)
    return Renode(platform=str(platform.path), overlay=overlay, cpu=cpu)


def _core(platform: Platform, hardware: _Hardware) -> CortexM:
    """Return the core that runs the image; `InputError` if there is no known Cortex-M."""
    core = main_core(hardware.cortex_m)
    if core is None:
        kinds = hardware.cores | {core.name: core.model for core in hardware.cortex_m}
        found = ", ".join(f"{name} ({kind})" for name, kind in kinds.items())
        raise InputError(
            f"the platform {platform.name} has no Cortex-M core that is known; its cores: "
            f"{found or 'none'}",
            where=str(platform.path),
            remedy="take a platform with one of the cores in docs/renode.md, or write a target "
            "file with `mcu.core` and `board.cpu`",
        )
    return core


def _hardware(platform: Platform, renode: Installation) -> _Hardware:
    """Return what Renode says about the platform, from the cache if it said it before."""
    key = hashlib.sha256(f"{_VERSION} {renode.version} {platform.digest()}".encode()).hexdigest()
    folder = chosen_folder(CACHES) or own_folder(CACHES)
    entry = folder / "platforms" / f"{platform.path.stem}-{key[:16]}"

    def make(staging: Path) -> None:
        hardware = _ask(platform, renode)
        (staging / _DESCRIBED).write_bytes(msgspec.json.encode(hardware))

    checked_cache.provide(entry, key, make)
    return msgspec.json.decode((entry / _DESCRIBED).read_bytes(), type=_Hardware)


def _ask(platform: Platform, renode: Installation) -> _Hardware:
    """Have Renode load the platform, without an image, and return what it has."""
    with tempfile.TemporaryDirectory(prefix="harness-") as folder:
        process = RenodeProcess(renode, Path(folder, "log"), str(platform.path))
        try:
            monitor = process.monitor
            stopped = _create(monitor, platform, process.scratch)
            tree = parse_tree(monitor.command("peripherals"))
            if stopped and not tree.cores:
                raise stopped
            cortex_m = tuple(
                _described(monitor, name) for name, kind in tree.cores.items() if kind == CORTEX_M
            )
        finally:
            process.close()
    return _Hardware(tree.cores, cortex_m, tree.memories)


def _create(monitor: Monitor, platform: Platform, scratch: Path) -> InputError | None:
    """Create the machine. Return why a script stopped: it does where it loads the firmware."""
    none = scratch / "no_firmware.elf"
    try:
        machine.create(monitor, _board(platform), none, scratch, str(platform.path))
    except InputError as error:
        if not (platform.is_script and machine.has_machine(monitor)):
            raise
        return error
    return None


def _described(monitor: Monitor, name: str) -> CortexM:
    cpu = f"sysbus.{name}"
    return CortexM(
        name,
        monitor.command(f"{cpu} Model").strip(),
        halted=monitor.command(f"{cpu} IsHalted").strip() == "True",
        has_fpu=monitor.command(f"{cpu} GetArmFeature ARM_FEATURE_VFP").strip() == "True",
    )
