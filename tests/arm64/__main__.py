"""Installs the wheel for an aarch64 Python, tests the simulator and runs the bundled models.

The Records must have the same exact numbers as those of this machine. The arm64 programs run in
QEMU's user emulation: their speed says nothing of a real arm64 processor.
"""

import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

from tests.arm64.debian_folder import DebianFolder, arm64_programs, what_is_missing
from tests.arm64.same_records import differences, records_in

ROOT = Path(__file__).parents[2]
BUILD = ROOT / "build" / "arm64"
VENV = "/opt/harness"
TESTS = ("virtual_*", "machine_code")
TEST_PACKAGES = ("hypothesis", "jsonschema", "pytest-timeout")
RUN = ("run", "--target=virtual-stm32", "--toolchain=gcc")
_INSTALL_DEADLINE, _DEADLINE = 3600, 3600  # seconds; an emulated processor is slow


def main() -> int:
    """Return the exit code: 0 if all passed, 1 if not, 2 if this machine lacks something."""
    if platform.machine() in {"aarch64", "arm64"}:
        print("this machine is arm64: run make test, and make bench", file=sys.stderr)
        return 2
    if missing := what_is_missing():
        print(f"make test-arm64 {missing}", file=sys.stderr)
        return 2
    with arm64_programs():
        debian = DebianFolder(BUILD / "debian")
        install(debian)
        failed = [name for name, step in STEPS.items() if not step(debian)]
    print(f"failed: {', '.join(failed)}" if failed else "arm64: all passed")
    return 1 if failed else 0


def install(debian: DebianFolder) -> None:
    """Install the wheel of this checkout with its dependencies."""
    wheels = debian.inside("/srv/wheels")
    shutil.rmtree(wheels, ignore_errors=True)
    build = [sys.executable, "-m", "hatchling", "build", "--target=wheel", f"--directory={wheels}"]
    subprocess.run(build, cwd=ROOT, check=True, timeout=600)
    (wheel,) = wheels.glob("*.whl")
    pip = [f"{VENV}/bin/python", "-m", "pip"]
    commands = (
        [] if debian.inside(f"{VENV}/bin/pip").exists() else [["python3", "-m", "venv", VENV]]
    )
    commands += [
        [*pip, "uninstall", "--quiet", "--yes", "tinyml-harness"],
        [
            *pip,
            "install",
            "--no-compile",
            "--progress-bar=off",
            f"/srv/wheels/{wheel.name}",
            *TEST_PACKAGES,
        ],
    ]
    for command in commands:
        if code := debian.run(command, _INSTALL_DEADLINE):
            sys.exit(f"the installation ended with exit code {code}")


def test_the_simulator(debian: DebianFolder) -> bool:
    """Run the simulator's unit tests on what the wheel installed."""
    inside = debian.inside("/srv/tests")
    shutil.rmtree(inside, ignore_errors=True)
    inside.mkdir()
    unneeded = shutil.ignore_patterns("__pycache__")
    for name in ("tests", "docs"):  # with the schemas of what commands print
        shutil.copytree(ROOT / name, inside / name, ignore=unneeded)
    for name in ("conftest.py", "pyproject.toml"):
        shutil.copyfile(ROOT / name, inside / name)
    paths = [
        str(path.relative_to(ROOT))
        for name in TESTS
        for path in sorted(ROOT.glob(f"tests/unit/test_{name}.py"))
    ]
    pytest = [f"{VENV}/bin/python", "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    pytest += [f"--timeout={_DEADLINE}"]  # that of the whole step: each test takes longer here
    return debian.run([*pytest, *paths], _DEADLINE, "/srv/tests") == 0


def compare_runs(debian: DebianFolder) -> bool:
    """Run the bundled models on both processors, and compare what they recorded."""
    here, there = BUILD / "runs-here", debian.inside("/srv/runs")
    for folder in (here, there):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        (folder / "harness.toml").touch()  # the Records go here
    command = [sys.executable, "-m", "harness", *RUN]
    done = subprocess.run(command, cwd=here, env=own_environment(), check=False, timeout=_DEADLINE)
    code = debian.run([f"{VENV}/bin/python", "-m", "harness", *RUN], _DEADLINE, "/srv/runs")
    records = [records_in(folder / "reports" / "runs") for folder in (here, there)]
    lines = list(differences(*records))
    if done.returncode or code:
        lines.append(
            f"the exit code of harness run is {done.returncode} and {code}; both must be 0"
        )
    for line in lines:
        print(f"{platform.machine()} and aarch64 differ: {line}")
    for name in sorted(records[0].keys() & records[1].keys()):
        walls = [side[name].numbers["wall"].value for side in records]
        print(f"{name}: the run takes {walls[1] / walls[0]:.1f} times as long, emulated")
    return not lines


def own_environment() -> dict[str, str]:
    """Return this environment without variables of the harness, which would move the Records."""
    kept = {name: text for name, text in os.environ.items() if not name.startswith("HARNESS_")}
    return kept | {"PYTHONPATH": str(ROOT)}


STEPS = {"the simulator's tests": test_the_simulator, "the same numbers": compare_runs}

if __name__ == "__main__":
    sys.exit(main())
