"""The farm of docs/farm-setup.md: its files are valid, agree, and make a farm that runs a model."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from argparse import ArgumentParser
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import IO

import pytest
from pyocd.probe.stlink.usb import STLinkUSBInterface
from pyocd.subcommands.server_cmd import ServerSubcommand

from harness.cli.main import main
from harness.simulator.board_process import VirtualBoard
from harness.support.owned_process import OwnedProcess
from tests.support import labgrid_programs
from tests.support.farm import CHIP, accepts, free_ports
from tests.support.processes import until

yaml = pytest.importorskip("yaml")  # a dependency of pyOCD

_DOCS = Path(__file__).parents[2] / "docs"
_FILES = _DOCS / "farm"
_PAGE = (_DOCS / "farm-setup.md").read_text()
_UNITS = sorted(path for path in _FILES.iterdir() if path.suffix in {".service", ".timer"})
_BOARDS = {path.stem: path for path in sorted(_FILES.glob("*.env"))}
_NUMBERS = re.compile(r"\b(?:4501|550[12]|20408)\b")
_FOLDERS = {"farm": labgrid_programs.folder(), "harness": Path(sys.executable).parent}
_DEADLINE = 60.0

Start = Callable[[Sequence[str]], None]


def _settings(text: str) -> dict[str, str]:
    """Return the lines KEY=VALUE of a unit or an environment file; the last one of a key counts."""
    return dict(re.findall(r"^(\w+)=(.*)$", text, re.MULTILINE))


def _command(unit: str) -> list[str]:
    return shlex.split(_settings((_FILES / unit).read_text())["ExecStart"])


def _here(command: Sequence[str]) -> list[str]:
    """Return a command with the program of this machine for that in /opt."""
    program = Path(command[0])
    folder = _FOLDERS["harness" if program.name == "pyocd" else program.parts[2]]
    return [str(folder / program.name), *command[1:]]


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed")
def test_the_units_are_valid(tmp_path: Path) -> None:
    drop_ins = tmp_path / "pyocd-server@nucleo-1.service.d"
    drop_ins.mkdir()
    copies = {unit: tmp_path / unit.name.replace("@", "@nucleo-1") for unit in _UNITS}
    copies[_FILES / "wireguard.conf"] = drop_ins / "wireguard.conf"
    for file, copy in copies.items():  # with programs that this machine has
        text = re.sub(r"^(Exec\w+)=/\S+", r"\1=/bin/true", file.read_text(), flags=re.MULTILINE)
        copy.write_text(text)
    names = [str(path) for path in sorted(tmp_path.iterdir()) if path.is_file()]
    done = subprocess.run(
        ["systemd-analyze", "verify", *names], check=False, capture_output=True, text=True
    )
    assert len(names) == len(_UNITS) == 6
    assert (done.returncode, done.stderr) == (0, "")


def test_the_udev_rules_are_valid() -> None:
    rules = _FILES / "60-farm.rules"
    if shutil.which("udevadm") is None:
        pytest.skip("udevadm is not installed")
    help_text = subprocess.run(["udevadm", "--help"], check=False, capture_output=True, text=True)
    if "verify" not in help_text.stdout:
        pytest.skip("udevadm verify needs systemd 254 or later")
    command = ["udevadm", "verify", "--resolve-names=never", str(rules)]
    assert subprocess.run(command, check=False).returncode == 0


def test_the_udev_rules_have_every_stlink_of_pyocd() -> None:
    text = (_FILES / "60-farm.rules").read_text()
    (ids,) = re.findall(r'"0483", ATTR\{idProduct\}=="([^"]+)"', text)
    known = sorted(STLinkUSBInterface.USB_PID_EP_MAP)
    assert [int(each, 16) for each in ids.split("|")] == known


@pytest.mark.parametrize("file", ["pyocd-server@.service", "wireguard.conf"])
def test_pyocd_has_the_options(file: str) -> None:
    program, subcommand, *options = _command(file)
    parser = ArgumentParser(parents=ServerSubcommand.get_args())
    parsed = parser.parse_args([option.replace("${PORT}", "5501") for option in options])
    assert (program, subcommand) == ("/opt/farm/bin/pyocd", "server")
    assert (parsed.unique_id, parsed.port_number) == ("${PROBE}", 5501)
    assert parsed.serve_local_only is (None if file.startswith("pyocd") else False)


def test_pytest_has_the_options_of_the_nightly_job(pytestconfig: pytest.Config) -> None:
    program, *options = _command("farm-nightly.service")
    assert Path(program).name == "pytest"
    for option in options:
        pytestconfig.getoption(option.partition("=")[0])  # ValueError if there is no such option
    with pytest.raises(ValueError, match="no option"):
        pytestconfig.getoption("--no-such-option")


def test_all_nightly_jobs_are_the_same() -> None:
    """Except that cron's line has no layers, and GitHub has the summary on its page."""
    command = _command("farm-nightly.service")[1:]
    steps = yaml.safe_load((_FILES / "nightly.yml").read_text())["jobs"]["farm"]["steps"]
    assert [shlex.split(step["run"])[1:] for step in steps if "pytest" in step.get("run", "")] == [
        command
    ]
    assert " ".join(part for part in command if part != "--profile") in _PAGE


