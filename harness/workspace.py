"""The folders of the user's repository: where inputs lie and outputs go."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.support import bundled_files


@dataclass(frozen=True)
class Workspace:
    """A repository root. Its targets and models take precedence over the bundled ones."""

    root: Path

    @property
    def targets(self) -> Sequence[Path]:
        """The folders with target files."""
        return bundled_files.roots("targets", self.root)

    @property
    def models(self) -> Sequence[Path]:
        """The folders with model folders."""
        return bundled_files.roots("models", self.root)

    @property
    def trained(self) -> Path:
        """Newly trained or converted models, one folder each."""
        return self.root / "build" / "models"

    @property
    def images(self) -> Path:
        """Built images, with their generated C."""
        return self.root / "build" / "images"

    @property
    def sketches(self) -> Path:
        """Compiled Arduino sketches."""
        return self.root / "build" / "sketches"

    @property
    def golden(self) -> Path:
        """Computed golden outputs, for vectors without stored ones."""
        return self.root / "build" / "golden"

    @property
    def logs(self) -> Path:
        """Logs of the emulators."""
        return self.root / "build" / "logs"

    @property
    def runs(self) -> Path:
        """Records, one file per run."""
        return self.root / "reports" / "runs"

    @property
    def index(self) -> Path:
        """The index of the Records; if it is missing, it is rebuilt from them."""
        return self.root / "reports" / "index.sqlite"

    @property
    def report(self) -> Path:
        """The default file of the report."""
        return self.root / "reports" / "report.html"

    @property
    def baselines(self) -> Path:
        """Accepted Records, reviewed and committed, and the budgets."""
        return self.root / "reports" / "baselines"
