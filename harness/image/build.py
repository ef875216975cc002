"""Images: firmware with a model, built once for the same inputs.

The build ID of an image is a hash of all its inputs. It is linked into the firmware, which
answers HELLO with it, and it is part of the name of the image's folder.
"""

import hashlib
import json
import re
import shutil
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from harness.elf import Elf
from harness.engines.generated import NO_HOOK, Hook, LayerInfo
from harness.engines.registry import Engine, Generated
from harness.errors import InfrastructureError, InputError
from harness.image.compilation import compile_firmware
from harness.image.firmware_sources import firmware_sources
from harness.image.mlperf_header import mlperf_options, write_model_header
from harness.image.origin import Origin
from harness.image.toolchain import Toolchain, default_toolchain, find_toolchain
from harness.model.edge_impulse_export import STAGES
from harness.model.folder import Model
from harness.support import bundled_files, checked_cache
from harness.support.details import detail
from harness.support.owned_temporary import sweep, temporary_folder
from harness.support.whole_files import explained_errors
from harness.target.target_file import Target

Variant = Literal["measured", "traced", "profiled", "mlperf-tiny", "mlperf-tiny-energy"]
"""The purpose of an image; users only build `measured` ones directly."""

_BUILD_ID_DIGITS = 32
_ARENA = "nn_arena"  # symbol of the arena if its size is determined by trial
_LAYERS = {"traced": "TRACE", "profiled": "PROFILE"}  # options of firmware/CMakeLists.txt
_ABSOLUTE = re.compile(r'(?<=["\[])/[^"\]]*')  # an absolute path in model.cmake


@dataclass(frozen=True)
class Image:
    """A built firmware. Sizes are in bytes; `cached` means that an earlier build was reused.

    `ram` includes the arena; the busiest layer needs `arena_least` bytes of it, and the state
    between inferences takes `arena_state`. `layers` are the layers that the engine generated code
    for. `stack` is RAM that the board paints before the start, if the firmware does not paint it
    itself. `ram_elsewhere` is the part of `ram` outside the target's `memory.ram`, possible in
    prebuilt firmware. With `heap`, the arena is not part of `ram` but allocated from free RAM;
    `with_heap` adds it. `maker` can build the variants. `origin` is where the image was built, if
    that was not here.
    """

    elf: Elf
    build_id: str
    engine: str
    engine_version: str
    toolchain: Toolchain
    flash: int
    ram: int
    cached: bool
    arena: int
    arena_least: int
    layers: tuple[LayerInfo, ...] = ()
    stack: range | None = None
    ram_elsewhere: int = 0
    heap: bool = False
    hook: Hook = NO_HOOK
    maker: Engine | None = None
    arena_state: int = 0
    origin: Origin | None = None

    def __repr__(self) -> str:
        toolchain = f"{self.toolchain.name} {self.toolchain.opt}"
        sizes = f"flash {self.flash:,} B, RAM {self.ram:,} B"
        return f"<Image {self.build_id[:12]} ({self.engine}, {toolchain}): {sizes}>"

    @property
    def directory(self) -> Path:
        """The folder with the ELF, the generated C in `model/`, the linker map and the log."""
        return self.elf.path.parent

    def with_heap(self, used: int) -> "Image":
        """Return the image with `used` bytes of heap added to its RAM, if it has a heap."""
        return replace(self, ram=self.ram + used) if self.heap else self


def build_image(
    target: Target,
    model: Model,
    engine: Engine,
    images: Path,
    say: Callable[[str], None] = lambda _: None,
    toolchain: Toolchain | None = None,
    *,
    variant: Variant = "measured",
    warn: Callable[[str], None] = checked_cache.warn_on_stderr,
) -> Image:
    """Build `model` for `target`, or return the image of an earlier, identical build.

    An earlier build is only used if its files are still what was built; otherwise `warn` is called
    with a line about it. `say` is called with a text before a long wait. Without `toolchain`, the
    default one is used.
    A `traced` image reports the output of each layer and is not for measurement; a `profiled` one
    reports the ticks of each layer. `mlperf-tiny` images speak that protocol instead of the link,
    in performance mode or in energy mode, whose line has `ENERGY_BAUD`.

    Raises `InputError` if the model cannot be built for the target or does not fit into its
    memory, `InfrastructureError` if a tool is missing or fails, or `images` cannot be written.
    """
    toolchain = toolchain or find_toolchain(default_toolchain())
    with (
        explained_errors("the image cannot be built", images),
        _new_folder(images) as staging,
    ):
        generated = _generate(model, engine, staging / "model", target.mcu.core)
        options = firmware_options(target, toolchain)
        if variant in _LAYERS:
            _check_layers(generated, engine)
            options[_LAYERS[variant]] = "ON"
        elif variant != "measured":
            header = write_model_header(model, staging / "model")
            generated = replace(generated, headers=(*generated.headers, header))
            options |= mlperf_options(target, energy=variant == "mlperf-tiny-energy")
        build_id = _build_id(generated, toolchain, target, options)
        entry = images / f"{model.name}-{engine.name}-{target.port.title}-{build_id[:12]}"
        what = model.name if variant == "measured" else f"{model.name}, {variant},"
        building = f"building {what} for {target.name} with {engine.name}"

        def make() -> None:
            say(building)

            def count(files: str) -> None:
                if files:
                    say(f"{building}: {files} files")

            defined = options | {"BUILD_ID": build_id}
            compile_firmware(target, toolchain, staging, defined, count)
            if generated.arena_by_trial:
                say(f"{building}: finding the least arena")
                defined["ARENA_SIZE"] = str(_try_arena(staging, target, say))
                compile_firmware(target, toolchain, staging, defined, count)
            _check_unchanged(build_id, _build_id(generated, toolchain, target, options))
            _remove_objects(staging)
            checked_cache.keep(staging, entry, build_id)

        def wait() -> None:
            say(f"waiting for another session, which is {building}")

        cached = checked_cache.make_once(entry, build_id, make, wait, warn)
        elf = Elf(entry / "firmware.elf")
        if generated.arena_by_trial:
            generated = replace(generated, arena_size=elf.size_of(_ARENA))
        flash, ram = elf.sizes(target.memory)
    how = "from the cache" if cached else "built now"
    detail(f"image: {elf.path} ({how})\n  log: {entry / 'build.log'}")
    return Image(
        elf,
        build_id,
        engine.name,
        generated.version,
        toolchain,
        flash,
        ram,
        cached,
        generated.arena_size,
        generated.arena_least,
        generated.layers,
        heap=generated.heap,
        hook=generated.hook,
        maker=engine,
        arena_state=generated.state_size,
    )


