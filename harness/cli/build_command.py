"""The command `build`: images, their sizes, and a bundle of them."""

import argparse
from collections.abc import Mapping
from pathlib import Path

from harness.errors import ExitCode, InputError
from harness.image.build import Image, build_image
from harness.options.idle_options import check_all
from harness.options.json_option import add_json_option
from harness.options.selection import Choice, Selection, add_options, notes_of
from harness.report.folders_note import print_note
from harness.report.json_documents.build_document import WrittenBundle, build_document
from harness.runs.bundle.manifest import BundledVariant
from harness.runs.bundle.write_bundle import BuiltImage, write_bundle
from harness.support.json_stream import JsonOutput
from harness.support.progress import Progress
from harness.support.terminal import Terminal
from harness.workspace import Workspace


def declare(parsers: Mapping[str, argparse.ArgumentParser]) -> None:
    """Declare the options of the command."""
    build = parsers["build"]
    add_options(build.add_argument)
    build.add_argument(
        "--bundle",
        dest="new_bundle",
        type=Path,
        metavar="FILE",
        help="write the images into FILE, with all that a run of them needs on a machine without "
        "a compiler: harness run --bundle FILE",
    )
    build.add_argument(
        "--profile",
        action="store_true",
        help="also put the images into the bundle that time each layer, and that name the first "
        "layer that differs from golden",
    )
    add_json_option(build.add_argument)
    build.set_defaults(command=_build)


def _build(options: argparse.Namespace, workspace: Workspace) -> int:
    progress: Progress = options.progress
    path: Path | None = options.new_bundle
    if options.profile and not path:
        raise InputError(
            "there is no bundle for the images that it adds",
            where="--profile",
            remedy="add --bundle FILE; to time the layers here, use harness profile",
        )
    with progress.step("reading the targets and models"):
        selection = Selection.of(options, workspace)
        check_all(options, selection)
        choices = list(selection.combinations())
    variants: tuple[BundledVariant, ...] = ("measured",)
    if options.profile:
        variants += ("traced", "profiled")
    output: JsonOutput | None = options.json_output
    built = []
    for choice in choices:
        images = [_image(choice, variant, workspace, progress) for variant in variants]
        built += [
            BuiltImage(choice.target, choice.model, image, variant)
            for variant, image in zip(variants, images, strict=True)
        ]
        if not output:
            _print_image(images[0], choice)
    bundle = None
    if path:
        with progress.step(f"writing {path}"):
            digest = write_bundle(path, built, workspace, progress.say, progress.warn)
        bundle = WrittenBundle(file=str(path), size=path.stat().st_size, sha256=digest)
    if output:
        output.print(build_document(built, bundle, notes_of(selection)))
        return ExitCode.PASSED
    if bundle:
        print(f"bundle: {path}, {bundle.size:,} bytes\n  SHA-256 {bundle.sha256}")
    if not options.quiet:
        print_note(workspace, Terminal())
    return ExitCode.PASSED


def _image(
    choice: Choice, variant: BundledVariant, workspace: Workspace, progress: Progress
) -> Image:
    with progress.step(f"preparing {choice.model.name} for {choice.target.name}"):
        return build_image(
            choice.target,
            choice.model,
            choice.engine,
            workspace.images,
            progress.say,
            choice.toolchain,
            variant=variant,
            warn=progress.warn,
        )


def _print_image(image: Image, choice: Choice) -> None:
    target, memory = choice.target, choice.target.memory
    print(f"{choice.model.name} for {target.name} with {image.engine_version}")
    print(f"  {choice.toolchain.version}, {choice.toolchain.opt}")
    print(f"  {image.elf.path}  ({'from the cache' if image.cached else 'built now'})")
    print(f"  build ID {image.build_id}")
    print(f"  flash {image.flash:,} of {memory.flash.size:,} bytes")
    print(f"  RAM   {image.ram:,} of {memory.ram.size:,} bytes")
    if image.heap:
        print("  heap  in the remaining RAM; a run measures its use")
    elif image.arena_least:
        print(
            f"  arena {image.arena:,} bytes (lower bound, from the largest layer: "
            f"{image.arena_least:,})"
        )
        if image.arena_state:
            print(f"  of the arena, the state between inferences: {image.arena_state:,} bytes")
        print(f"  buffers in the arena: {image.directory / 'model' / 'model.c'}")
    else:
        print(f"  arena {image.arena:,} bytes, the smallest with which the engine starts")
