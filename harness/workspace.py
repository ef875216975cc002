"""The folders of one user's repository: where its inputs are and its outputs go."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.support import bundled_files


@dataclass(frozen=True)
class Workspace:
    """A repository root. Targets and models found in it come before the bundled ones."""

    root: Path

    @property
    def targets(self) -> Sequence[Path]:
        """The folders that hold target files."""
        return bundled_files.roots("targets", self.root)

    @property
    def models(self) -> Sequence[Path]:
        """The folders that hold model folders."""
        return bundled_files.roots("models", self.root)

    @property
    def trained(self) -> Path:
        """Models trained or converted anew, a folder each."""
        return self.root / "build" / "models"

    @property
    def images(self) -> Path:
        """Built images, with the C they were generated from."""
        return self.root / "build" / "images"

    @property
    def sketches(self) -> Path:
        """Compiled Arduino sketches."""
        return self.root / "build" / "sketches"

    @property
    def golden(self) -> Path:
        """Golden outputs computed for vectors that came without."""
        return self.root / "build" / "golden"

    @property
    def logs(self) -> Path:
        """What emulators said."""
        return self.root / "build" / "logs"

    @property
    def runs(self) -> Path:
        """Records, one file a run."""
        return self.root / "reports" / "runs"

    @property
    def index(self) -> Path:
        """The index of the records, made anew from them where it is missing."""
        return self.root / "reports" / "index.sqlite"

    @property
    def report(self) -> Path:
        """The report, where no other file is asked for."""
        return self.root / "reports" / "report.html"

    @property
    def baselines(self) -> Path:
        """Records that a person accepted, reviewed and committed, and budgets."""
        return self.root / "reports" / "baselines"
