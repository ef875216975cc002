"""Engine tflm: what it looks at in a user's tree, and its adapter on a stand-in for TFLM.

With TFLM_DIR, a tree with its library built (docs/tflm.md), the adapter runs on that, too.
"""

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from harness.cli.main import main
from harness.engines.tflm import Tflm
from harness.engines.tflm.static_library import read_archive
from harness.engines.tflm.tflm_tree import LIBRARY, find_tree
from harness.errors import InputError
from harness.harness_toml import read_settings
from harness.image.build import Image, build_image
from harness.image.toolchain import find_toolchain
from harness.model.folder import Model, find_model, load_model
from harness.model.tflite_file import variables_made
from harness.runs.link_run import Run
from harness.target.find_target import find_target
from harness.target.target_file import Target
from tests.support.cxx import needs_gxx
from tests.support.devices import opened
from tests.support.graphs import Builder
from tests.support.operators_state import assign, handle

ROOT = Path(__file__).parents[2]
STAND_IN = ROOT / "tests" / "data" / "tflm"
BYTES, LAYERS, ARENA = 24, 2, 1000
SIZES = {"BYTES": BYTES, "LAYERS": LAYERS, "ARENA": ARENA}
COMPILE = ["-fno-exceptions", "-fno-rtti", "-O2", "-I.", "-Ithird_party/flatbuffers/include"]
COMPILE += ["-c", "standin.cc", "-o", "gen/standin.o"]
M4F = ("-mcpu=cortex-m4", "-mthumb", "-mfloat-abi=hard", "-mfpu=fpv4-sp-d16")
DESCRIPTION = """\
description = "reshapes"
task = "classification"
metric = "accuracy"
quality_target = 0.0
[input]
preprocessing = "none"
[provenance]
data = "random"
licence = "Apache-2.0"
"""

Build = Callable[..., Path]


@pytest.fixture(scope="module")
def build_tree(tmp_path_factory: pytest.TempPathFactory) -> Build:
    """A function that makes a tree of the stand-in with its library compiled for a core."""

    def build(*flags: str, compiler: str = "arm-none-eabi-g++") -> Path:
        tree = tmp_path_factory.mktemp("tflm") / "tree"
        shutil.copytree(STAND_IN, tree)
        (tree / "third_party" / "gemmlowp").mkdir()
        lib = tree / "gen" / "lib"
        lib.mkdir(parents=True)
        sizes = [f"-DSTANDIN_{name}={value}" for name, value in SIZES.items()]
        subprocess.run(
            [compiler, *sizes, *flags, *COMPILE],
            cwd=tree,
            check=True,
            timeout=120,
        )
        subprocess.run(
            ["ar", "rcs", str(lib / LIBRARY), str(tree / "gen" / "standin.o")],
            check=True,
            timeout=60,
        )
        return tree

    return build


@pytest.fixture(scope="module")
def tree(build_tree: Build) -> Path:
    return build_tree(*M4F)


@pytest.fixture
def target() -> Target:
    return find_target("virtual-stm32", [ROOT / "targets"])


@pytest.fixture
def reshapes(tmp_path: Path) -> Model:
    """Two RESHAPEs: what a copy is right for."""
    b = Builder()
    source = b.activation((1, 4, 6), 0.1, 0)
    network = b.build([source], [b.reshape(b.reshape(source, (1, 2, 12)), (1, BYTES))])
    return write_model(tmp_path / "reshapes", network)


def write_model(folder: Path, network: bytes) -> Model:
    folder.mkdir()
    (folder / "model.toml").write_text(DESCRIPTION)
    (folder / "model.tflite").write_bytes(network)
    rng = np.random.default_rng(1)
    inputs = rng.integers(-128, 128, (3, 4, 6), dtype=np.int8)
    np.savez(folder / "vectors.npz", inputs=inputs, labels=np.arange(3))
    return load_model(folder)


def softmax(folder: Path) -> Model:
    b = Builder()
    source = b.activation((1, 4, 6), 0.1, 0)
    return write_model(folder, b.build([source], [b.softmax(b.reshape(source, (1, BYTES)))]))


def run(target: Target, model: Model, image: Image, root: Path, *, profile: bool = False) -> Run:
    with opened(target, model, image, root, profile=profile) as dut:
        return dut.run()


def build(target: Target, model: Model, tree: Path, root: Path) -> Image:
    return build_image(target, model, Tflm(tree), root / "images", toolchain=find_toolchain("gcc"))


@needs_gxx
def test_the_adapter_runs_a_network_in_the_interpreter(
    target: Target, reshapes: Model, tree: Path, tmp_path: Path
) -> None:
    image = build(target, reshapes, tree, tmp_path)
    assert "warning" not in (image.directory / "build.log").read_text()
    done = run(target, reshapes, image, tmp_path, profile=True)
    assert done.bytes_differing == 0
    assert image.engine == "tflm"
    assert done.profile is not None, done.profile_unavailable
    assert [layer.operator for layer in done.profile.layers] == ["RESHAPE", "RESHAPE"]
    assert done.estimate is not None, done.estimate_unavailable


