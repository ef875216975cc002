"""Faults of disks: folders that cannot be written, are full, have long names, or are gone."""

import shutil
import sys
import tempfile
from pathlib import Path

from harness.errors import ExitCode
from harness.results.record_file import read_record
from tests.faults.case import Case
from tests.faults.classes.ends import in_shell
from tests.faults.fault import fault
from tests.faults.findings import Kind
from tests.faults.truth import MODEL

_RUN = ("run", f"--model={MODEL}", "--target=qemu-stm32")


@fault(seeds=3)
def a_folder_cannot_be_written(case: Case) -> None:
    blocked = case.random.choice(("build", "build/golden", "build/logs", "reports", "reports/runs"))
    path = case.root / blocked
    if path.exists():
        shutil.rmtree(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("a file, not a folder")
    # A Record that cannot be written into `reports` is kept in the temporary folder.
    command = in_shell('"$@"; code=$?; rm -rf "$TMPDIR"/tinyml-harness-record-*; exit $code')
    ends = (ExitCode.PASSED, ExitCode.USAGE, ExitCode.INFRASTRUCTURE)
    case.harness(*_RUN, command=command, ends=ends)


@fault()
def the_temporary_folder_has_a_long_path(case: Case) -> None:
    folder = case.temporary / ("x" * 120)
    folder.mkdir()
    ends = (ExitCode.PASSED, ExitCode.INFRASTRUCTURE)
    command = in_shell(f'TMPDIR="{folder}" "$@"; code=$?; rmdir "{folder}"; exit $code')
    case.harness(*_RUN, command=command, ends=ends)


@fault()
def the_current_folder_is_gone(case: Case) -> None:
    command = in_shell('mkdir gone && cd gone && rmdir ../gone && exec "$@"')
    case.harness("list", "models", command=command, ends=(ExitCode.INFRASTRUCTURE,))


@fault(seeds=6)
def the_disk_is_full_after_the_run(case: Case) -> None:
    """No file may be longer than some bytes, so writes fail in their middle."""
    case.harness(*_RUN, records=1)  # whatever can be cached is
    limit = case.random.choice([0, 1, 100, 1000, 5000])
    code = (
        "import resource, sys; from harness.cli.main import main\n"
        "limits = resource.getrlimit(resource.RLIMIT_FSIZE)\n"
        "from harness.results import recording\n"
        "write = recording.write_record\n"
        "def write_on_a_full_disk(*arguments):\n"
        f"    resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, limits[1]))\n"
        "    try:\n"
        "        return write(*arguments)\n"
        "    finally:\n"
        "        resource.setrlimit(resource.RLIMIT_FSIZE, limits)\n"
        "recording.write_record = write_on_a_full_disk\n"
        "sys.exit(main(sys.argv[1:]))\n"
    )
    command = (sys.executable, "-c", code)
    with tempfile.TemporaryDirectory() as elsewhere:
        environment = {"TMPDIR": elsewhere}
        ended = case.harness(*_RUN, ends=(3,), command=command, environment=environment)
        kept = [read_record(path) for path in Path(elsewhere).rglob("*.json")]
    if MODEL not in ended.output or len(kept) != 1:
        case.found(Kind.LOST_RECORD, f"{len(kept)} Records; printed: {ended.output}")
