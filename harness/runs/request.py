"""A run's request: one object from the command line to the device."""

import sys
from dataclasses import dataclass, field
from typing import Protocol as Interface

from harness.board.board_options import BoardOptions
from harness.engines.registry import DEFAULT_ENGINE, Engine, find_engine
from harness.errors import InfrastructureError
from harness.image.toolchain import Toolchain
from harness.link.protocol import Protocol
from harness.measure.energy.meters.metering import Metering
from harness.model.folder import Model
from harness.runs.health import Health
from harness.runs.mlperf.window_plan import WindowPlan
from harness.runs.quick import Quick
from harness.support.progress import Progress
from harness.target.target_file import Target
from harness.workspace import Workspace


class Failed(Interface):
    """Notes a run that ended with an infrastructure error: there is no Record of it."""

    def __call__(
        self,
        request: "RunRequest",
        error: InfrastructureError,
        place: str = "",
        moved_to: str = "",
    ) -> None:
        """Note `error` at a `place` of the farm; another place, `moved_to`, may have done the work.

        Both are empty if there is none.
        """


def _not_noted(
    request: "RunRequest", error: InfrastructureError, place: str = "", moved_to: str = ""
) -> None:
    del request, error, place, moved_to


@dataclass(frozen=True)
class RunRequest:
    """One model on one target, with everything that a run needs.

    Without a `toolchain`, the first one on this machine is used. `metering` measures the energy
    of the inferences. With `profile`, a run over the link also records the ticks of each layer;
    `plan` applies to a run over MLPerf Tiny's protocol, `quick` to one over the link.
    The runs of a session share its `health`. `failed` notes a run that has no Record.
    """

    target: Target
    model: Model
    workspace: Workspace
    engine: Engine = field(default_factory=lambda: find_engine(DEFAULT_ENGINE))
    toolchain: Toolchain | None = None
    progress: Progress = field(default_factory=lambda: Progress(sys.stderr))
    board_options: BoardOptions = field(default_factory=BoardOptions)
    metering: Metering = field(default_factory=Metering)
    protocol: Protocol = "link"
    profile: bool = False
    plan: WindowPlan = field(default_factory=WindowPlan)
    quick: Quick = field(default_factory=Quick)
    health: Health = field(default_factory=Health)
    failed: Failed = field(default=_not_noted, compare=False)

    @property
    def streaming(self) -> str:
        """What a run does most of its time, to display."""
        return f"streaming {self.model.name} to {self.target.name}"

    @property
    def title(self) -> str:
        """A title to display: model, target, and the protocol if it is not the link."""
        title = f"{self.model.name} on {self.target.name}"
        return title if self.protocol == "link" else f"{title}, {self.protocol}"