@needs_gxx
def test_a_state_begins_anew_with_each_recording(
    target: Target, build_tree: Build, tmp_path: Path
) -> None:
    b = Builder()
    source = b.activation((1, 4, 6), 0.1, 0)
    assign(b, handle(b, "kept"), source)
    model = write_model(tmp_path / "kept", b.build([source], [b.reshape(source, (1, BYTES))]))
    tree = build_tree(*M4F, "-USTANDIN_LAYERS", "-DSTANDIN_LAYERS=3")
    image = build(target, model, tree, tmp_path)
    assert "warning" not in (image.directory / "build.log").read_text()
    done = run(target, model, image, tmp_path, profile=True)
    assert done.bytes_differing == 0
    assert done.profile is not None, done.profile_unavailable
    kinds = [(layer.operator, layer.shape) for layer in done.profile.layers]
    assert kinds == [("VAR_HANDLE", []), ("ASSIGN_VARIABLE", [1, 4, 6]), ("RESHAPE", [1, BYTES])]


@needs_gxx
def test_the_arena_is_the_least_that_the_interpreter_starts_with(
    target: Target, reshapes: Model, tree: Path, tmp_path: Path
) -> None:
    image = build(target, reshapes, tree, tmp_path)
    assert image.arena == -(-ARENA // 16) * 16
    again = build(target, reshapes, tree, tmp_path)
    assert again.cached
    assert again.arena == image.arena


@needs_gxx
def test_a_network_that_differs_from_golden_is_attributed_to_a_layer(
    target: Target, reshapes: Model, build_tree: Build, tmp_path: Path
) -> None:
    image = build(target, reshapes, build_tree(*M4F, "-DSTANDIN_WRONG=1"), tmp_path)
    done = run(target, reshapes, image, tmp_path)
    assert done.bytes_differing == 3  # one of each vector
    assert done.divergence is not None, done.divergence_unavailable
    assert (done.divergence.layer, done.divergence.operator) == (1, "RESHAPE")


@needs_gxx
def test_a_changed_library_is_another_image(
    target: Target, reshapes: Model, build_tree: Build, tree: Path, tmp_path: Path
) -> None:
    other = build_tree(*M4F, "-DSTANDIN_WRONG=1")
    first = build(target, reshapes, tree, tmp_path).build_id
    assert build(target, reshapes, other, tmp_path).build_id != first


@needs_gxx
def test_tflm_is_quoted_where_it_does_not_take_the_network(
    target: Target,
    reshapes: Model,
    tree: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("harness.image.arena_trial._TRIAL", range(0x6000_0000, 0x6000_0200))
    with pytest.raises(InputError, match="the stand-in needs 1000 bytes of arena, not 512"):
        build(target, reshapes, tree, tmp_path)


@needs_gxx
def test_an_operator_without_kernel_is_named(target: Target, tree: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no kernel for SOFTMAX: tflite::Register_SOFTMAX"):
        build(target, softmax(tmp_path / "soft"), tree, tmp_path)


@needs_gxx
def test_an_operator_without_kernel_in_a_branch_is_named_with_its_layer(
    target: Target, tree: Path, tmp_path: Path
) -> None:
    b = Builder()
    flag, source = b.tensor((1,), dtype=np.bool_), b.activation((1, 4), 0.1, 0)
    number, part = b.part()
    given = part.activation((1, 4), 0.1, 0)
    part.ends = ([given], [part.softmax(given)])
    result = b.activation((1, 4), 1 / 256, -128)
    options = {"ThenSubgraphIndex": number, "ElseSubgraphIndex": number}
    b.operator("IF", [flag, source], [result], "IfOptions", **options)
    model = write_model(tmp_path / "branch", b.build([source, flag], [result]))
    with pytest.raises(InputError, match=r"layer 1 \(SOFTMAX, .*: has no kernel for SOFTMAX"):
        build(target, model, tree, tmp_path)


def test_variables_of_all_subgraphs_count() -> None:
    """TFLM prepares also a subgraph that nothing runs."""
    b = Builder()
    source = b.activation((1, 4), 0.1, 0)
    for name in ("one", "two"):
        _, other = b.part()
        handle(other, name)
    assign(b, handle(b, "one"), source)
    assert len(variables_made(b.build([source], [b.softmax(source)]), where="test")) == 2


@needs_gxx
def test_an_operator_that_the_tree_does_not_know_is_named(
    target: Target, tree: Path, tmp_path: Path
) -> None:
    b = Builder()
    source = b.activation((1, 4, 6), 0.1, 0)
    model = write_model(tmp_path / "dense", b.build([source], [b.dense(source, 3)]))
    with pytest.raises(InputError, match="has no operator FULLY_CONNECTED"):
        build(target, model, tree, tmp_path)


@needs_gxx
@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (("-mcpu=cortex-m33", "-mthumb", "-mfloat-abi=hard", "-mfpu=fpv5-sp-d16"), "Armv8-M"),
        (("-mcpu=cortex-m4", "-mthumb", "-mfloat-abi=soft"), "passes floats as integers"),
    ],
)
def test_a_library_for_another_core_or_float_abi_is_refused(
    flags: tuple[str, ...],
    message: str,
    target: Target,
    reshapes: Model,
    build_tree: Build,
    tmp_path: Path,
) -> None:
    with pytest.raises(InputError, match=message) as refused:
        build(target, reshapes, build_tree(*flags), tmp_path)
    assert "TARGET_ARCH=cortex-m4+fp" in str(refused.value)


@needs_gxx
def test_a_core_that_cannot_be_tried_out_is_told(
    reshapes: Model, build_tree: Build, tmp_path: Path
) -> None:
    helium = find_target("qemu-m55", [ROOT / "targets"])
    library = build_tree("-mcpu=cortex-m55", "-mthumb", "-mfloat-abi=hard")
    with pytest.raises(InputError, match="determines the arena"):
        build(helium, reshapes, library, tmp_path)


@needs_gxx
def test_one_of_several_libraries_is_chosen_by_its_folder(build_tree: Build) -> None:
    tree = build_tree(*M4F)
    other = tree / "gen" / "other"
    shutil.copytree(tree / "gen" / "lib", other)
    with pytest.raises(InputError, match="2 libraries below it: gen/lib, gen/other"):
        find_tree(tree)
    assert find_tree(other).archive.path == other / LIBRARY
    assert find_tree(other).root == tree.resolve()


@pytest.mark.skipif(
    shutil.which("c++") is None, reason="there is no C++ compiler for this computer"
)
def test_a_library_for_this_computer_is_refused(build_tree: Build) -> None:
    with pytest.raises(InputError, match="is not for Arm"):
        find_tree(build_tree(compiler="c++"))


@needs_gxx
def test_the_wrong_flatbuffers_is_named(build_tree: Build) -> None:
    tree = build_tree(*M4F)
    base = tree / "third_party" / "flatbuffers" / "include" / "flatbuffers" / "base.h"
    base.write_text(base.read_text().replace("REVISION 3", "REVISION 4"))
    with pytest.raises(InputError, match=r"is flatbuffers 1\.2\.4.*needs 1\.2\.3"):
        find_tree(tree)


def test_a_folder_that_is_no_tree_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="--tflm-dir"):
        find_tree(None)
    with pytest.raises(InputError, match="is not a folder"):
        find_tree(tmp_path / "nowhere")
    with pytest.raises(InputError, match="is not in a TFLM tree"):
        find_tree(tmp_path)


