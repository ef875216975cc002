"""--input-via=auto: both ways are compared, the faster one is taken, and no run is lost.

The boards are QEMU and a virtual one; what goes wrong is done to their memory.
"""

import json
import shutil
import struct
import sys
import zlib
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.board.board import Board
from harness.board.board_options import BoardOptions
from harness.board.provision import provision
from harness.engines.registry import find_engine
from harness.errors import InfrastructureError
from harness.image.build import Image, build_image
from harness.link.batch import Queue
from harness.link.device_errors import DeviceRefusedError, MalformedMessageError
from harness.link.link_client import LinkClient
from harness.link.messages import Message, Result, Welcome
from harness.link.protocol import InputChoice
from harness.model.folder import Model
from harness.model.tensor_block import pack
from harness.runs.bench import open_link_dut
from harness.runs.input_way import InputWay
from harness.runs.link_dut import LinkDut
from harness.runs.link_session import looks_of, unanswered
from harness.runs.request import RunRequest
from harness.support.bundled_files import bundled
from harness.support.progress import Progress
from harness.target.find_target import find_target
from harness.target.target_file import Port, Target
from harness.workspace import Workspace
from tests.support.models import few_digits
from tests.support.repository import Repository, make_repository

QEMU, VIRTUAL = "qemu-stm32", "virtual-stm32"
VECTORS = 10

