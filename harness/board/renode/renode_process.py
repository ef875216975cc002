"""A Renode process: its Monitor, its log, and a temporary home folder."""

import tempfile
from collections.abc import Callable
from pathlib import Path

from harness.board.renode.installation import Installation, environment
from harness.board.renode.monitor import Monitor, quoted
from harness.support.owned_process import OwnedProcess
from harness.support.process_activity import Activity, ProcessTree

_START_DEADLINE = 60.0  # seconds to the first prompt; it usually takes 1 to 7
_QUIT_DEADLINE = 2.0
_CONFIGURATION = """\
[general]
use-synchronous-logging = True
"""  # a line is in the log before the core goes on


class RenodeProcess:
    """A running `renode` that logs to `log_file`; messages of its Monitor name `where`."""

    def __init__(self, renode: Installation, log_file: Path, where: str) -> None:
        self.scratch = Path(tempfile.mkdtemp(prefix="harness-"))
        """A folder for files that Renode reads; it is removed with the process."""
        configuration = self.scratch / "config"
        configuration.write_text(_CONFIGURATION)
        command = [str(renode.executable), "--disable-xwt", "--plain", "--hide-log"]
        command += ["--console", "--config", str(configuration)]
        log_file.unlink(missing_ok=True)
        with stderr_of(log_file).open("wb") as log:
            self._process = OwnedProcess(
                command,
                log,
                talks=True,
                environment=environment(self.scratch),
                scratch=self.scratch,
            )
        self.activity: Callable[[], Activity | None] = ProcessTree(self._process.pid).activity
        self.monitor = Monitor(
            self._process.stdin, self._process.stdout, where=where, scratch=self.scratch
        )
        try:
            self.monitor.greet(_START_DEADLINE)
            self.monitor.command(f"logFile {quoted(log_file.absolute())} true")
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """End Renode, and remove its folder."""
        self._process.stdin.close()  # Renode quits at the end of its input
        self._process.wait(_QUIT_DEADLINE)
        self._process.stop()


def stderr_of(log_file: Path) -> Path:
    """Return the file for standard error, which is not part of the log: why a process ended."""
    return log_file.with_suffix(".err")