def test_a_tree_without_library_or_flatbuffers_is_refused(tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    shutil.copytree(STAND_IN, tree)
    with pytest.raises(InputError, match=r"has no libtensorflow-microlite\.a"):
        find_tree(tree)
    shutil.rmtree(tree / "third_party")
    with pytest.raises(InputError, match="there is no flatbuffers/include"):
        find_tree(tree)


@pytest.mark.parametrize("content", [b"", b"!<arch>\n", b"no archive", b"!<arch>\nshort"])
def test_what_is_no_library_is_refused(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / LIBRARY
    path.write_bytes(content)
    with pytest.raises(InputError, match=LIBRARY):
        read_archive(path)


def test_the_tree_is_named_in_harness_toml_relative_to_it(tmp_path: Path) -> None:
    (tmp_path / "harness.toml").write_text('[engines.tflm]\ndir = "sub/tflm"\n')
    assert read_settings(tmp_path).engines.tflm.dir == str(tmp_path / "sub" / "tflm")
    assert read_settings(tmp_path / "elsewhere").engines.tflm.dir == ""


def test_without_a_tree_the_list_of_engines_says_how_to_name_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["list", "engines"]) == 0
    listed = capsys.readouterr().out
    assert "cmsis-nn 4.0.0" in listed
    assert "--tflm-dir" in listed


@needs_gxx
def test_models_show_asks_the_tree_that_harness_toml_names(
    tree: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "harness.toml").write_text(f'[engines.tflm]\ndir = "{tree}"\n')
    monkeypatch.chdir(tmp_path)
    assert main(["models", "show", "anomaly"]) == 0
    text = " ".join(capsys.readouterr().out.split())
    assert "6 of its 6 layers cannot run" in text
    assert "has no operator FULLY_CONNECTED" in text


def test_an_unknown_key_of_harness_toml_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "harness.toml").write_text('[engines.tflm]\ndirectory = "tflm"\n')
    with pytest.raises(InputError, match="unknown key `directory`"):
        read_settings(tmp_path)


def real_tree() -> Path:
    named = os.environ.get("TFLM_DIR", "")
    if not named:
        pytest.skip("TFLM_DIR names no TFLM tree with its library built for cortex-m4+fp")
    return Path(named)


@needs_gxx
@pytest.mark.parametrize("name", ["digits", "gesture", "vowels", "faces", "anomaly"])
def test_tflm_itself_is_golden(name: str, target: Target, tmp_path: Path) -> None:
    tree = real_tree()
    model = find_model(name, [ROOT / "models"])
    image = build(target, model, tree, tmp_path)
    done = run(target, model, image, tmp_path, profile=True)
    assert done.failures() == []
    assert done.profile is not None, done.profile_unavailable
    assert done.estimate is not None, done.estimate_unavailable