needs_boards = pytest.mark.skipif(
    not (shutil.which("arm-none-eabi-gcc") and shutil.which("qemu-system-arm")),
    reason="arm-none-eabi-gcc or qemu-system-arm is not on PATH: see `make system`",
)


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Model:
    return few_digits(tmp_path_factory.mktemp("models") / "digits", vectors=VECTORS)


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that the tests of this module build in."""
    return tmp_path_factory.mktemp("images")


@pytest.fixture(params=[QEMU, VIRTUAL])
def target(request: pytest.FixtureRequest) -> Target:
    return target_of(request.param)


def target_of(name: str) -> Target:
    return find_target(name, [bundled("targets")])


@contextmanager
def started(
    target: Target,
    model: Model,
    images: Path,
    root: Path,
    input_via: InputChoice = "auto",
    spoil: Callable[[Board, Image], object] = lambda *_: None,
) -> Iterator[LinkDut]:
    """A device that runs `model`; `spoil` changes its board first."""
    image = build_image(target, model, find_engine("cmsis-nn"), images)
    options = BoardOptions(input_via=input_via)
    request = RunRequest(target, model, Workspace(root), board_options=options)
    progress = Progress(sys.stderr)
    with closing(provision(target, request.workspace.logs, progress, options)) as board:
        spoil(board, image)
        with open_link_dut(request, image, board) as dut:
            yield dut


# The choice


@needs_boards
def test_auto_takes_memory_on_an_emulator_and_says_why(
    target: Target, digits: Model, images: Path, tmp_path: Path
) -> None:
    with started(target, digits, images, tmp_path, "serial") as dut:
        serial = dut.run()
    with started(target, digits, images, tmp_path) as dut:
        run = dut.run()
    run.check()
    assert (serial.input_via, serial.input_choice) == ("serial", "")
    assert run.input_via == "debug"
    assert run.input_choice.startswith("auto: the transfer of vector 0 took ")
    assert run.outputs.tobytes() == serial.outputs.tobytes()
    assert run.ticks.tolist() == serial.ticks.tolist()
    assert (run.stack, run.retries, run.first) == (serial.stack, 0, serial.first)


@needs_boards
def test_a_user_who_chooses_gets_no_comparison(digits: Model, images: Path, tmp_path: Path) -> None:
    accesses: list[str] = []

    def watch(board: Board, _: Image) -> None:
        for name in ("write_memory", "read_memory"):
            counted(board, name, accesses)

    with started(target_of(VIRTUAL), digits, images, tmp_path, "serial", watch) as dut:
        dut.run().check()
    assert accesses == []


@needs_boards
@pytest.mark.parametrize("input_via", ["auto", "debug"])
def test_many_inferences_cost_few_accesses(
    input_via: InputChoice, digits: Model, images: Path, tmp_path: Path
) -> None:
    """One write and one read for a batch, with its inputs and its results."""
    accesses: list[str] = []

    def watch(board: Board, _: Image) -> None:
        for name in ("write_memory", "read_memory"):
            counted(board, name, accesses)

    with started(target_of(QEMU), digits, images, tmp_path, input_via, watch) as dut:
        dut.run()
        before = len(accesses)
        run = dut.run()  # the way is chosen
    assert run.input_via == "debug"
    batches = accesses[before:].count("read_memory")
    assert 1 <= batches < VECTORS
    assert len(accesses) - before == 2 * batches + (input_via == "debug") + (input_via == "auto")


def counted(board: Board, name: str, accesses: list[str]) -> None:
    access = getattr(board, name)

    def count(*arguments: object) -> object:
        accesses.append(name)
        return access(*arguments)

    setattr(board, name, count)


def test_over_rtt_inputs_go_in_batches_too(tmp_path: Path, images: Path, digits: Model) -> None:
    if not shutil.which("arm-none-eabi-gcc"):
        pytest.skip("arm-none-eabi-gcc is not on PATH")
    serial = target_of(VIRTUAL)
    rtt = msgspec.structs.replace(serial, name="rtt", port=Port("generic"))
    with started(serial, digits, images, tmp_path, "serial") as dut:
        expected = dut.run()
    with started(rtt, digits, images, tmp_path) as dut:
        run = dut.run()
    run.check()
    assert run.input_via == "debug"
    assert run.ticks.tolist() == expected.ticks.tolist()
    assert len(run.looks) == VECTORS


@needs_boards
def test_a_batch_that_never_began_does_not_count_the_one_before(
    digits: Model, images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def silent(_: int) -> None:
        raise InfrastructureError("nobody answers")

    with started(target_of(VIRTUAL), digits, images, tmp_path, "debug") as dut:
        session = dut._opened
        queue = session.queue(dut.image)
        assert queue is not None
        data = dut._packed([values[0] for values in digits.vectors.all_inputs])
        session.measure_batch([data] * 2, range(2), queue)
        monkeypatch.setattr(session.link, "run_batch", silent)
        with pytest.raises(InfrastructureError, match="vector 2: nobody answers"):
            session.measure_batch([data] * 5, range(2, 7), queue)


@pytest.mark.parametrize(
    ("vectors", "said"),
    [
        (range(8), "vectors 0 to 7"),
        (range(1, 5), "vectors 1 to 4; vector 0 was answered"),
        (range(12, 20), "vectors 12 to 19; vectors 0 to 11 were answered"),
        (range(12, 13), "vector 12"),
        ([0, 0, 0, 0], "vector 0"),  # copies, to compare
        ([3, 4, 5, 9], "one of the vectors 3, 4, 5, 9"),  # not all vectors run
        ([3, 4, 5], "one of the vectors 3, 4, 5"),
    ],
)
def test_a_batch_without_results_is_named_with_what_was_answered_before(
    vectors: list[int] | range, said: str
) -> None:
    assert unanswered(vectors) == said


@needs_boards
@pytest.mark.parametrize(
    ("done", "said"),
    [
        (0, "vector 12"),
        (3, "vector 15"),
        (5, "vectors 12 to 16; vectors 0 to 11 were answered"),
        (None, "vectors 12 to 16; vectors 0 to 11 were answered"),
    ],
)
def test_a_batch_that_ends_early_says_at_which_vector_as_far_as_memory_tells(
    done: int | None,
    said: str,
    digits: Model,
    images: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """`done` of its five inferences have ended; with None, the probe is lost."""
    with started(target_of(VIRTUAL), digits, images, tmp_path, "debug") as dut:
        session, board = dut._opened, dut.board
        queue = session.queue(dut.image)
        assert queue is not None
        data = dut._packed([values[0] for values in digits.vectors.all_inputs])

        def ended(_: int) -> None:
            if done is None:
                monkeypatch.setattr(board, "read_memory", lost)
            else:
                board.write_memory(queue.done_address, done.to_bytes(4, "little"))
            raise InfrastructureError("the line is dead")

        def lost(*_: int) -> None:
            raise InfrastructureError("no probe")

        monkeypatch.setattr(session.link, "run_batch", ended)
        with pytest.raises(InfrastructureError) as error:
            session.measure_batch([data] * 5, range(12, 17), queue)
    assert error.value.where == said


@needs_boards
def test_every_inference_of_a_batch_has_one_span_in_its_order(
    digits: Model, images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also one that was miscounted, and then measured alone."""
    with started(target_of(VIRTUAL), digits, images, tmp_path, "debug") as dut:
        session = dut._opened
        queue = session.queue(dut.image)
        assert queue is not None
        data = dut._packed([values[0] for values in digits.vectors.all_inputs])
        monkeypatch.setattr(session, "_is_spoilt", lambda _, index: index == 1)
        before = len(session.link.spans)
        session.measure_batch([data] * 3, range(3), queue)
        spans = session.link.spans[before:]
    assert len(spans) == 3
    assert spans[0].begin == spans[2].begin < spans[1].begin


