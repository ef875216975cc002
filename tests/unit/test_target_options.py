"""Options of the board that no selected target can use are refused, by name."""

import pytest

from harness.board.board_options import check_usable
from harness.cli.main import main
from harness.errors import ExitCode, InputError
from harness.target.find_target import find_target
from harness.workspace import find_workspace
from tests.support.models import ROOT

pytest_plugins = ["pytester"]

BOARD, RTT = "nucleo-f429zi", "frdm-kl25z"
EVERY = {"probe": "", "pack": "", "serial": "", "renode": ""}


def check(targets: tuple[str, ...], **options: str | float) -> None:
    roots = find_workspace(ROOT).targets
    check_usable(EVERY | options, [find_target(name, roots) for name in targets])


@pytest.mark.parametrize(
    ("targets", "options"),
    [
        ((BOARD,), {"probe": "1", "serial": "/dev/ttyACM0", "pack": "a.pack"}),
        ((RTT,), {"probe": "1", "pack": "a.pack"}),
        (("virtual-stm32",), {"probe": "1"}),
        (("virtual-stm32",), {"probe": "1", "serial": "/dev/ttyACM0"}),  # one that runs already
        (("renode-stm32",), {"renode": "/opt/renode"}),
        (("qemu-stm32", BOARD), {"probe": "1", "serial": "/dev/ttyACM0"}),  # for one of them
        (("qemu-stm32",), {}),
    ],
)
def test_an_option_that_a_target_uses_is_right(
    targets: tuple[str, ...], options: dict[str, str]
) -> None:
    check(targets, **options)


@pytest.mark.parametrize(
    ("targets", "option", "why"),
    [
        (("qemu-stm32",), "probe", "only boards behind a debug probe and virtual boards have one"),
        (("qemu-stm32",), "serial", "only boards behind a debug probe have one, unless RTT"),
        (("qemu-stm32",), "pack", "only boards behind a debug probe take their chip from one"),
        (("qemu-stm32",), "renode", "only platforms of Renode run on it"),
        (("renode-stm32",), "probe", "only boards behind a debug probe and virtual boards"),
        (("virtual-stm32",), "serial", "only boards behind a debug probe have one"),
        (("virtual-stm32",), "pack", "only boards behind a debug probe take their chip"),
        ((RTT,), "serial", "only boards behind a debug probe have one, unless RTT"),
        ((BOARD,), "renode", "only platforms of Renode run on it"),
        (("qemu-stm32", "qemu-m3"), "serial", "only boards behind a debug probe have one"),
    ],
)
def test_an_option_that_no_target_uses_is_named(
    targets: tuple[str, ...], option: str, why: str
) -> None:
    with pytest.raises(InputError) as caught:
        check(targets, **{option: "value"})
    assert caught.value.where == f"--{option}=value"
    assert caught.value.what.startswith(f"does not apply to {', '.join(targets)}: {why}")
    assert caught.value.remedy == f"remove --{option}, or name another --target"


def test_a_place_wants_the_target_of_its_board() -> None:
    with pytest.raises(InputError) as caught:
        check(("virtual-stm32",), place="nucleo-1")
    assert "only those are in a farm" in caught.value.what
    wanted = "name the board's own target, such as --target=chip:stm32f429xi, or remove --place"
    assert caught.value.remedy == wanted


@pytest.mark.parametrize(
    ("options", "where"),
    [
        (("--lock-timeout=3",), "--lock-timeout=3: does not apply to virtual-stm32"),
        (("--priority=0", f"--target={BOARD}"), f"--priority=0: does not apply to {BOARD}"),
        (("--tflm-dir=a",), "--tflm-dir=a: does nothing for the engine cmsis-nn"),
        (("--volts=3",), "--volts: does nothing without --meter"),
        (("--note=a",), "--note: does nothing without --meter"),
        (("--windows=1",), "--windows: does nothing without --protocol=mlperf-tiny"),
        (("--arduino-cli=a",), "--arduino-cli: does nothing without --sketch"),
    ],
)
def test_an_option_that_does_nothing_is_refused(
    options: tuple[str, ...],
    where: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(ROOT)
    assert main(["run", "-q", *options]) == ExitCode.USAGE
    said = capsys.readouterr().err
    assert said.startswith(f"harness: {where}")
    assert "remove" in said


def test_waiting_for_a_board_that_others_share_is_right() -> None:
    check((BOARD,), lock_timeout=3.0)
    check(("virtual-stm32",), lock_timeout=3.0, probe="remote:desk:5555")
    check((BOARD,), lock_timeout=3.0, priority=1.0, place="nucleo-1")


@pytest.mark.parametrize("command", ["run", "sweep", "profile", "mlperf"])
def test_each_command_with_a_board_refuses_them(
    command: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    assert main([command, "--target=qemu-stm32", "--serial=/dev/ttyACM0"]) == ExitCode.USAGE
    assert "harness: --serial=/dev/ttyACM0: does not apply to qemu-stm32" in capsys.readouterr().err


def test_pytest_refuses_them(pytester: pytest.Pytester, capfd: pytest.CaptureFixture[str]) -> None:
    pytester.makepyfile("def test_it(dut): pass")
    ended = pytester.runpytest_subprocess("--target=qemu-stm32", "--probe=1", "-p", "no:xdist")
    ended.stderr.fnmatch_lines(["*--probe=1: does not apply to qemu-stm32: *"])
    assert ended.ret == pytest.ExitCode.USAGE_ERROR


def test_the_help_has_the_forms_of_names_without_a_file(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["run", "--help"])
    text = " ".join(capsys.readouterr().out.split())
    for form in ("chip:NAME", "qemu:MACHINE", "renode:NAME", "auto for the"):
        assert form in text