def _try_arena(staging: Path, target: Target, say: Callable[[str], None]) -> int:
    # Imports Unicorn, which takes time; a cached image does not need it.
    from harness.image.arena_trial import least_arena  # noqa: PLC0415

    size = least_arena(Elf(staging / "cmake" / "firmware.elf"), target)
    say(f"it needs an arena of {size:,} bytes")
    return size


def _generate(model: Model, engine: Engine, directory: Path, core: str) -> Generated:
    directory.mkdir()
    if model.export is not None and not engine.operators.issuperset(STAGES):
        raise InputError(
            f"engine {engine.name} builds networks, but this is an export of Edge Impulse",
            where=str(model.tflite_path),
            remedy="build it with --engine=edge-impulse",
        )
    return engine.generate(model.graph, directory, core=core)


def _check_layers(generated: Generated, engine: Engine) -> None:
    if not generated.layers:
        raise InputError(
            f"engine {engine.name} does not report its layers",
            remedy="let it call the hook of firmware/nn/nn.h, and fill Generated.layers",
        )


def firmware_options(target: Target, toolchain: Toolchain) -> dict[str, str]:
    """Return the options of firmware/CMakeLists.txt that target and toolchain determine.

    A port of the user's own is not one of them, since it is known by its contents.
    """
    memory, port = target.memory, target.port
    return {
        **({"PORT": port.name} if port.name else {}),
        "CORE": target.mcu.core,
        "BAUD": str(port.baud),
        "FLASH_ORIGIN": f"{memory.flash.origin:#x}",
        "FLASH_SIZE": f"{memory.flash.size:#x}",
        "RAM_ORIGIN": f"{memory.ram.origin:#x}",
        "RAM_SIZE": f"{memory.ram.size:#x}",
        "STACK_SIZE": str(target.stack),
        "LOAD": target.load,
        "OPTIMIZE": toolchain.opt,
        **_needs(target),
        **{key: str(value) for key, value in port.options.items()},
    }


def _needs(target: Target) -> dict[str, str]:
    """Return the options for what the chip needs of the image; most need nothing."""
    image, options = target.image, {}
    if image.writes:
        options["START_WRITES"] = ";".join(
            f"{write.width}:{write.address:#x}={write.value:#x}" for write in image.writes
        )
    if image.vector_checksum and target.load == "flash":
        options["VECTOR_CHECKSUM"] = "ON"
    if image.words and target.load == "flash":
        options["FIXED_WORDS"] = ";".join(
            f"{fixed.address:#x}=" + ",".join(f"{value:#x}" for value in fixed.values)
            for fixed in image.words
        )
    return options


def _build_id(
    generated: Generated, toolchain: Toolchain, target: Target, options: Mapping[str, str]
) -> str:
    """Hash contents, never paths: the same inputs give the same ID on every machine."""
    sources = firmware_sources(target.port)
    inputs = {
        "firmware": {name: _digest(path) for name, path in sources.items()},
        "engine": [
            generated.version,
            *((path.name, _digest(path)) for path in generated.files),
        ],
        "build": _ABSOLUTE.sub("", generated.cmake.read_text(encoding="utf-8")),
        "toolchain": toolchain.version,
        "options": dict(options),
    }
    text = json.dumps(inputs, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:_BUILD_ID_DIGITS]


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _new_folder(images: Path) -> AbstractContextManager[Path]:
    images.mkdir(parents=True, exist_ok=True)
    sweep(images, ".build-*")  # the names of earlier versions
    return temporary_folder(images)


def _check_unchanged(before: str, after: str) -> None:
    """Check that the sources are still those of the build ID, so that it names what was built."""
    if before != after:
        raise InfrastructureError(
            "a source of the image changed while it was built",
            where=str(bundled_files.bundled("firmware")),
            remedy="start again",
        )


def _remove_objects(staging: Path) -> None:
    """Keep only the ELF and the map of the folder in which CMake built."""
    for name in ("firmware.map", "firmware.elf"):
        shutil.move(staging / "cmake" / name, staging / name)
    shutil.rmtree(staging / "cmake")