@given(st.integers(0, 20), st.integers(1, 9))
def test_as_many_inferences_as_possible_of_a_batch_were_looked_at(looks: int, count: int) -> None:
    each = looks_of(looks, count)
    assert (len(each), sum(each)) == (count, looks)
    assert sum(one > 0 for one in each) == min(looks, count)
    assert each == sorted(each)


# The two ways differ


class Forged:
    """Results that are read in a batch are changed by `change`, and have the right CRC-32."""

    def __init__(self, board: Board, change: Callable[[bytearray], None]) -> None:
        self._read = board.read_memory
        self._change = change
        board.read_memory = self.read_memory  # type: ignore[method-assign]

    def read_memory(self, address: int, size: int) -> bytes:
        data = bytearray(self._read(address, size))
        if size > 4:  # not the count of results
            body = data[4:30]  # the words of a result and ten outputs
            self._change(body)
            data[:30] = zlib.crc32(body).to_bytes(4, "little") + body
        return bytes(data)


def other_output(body: bytearray) -> None:
    body[-1] ^= 1


def more_ticks(body: bytearray) -> None:
    (ticks,) = struct.unpack_from("<I", body)
    struct.pack_into("<I", body, 0, ticks + 1)


@needs_boards
@pytest.mark.parametrize(
    ("change", "said"),
    [
        (other_output, "1 of 10 output bytes of the same input differ"),
        (more_ticks, r"an inference takes ([\d,]+) to \1 instructions with its input over the "),
    ],
)
def test_a_difference_between_the_ways_is_an_error(
    change: Callable[[bytearray], None], said: str, digits: Model, images: Path, tmp_path: Path
) -> None:
    with (
        started(
            target_of(VIRTUAL), digits, images, tmp_path, spoil=lambda b, _: Forged(b, change)
        ) as dut,
        pytest.raises(InfrastructureError, match=said) as error,
    ):
        dut.run()
    assert str(error.value).startswith(f"{VIRTUAL}: vector 0: ")
    assert "Without this comparison: --input-via=serial" in error.value.remedy


CYCLES = msgspec.structs.replace(
    target_of(VIRTUAL),
    counter=msgspec.structs.replace(target_of(VIRTUAL).counter, ticks="cycles"),
)


@pytest.mark.parametrize(
    ("serial", "debug", "agree"),
    [
        ([1_000_000] * 3, [1_000_000] * 3, True),
        ([1_000_000] * 3, [1_000_900] * 3, True),  # caches and prefetch buffers
        ([1_000_000] * 3, [1_002_000] * 3, False),
        ([1_000_000, 1_000_000, 1_010_000], [1_019_000] * 3, True),  # an RTOS, say
        ([1_000_000, 1_000_000, 1_010_000], [1_021_000] * 3, False),
        ([1_021_000] * 3, [1_000_000, 1_000_000, 1_010_000], False),
    ],
)
def test_measured_cycles_may_differ_as_much_as_repeats_do(
    serial: list[int], debug: list[int], agree: bool
) -> None:
    way = InputWay("auto", CYCLES, image=None, progress=Progress(sys.stderr))  # type: ignore[arg-type]
    if agree:
        way._check_spread(serial, debug)
        return
    with pytest.raises(InfrastructureError, match="does the debug port disturb") as error:
        way._check_spread(serial, debug)
    assert "cycles with its input over the serial line" in error.value.what
    assert "such as the tick of a HAL or an RTOS, run during it? Mask them" in error.value.remedy


