"""Targets that are derived from Renode's platforms: `renode:NAME`."""

import json
from pathlib import Path

import numpy as np
import pytest

from harness.board.board import Bracket, Executed
from harness.board.derivations import derivations
from harness.engines.registry import find_engine
from harness.errors import InfrastructureError, InputError
from harness.image.toolchain import default_toolchain, find_toolchain
from harness.model.folder import load_model
from harness.runs.bench import link_bench
from harness.runs.link_run import Run
from harness.runs.request import RunRequest
from harness.support.memory_map import Memory, Region
from harness.target.find_target import find_target
from harness.target.target_file import Renode, Target
from harness.workspace import find_workspace
from tests.support.models import ROOT, few_digits
from tests.support.renode import make_double, real_renode

# Of twelve families, with all cores but the Cortex-M0+: of different makers, with one core and
# with several, with a flash at 0 and elsewhere, with a DWT of their own and without.
PLATFORMS = [
    "nucleo_h753zi",
    "nrf52840dk_nrf52840",
    "stm32g0",
    "nxp-k6xf",
    "atsamd51g19a",
    "sam_e70",
    "renesas-ek_ra8m1",
    "renesas-r7fa2l1a",
    "efm32gg995",
    "mimxrt1064_evk",
    "nxp-s32k388",
    "eos-s3-quickfeather",
]


@pytest.fixture
def renode(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The stand-in, whose platform `mine` is an STM32F4, with a cache of its own."""
    monkeypatch.setenv("HARNESS_CACHE_DIR", str(tmp_path / "cache"))
    platforms = tmp_path / "platforms"
    (platforms / "boards").mkdir(parents=True)
    (platforms / "cpus").mkdir()
    (platforms / "boards" / "mine.repl").write_text('using "platforms/cpus/stm32f4.repl"')
    return make_double(tmp_path)


def derive(name: str, renode: Path) -> Target:
    return find_target(name, (), derivations(str(renode)))


def test_a_target_has_the_core_and_the_memories_of_its_platform(renode: Path) -> None:
    target = derive("renode:mine", renode)
    assert (target.name, target.file_name) == ("renode:mine", "renode-mine")
    assert (target.mcu.name, target.mcu.core) == ("mine", "cortex-m4f")
    assert target.memory == Memory(Region(0x0800_0000, 0x20_0000), Region(0x2000_0000, 0x4_0000))
    assert target.port.over_rtt
    board = target.board
    assert isinstance(board, Renode)
    assert (board.cpu, board.uart) == ("cpu", "")
    assert Path(board.overlay).name == "no_downloads.repl"
    assert derive(target.name, renode) == target


def test_renode_is_asked_once_for_the_same_files(
    renode: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = derive("renode:mine", renode)
    monkeypatch.setenv("RENODE_DOUBLE", json.dumps({"die": "mach create"}))
    assert derive("renode:mine", renode) == first
    with (renode.parent / "platforms" / "boards" / "mine.repl").open("a") as file:
        file.write("\n// changed")
    with pytest.raises(InfrastructureError, match="Renode ended"):
        derive("renode:mine", renode)


@pytest.mark.parametrize(
    ("answer", "what"),
    [
        ("no memories", "the platform mine has no RAM between 0x20000000 and 0x3fffffff"),
        ("no cores", "the platform mine has no Cortex-M core that is known; its cores: none"),
    ],
)
def test_a_platform_that_cannot_run_an_image(
    renode: Path, monkeypatch: pytest.MonkeyPatch, answer: str, what: str
) -> None:
    told = {"answers": {"peripherals": answer}}
    monkeypatch.setenv("RENODE_DOUBLE", json.dumps(told))
    with pytest.raises(InputError) as caught:
        derive("renode:mine", renode)
    assert caught.value.what.startswith(what)
    assert caught.value.where.endswith("mine.repl")


def test_a_chip_without_memory_names_the_platforms_that_add_some(
    renode: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    larger = renode.parent / "platforms" / "boards" / "larger.repl"
    larger.write_text('using "./mine.repl"')
    monkeypatch.setenv("RENODE_DOUBLE", json.dumps({"answers": {"peripherals": "no memories"}}))
    with pytest.raises(InputError) as caught:
        derive("renode:mine", renode)
    assert caught.value.remedy == "take one of the platforms that use it and add memory: larger"


def test_a_platform_that_renode_does_not_accept(
    renode: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = {"answers": {"LoadPlatformDescription": "no type"}}
    monkeypatch.setenv("RENODE_DOUBLE", json.dumps(told))
    with pytest.raises(InputError, match="Renode does not accept the platform:\nError E04"):
        derive("renode:mine", renode)


def test_a_script_may_stop_where_it_loads_the_firmware(
    renode: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    script = tmp_path / "my.resc"
    script.write_text("mach create $name\nsysbus LoadELF $bin\n")
    monkeypatch.setenv("RENODE_DOUBLE", json.dumps({"answers": {"include": "no elf"}}))
    target = derive(f"renode:{script}", renode)
    assert target.name == f"renode:{script}"
    assert isinstance(target.board, Renode)
    assert target.board.overlay == ""


def test_without_renode_the_message_says_where_to_get_it(tmp_path: Path) -> None:
    with pytest.raises(InfrastructureError, match="there is no Renode at"):
        derive("renode:mine", tmp_path / "nothing")


def test_interrupts_of_systick_are_not_of_the_inference() -> None:
    bracket = Bracket((Executed(1000, in_interrupts=5),), 15, remedy="", tolerated="")
    assert bracket.counted(0, overhead=True) == 980
    assert bracket.counted(0, overhead=False) == 995


# On this machine's Renode


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models") / "digits"
    few_digits(folder, 3)
    return folder


def run_on(name: str, model: Path) -> Run:
    workspace = find_workspace(ROOT)
    request = RunRequest(
        target=find_target(name, workspace.targets, derivations()),
        model=load_model(model),
        workspace=workspace,
        engine=find_engine("cmsis-nn", None),
        toolchain=find_toolchain(default_toolchain(), "-O2"),
    )
    with link_bench(request) as dut:
        return dut.run()


@pytest.fixture(scope="module")
def reference(digits: Path) -> Run:
    """The same image code on a virtual board with a Cortex-M4F."""
    real_renode()
    return run_on("virtual-stm32", digits)


@pytest.mark.parametrize("platform", PLATFORMS)
def test_a_platform_runs_by_its_name(platform: str, digits: Path, reference: Run) -> None:
    """For every inference, the core's counter and Renode's own agree, or the run fails."""
    run = run_on(f"renode:{platform}", digits)
    for output, golden in zip(run.all_outputs, run.all_golden, strict=True):
        np.testing.assert_array_equal(output, golden)
    if run.target.mcu.core == reference.target.mcu.core:
        assert run.ticks.tolist() == reference.ticks.tolist()