def test_the_files_agree() -> None:
    exporter = yaml.safe_load((_FILES / "exporter.yaml").read_text())
    lines = yaml.safe_load((_FILES / "ser2net.yaml").read_text())
    rules = (_FILES / "60-farm.rules").read_text()
    ports = []
    assert set(exporter) == set(_BOARDS)
    for name, path in _BOARDS.items():
        probe = _settings(path.read_text())
        assert int(probe["PORT"]) == exporter[name]["probe"]["port"]
        assert f'"{probe["PROBE"]}", RUN+=' in rules
        assert f"try-restart pyocd-server@{name}.service" in rules
        ports += [resource["port"] for key, resource in exporter[name].items() if key != "location"]
    serial = exporter["nucleo-1"]["serial"]
    assert lines["connection"]["accepter"].endswith(f",{serial['port']}")
    assert f",{serial['speed']}n81" in lines["connection"]["connector"]
    assert _settings(_BOARDS["nucleo-1"].read_text())["PROBE"] in lines["connection"]["connector"]
    for config, forward in (("exporter", "Remote"), ("client", "Local")):
        text = (_FILES / f"{config}.ssh_config").read_text()
        forwarded = re.findall(rf"{forward}Forward 127\.0\.0\.1:(\d+) 127\.0\.0\.1:\1\n", text)
        assert set(ports) <= {int(port) for port in forwarded}
        assert "LocalForward 127.0.0.1:20408 127.0.0.1:20408\n" in text


@pytest.mark.skipif(shutil.which("ssh") is None, reason="ssh is not installed")
@pytest.mark.parametrize("config", ["exporter", "client"])
def test_ssh_reads_its_configuration(config: str) -> None:
    command = ["ssh", "-G", "-F", str(_FILES / f"{config}.ssh_config"), "farm"]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    assert "localforward [127.0.0.1]:20408 [127.0.0.1]:20408" in said


def test_the_page_names_every_file() -> None:
    linked = set(re.findall(r"\]\(farm/([^)]+)\)", _PAGE))
    assert linked == {path.name for path in _FILES.iterdir()}