def test_instructions_must_be_equal() -> None:
    way = InputWay("auto", target_of(VIRTUAL), image=None, progress=Progress(sys.stderr))  # type: ignore[arg-type]
    way._check_spread([7, 7, 7], [7, 7, 7])
    for debug in ([8, 8, 8], [7, 7, 8], [6, 7, 7]):
        with pytest.raises(InfrastructureError, match="7 to 7 instructions"):
            way._check_spread([7, 7, 7], debug)
    way._check_spread([7, 7, 9], [8, 8, 10])  # an RTOS


# Memory that cannot be used


class Failing:
    """From access number `sound` on, an access called `name` fails."""

    def __init__(self, board: Board, name: str, sound: int) -> None:
        self._access = getattr(board, name)
        self._left = sound
        setattr(board, name, self.access)

    def access(self, *arguments: object) -> object:
        self._left -= 1
        if self._left < 0:
            raise InfrastructureError("the probe says no", where="probe", remedy="ask it again")
        return self._access(*arguments)


@needs_boards
@pytest.mark.parametrize(
    ("name", "sound"), [("write_memory", 0), ("write_memory", 1), ("read_memory", 1)]
)
def test_a_run_goes_on_over_the_serial_line_if_memory_fails(
    name: str,
    sound: int,
    digits: Model,
    images: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    with started(
        target_of(VIRTUAL),
        digits,
        images,
        tmp_path,
        spoil=lambda board, _: Failing(board, name, sound),
    ) as dut:
        run = dut.run()
    run.check()
    warnings = capsys.readouterr().err
    assert run.input_via == "serial"
    assert run.input_choice.startswith("auto: over the serial line, because memory cannot be used")
    assert "the probe says no" in run.input_choice
    assert warnings.count("inputs go over the serial line from here on") == 1


@needs_boards
def test_writes_that_do_not_arrive_make_auto_take_the_serial_line(
    target: Target, digits: Model, images: Path, tmp_path: Path
) -> None:
    def drop(board: Board, _: Image) -> None:
        board.write_memory = lambda *_: None  # type: ignore[method-assign]

    with started(target, digits, images, tmp_path, spoil=drop) as dut:
        run = dut.run()
    run.check()
    assert run.input_via == "serial"
    assert "differs from what was written" in run.input_choice


@needs_boards
def test_without_auto_memory_that_fails_ends_the_run(
    digits: Model, images: Path, tmp_path: Path
) -> None:
    with (
        started(
            target_of(VIRTUAL),
            digits,
            images,
            tmp_path,
            "debug",
            lambda board, _: Failing(board, "read_memory", 0),
        ) as dut,
        pytest.raises(InfrastructureError, match=r"vectors 0 to \d: the probe says no"),
    ):
        dut.run()


@needs_boards
def test_the_record_says_how_inputs_came(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    repository: Repository = make_repository(tmp_path, monkeypatch, capsys)
    code, text = repository.run("misbehaving", "--target", QEMU)
    assert code == 0, text
    (path,) = (tmp_path / "reports" / "runs").glob("*.json")
    record = json.loads(path.read_text())
    assert record["input_via"] == "debug"
    assert record["input_choice"].startswith("auto: the transfer of vector 0 took ")


# Batches


@needs_boards
def test_a_batch_that_is_not_possible_is_refused(
    digits: Model, images: Path, tmp_path: Path
) -> None:
    with started(target_of(QEMU), digits, images, tmp_path, "serial") as dut:
        queue = dut._opened.queue(dut.image)
        assert queue is not None
        link, most = dut._link, queue.capacity(dut.welcome)
        for count in (0, most + 1, 1 << 31, (1 << 32) - 1):
            with pytest.raises(DeviceRefusedError, match=rf"RANGE \({most}\)"):
                link.run_batch(count)
        assert ask(link, Message.BATCH, b"\1\0\0") == "LENGTH"
        assert dut.infer(digits.vectors.inputs[0]).size == 10


def ask(link: LinkClient, message: int, body: bytes) -> str:
    """Return the name of the error that a request gets."""
    exchange = link._exchange
    sequence = exchange.next_sequence()
    exchange.send(message, sequence, body)
    answer = exchange.receive(5.0)
    assert answer is not None
    with pytest.raises(DeviceRefusedError) as error:
        exchange.refuse(answer, (sequence,))
    return str(error.value).split("request: ")[1].split(" ")[0]


@needs_boards
def test_a_repeated_batch_is_answered_again_and_runs_once(
    digits: Model, images: Path, tmp_path: Path
) -> None:
    with started(target_of(QEMU), digits, images, tmp_path, "debug") as dut:
        session = dut._opened
        queue = session.queue(dut.image)
        assert queue is not None
        inputs = [pack(dut._network.input_tensors, [one]) for one in digits.vectors.inputs[:3]]
        expected = session.measure_batch(inputs, range(3), queue)
        exchange = dut._link._exchange
        body = struct.pack("<I", 3)
        exchange.send(Message.BATCH, exchange._sequence, body)  # as if its answer were lost
        answers = [exchange.receive(5.0) for _ in range(2)]
        assert [answer.type for answer in answers if answer] == [Message.ACK, Message.BATCHED]
        read = dut.board.read_memory(queue.memory.start, queue.result_bytes(3, dut.welcome))
        assert queue.results(read, dut.welcome) == expected


@needs_boards
def test_a_batch_looks_at_the_stack_once(
    target: Target, digits: Model, images: Path, tmp_path: Path
) -> None:
    """To look for its peak, the firmware reads all of the stack that was never used."""
    with started(target, digits, images, tmp_path, "debug") as dut:
        session = dut._opened
        queue = session.queue(dut.image)
        assert queue is not None
        data = dut._packed([values[0] for values in digits.vectors.all_inputs])
        alone = session.measure(data, "vector 0")
        batch = session.measure_batch([data] * 3, range(3), queue)
    assert [result.stack for result in batch] == [0, 0, alone.stack]
    assert alone.stack > 0


WELCOME = Welcome(0, "0" * 32, 2048, 0x2000_0000, 5, 3, 0, 1 << 20, 0, 0, 0, "dwt")
QUEUE = Queue(range(0x2000_1000, 0x2000_1000 + 100), 0x2000_0FF8)


def stored(results: list[Result]) -> bytes:
    """What a device puts into the queue."""
    data = b""
    for one in results:
        body = struct.pack("<4I", one.ticks, one.coarse, one.stack, one.disturbed) + one.output
        data += (zlib.crc32(body).to_bytes(4, "little") + body).ljust(24, b"\0")
    return data


words = st.integers(0, 1 << 20)
some_results = st.lists(
    st.builds(Result, words, words, words, words, st.binary(min_size=3, max_size=3)),
    min_size=1,
    max_size=4,
)


@given(results=some_results)
def test_results_are_read_as_they_are_stored(results: list[Result]) -> None:
    data = stored(results)
    assert QUEUE.result_bytes(len(results), WELCOME) == len(data)
    assert QUEUE.results(data, WELCOME) == results


@given(results=some_results, bit=st.integers(0))
def test_a_damaged_result_is_never_read(results: list[Result], bit: int) -> None:
    data = bytearray(stored(results))
    bit %= 8 * len(data)
    data[bit // 8] ^= 1 << bit % 8
    if bit // 8 % 24 >= 23:  # padding
        assert QUEUE.results(bytes(data), WELCOME) == results
        return
    with pytest.raises(MalformedMessageError, match=f"result {bit // 8 // 24} of a batch"):
        QUEUE.results(bytes(data), WELCOME)


@given(count=st.integers(1, 20), output_size=st.integers(1, 200), input_size=st.integers(1, 200))
def test_no_result_overwrites_an_input_that_is_still_to_come(
    count: int, output_size: int, input_size: int
) -> None:
    welcome = replace(WELCOME, input_size=input_size, output_size=output_size)
    inputs = QUEUE.inputs([bytes(input_size)] * count, welcome)
    assert len(inputs) % (4 * count) == 0
    assert QUEUE.result_bytes(count, welcome) <= len(inputs)
    assert len(inputs) // count >= 4 + input_size
    assert QUEUE.capacity(welcome) == 100 // (len(inputs) // count)
