"""Faults of the line: noise, and devices that send whatever they like."""

from harness.engines.registry import DEFAULT_ENGINE, find_engine
from harness.errors import HarnessError
from harness.image.build import build_image
from harness.model.folder import find_model
from harness.simulator.board_process import VirtualBoard
from harness.target.find_target import find_target
from harness.workspace import Workspace
from tests.faults.case import Case
from tests.faults.fault import fault
from tests.faults.findings import Kind
from tests.faults.truth import MODEL
from tests.fuzz.clients import CLIENTS
from tests.fuzz.fake_line import EndlessError
from tests.support.devices import opened

_BURSTS = 10
_SESSIONS = 50  # with hostile devices


@fault(seeds=5)
def bursts_of_noise(case: Case) -> None:
    """Disturb a run with bursts of 1 to 900 bytes, in both directions."""
    workspace = Workspace(case.root)
    target = find_target("virtual-stm32", workspace.targets)
    model = find_model(MODEL, workspace.models)
    image = build_image(target, model, find_engine(DEFAULT_ENGINE), workspace.images)
    case.tally.tried = _BURSTS
    with opened(target, model, image, case.root) as dut:
        true = dut.run()
        size = model.vectors.inputs.nbytes
        hardware = dut.board.hardware  # type: ignore[attr-defined]
        assert isinstance(hardware, VirtualBoard)
        for number in range(_BURSTS):
            direction = ("to-device", "to-host")[number % 2]
            # About as many bytes go each way: inputs there, and ACKs and results back.
            place = case.random.randrange(size // (1 + 3 * (number % 2)))
            hardware.set_fault(f"serial-noise={direction}:{place}:{case.random.randint(1, 900)}")
        try:
            run = dut.run()
        except HarnessError as error:
            case.found(Kind.LOST_RECORD, str(error))
            return
    if (run.ticks != true.ticks).any() or run.bytes_differing:
        case.found(Kind.WRONG_NUMBER, f"{run.ticks.tolist()} for {true.ticks.tolist()}")


@fault(seeds=4)
def hostile_devices(case: Case) -> None:
    """Talk to devices that break the protocol in every way that its grammar allows."""
    case.tally.tried = len(CLIENTS) * _SESSIONS
    for name, attempt in CLIENTS.items():
        for _ in range(_SESSIONS):
            seed = case.random.randrange(1 << 32)
            try:
                attempt(seed)
            except EndlessError as error:
                case.found(Kind.HANG, f"{name}, seed {seed}: {error}")
            except Exception as error:  # whatever it is, it is a finding
                case.found(Kind.UNCLEAR_ERROR, f"{name}, seed {seed}: {error!r}")