@pytest.fixture
def numbers() -> dict[str, str]:
    """Return a free port of this machine for each port in the files."""
    found = {text for path in _FILES.iterdir() for text in _NUMBERS.findall(path.read_text())}
    return dict(zip(sorted(found), map(str, free_ports(len(found))), strict=True))


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Yield what starts a program, which ends with the test."""
    with ExitStack() as ended:
        log: IO[bytes] = ended.enter_context((tmp_path / "out").open("ab"))

        def started(command: Sequence[str]) -> None:
            process = OwnedProcess(["env", "-C", str(tmp_path), *command], log)
            ended.callback(process.stop)

        yield started


@pytest.mark.skipif(bool(labgrid_programs.why_not()), reason=labgrid_programs.why_not())
@pytest.mark.skipif(not Path("/usr/sbin/ser2net").is_file(), reason="ser2net is not installed")
def test_the_farm_of_the_page_runs_a_model(
    tmp_path: Path, numbers: dict[str, str], start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The units' commands, the files and the page's commands, with a simulated NUCLEO-F429ZI."""

    def ported(text: str) -> str:
        return _NUMBERS.sub(lambda match: numbers[match[0]], text)

    def said() -> str:
        return (tmp_path / "out").read_text()

    coordinator = f"127.0.0.1:{numbers['20408']}"
    (tmp_path / "exporter.yaml").write_text(ported((_FILES / "exporter.yaml").read_text()))
    with VirtualBoard.start(CHIP) as board:
        lines = ported((_FILES / "ser2net.yaml").read_text())
        lines = re.sub(r"/dev/serial/by-id/[^,]+", board.port, lines)
        (tmp_path / "ser2net.yaml").write_text(lines)
        probe = {"${PROBE}": board.probe_id, "${PORT}": numbers["5501"]}

        start([ported(part) for part in _here(_command("labgrid-coordinator.service"))])
        start(["/usr/sbin/ser2net", "-n", "-c", str(tmp_path / "ser2net.yaml")])
        start([probe.get(part, part) for part in _here(_command("pyocd-server@.service"))])
        for number in ("20408", "4501", "5501"):
            until(lambda port=int(numbers[number]): accepts(port), _DEADLINE, said)  # type: ignore[misc]
        exporter = [ported(part) for part in _here(_command("labgrid-exporter.service"))]
        start([*exporter[:-1], "--name", "pi-1", str(tmp_path / "exporter.yaml")])
        until(lambda: said().count("queued update for resource") == 3, _DEADLINE, said)

        monkeypatch.setenv("LG_COORDINATOR", coordinator)
        client = str(labgrid_programs.folder() / "labgrid-client")
        for line in re.findall(r"^labgrid-client (-p nucleo-1 (?:create|add|set).*)$", _PAGE, re.M):
            subprocess.run([client, *shlex.split(line)], check=True, capture_output=True)

        (tmp_path / "harness.toml").write_text("")
        (tmp_path / "targets").mkdir()
        target = 'base = "nucleo-f429zi"\ncounter.ticks = "instructions"\n'
        (tmp_path / "targets" / "simulated.toml").write_text(target)
        monkeypatch.chdir(tmp_path)
        place = "--place=chip=stm32f429xi,target=nucleo-f429zi,meter=ppk2"
        options = ["--target=simulated", "--model=digits", "--vectors=5"]
        assert main(["run", *options, place]) == 0, said()
    (file,) = tmp_path.glob("reports/runs/*.json")
    record = json.loads(file.read_text())
    assert record["device"]["place"] == "nucleo-1"
    assert record["device"]["exporter"] == "pi-1"
    assert record["numbers"]["bytes_differing"]["value"] == 0


@pytest.mark.skipif(bool(labgrid_programs.why_not()), reason=labgrid_programs.why_not())
def test_the_rehearsal_runs_a_model_on_a_simulated_board(
    tmp_path: Path, numbers: dict[str, str], start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    def said() -> str:
        return (tmp_path / "out").read_text()

    (block,) = re.findall(r"```\n(export LG_COORDINATOR=.*?)```", _PAGE, re.DOTALL)
    lines = _NUMBERS.sub(lambda match: numbers[match[0]], block)
    lines = lines.replace("labgrid/bin/", f"{labgrid_programs.folder()}/")
    serve, export, use = re.split(r"sleep 5 .*\n", lines)
    (tmp_path / "harness.toml").touch()
    monkeypatch.setenv("PATH", f"{_FOLDERS['harness']}:{os.environ['PATH']}")
    monkeypatch.setenv("LG_COORDINATOR", f"127.0.0.1:{numbers['20408']}")

    start(["bash", "-c", f"{serve}wait"])
    until(lambda: accepts(int(numbers["20408"])), _DEADLINE, said)
    until(lambda: "rehearsal-1" in said(), _DEADLINE, said)
    start(["bash", "-c", f"{export}wait"])
    until(lambda: accepts(int(numbers["5501"])), _DEADLINE, said)
    client = str(labgrid_programs.folder() / "labgrid-client")

    def shown() -> str:
        command = [client, "-p", "rehearsal", "show"]
        return subprocess.run(command, check=False, capture_output=True, text=True).stdout

    until(lambda: "probe" in shown() and "chip=stm32f429xi" in shown(), _DEADLINE, said)
    use = use.replace("--model=digits", "--model=digits --vectors=5").replace("kill", ": kill")
    done = subprocess.run(
        ["bash", "-ec", use], cwd=tmp_path, check=False, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr + said()
    assert "place rehearsal: the target is chip:stm32f429xi" in done.stderr
    assert "digits" in done.stdout.partition("used by")[2]
    (file,) = tmp_path.glob("reports/runs/*.json")
    record = json.loads(file.read_text())
    assert record["device"]["place"] == "rehearsal"
    assert record["numbers"]["instructions_median"]["kind"] == "exact"
    assert "cycles_median" not in record["numbers"]
