"""firmware/mlperf: every command and error of MLPerf Tiny's protocol, byte by byte.

The texts are those of mlcommons/tiny, benchmark/api/internally_implemented.cpp, where it has one.
"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.mlperf_parser import Parser

SIZE = 10


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Parser:
    return Parser(tmp_path_factory.mktemp("mlperf"), SIZE)


@pytest.fixture
def parser(built: Parser) -> Parser:
    built.results = [0, 996, -1234]
    built.load_status = built.infer_status = built.now = 0
    built.fails_at = -1
    built.start()
    return built


def loaded(parser: Parser) -> Parser:
    parser.answer(f"db load {SIZE}")
    assert parser.answer("db " + "01" * SIZE) == ["m-load-done"]
    return parser


def test_it_says_how_it_starts(parser: Parser) -> None:
    parser.now = 1234
    assert parser.start() == (
        b"m-timestamp-mode-performance\r\nm-lap-us-1234\r\nm-init-done\r\nm-ready\r\n"
    )
    assert parser.start(energy=True) == b"m-timestamp-mode-energy\r\nm-init-done\r\nm-ready\r\n"
    assert parser.edges == [0]


def test_it_says_who_it_is(parser: Parser) -> None:
    assert parser.receive(b"name%") == b"m-name-dut-[a vendor]\r\nm-ready\r\n"
    assert parser.receive(b"profile%") == (
        b"m-profile-[ULPMark for tinyML Firmware V0.0.1]\r\nm-model-[kws01]\r\nm-ready\r\n"
    )


def test_a_timestamp_has_more_than_32_bits(parser: Parser) -> None:
    parser.now = (1 << 32) + 5
    assert parser.receive(b"timestamp%") == b"m-lap-us-4294967301\r\nm-ready\r\n"


def test_in_energy_mode_a_timestamp_is_an_edge(parser: Parser) -> None:
    parser.start(energy=True)
    assert parser.receive(b"timestamp%") == b"m-ready\r\n"
    assert len(parser.edges) == 2
    loaded(parser)
    assert "m-lap" not in "".join(parser.answer("infer 5 3"))
    assert parser.edges[2:] == [3, 8]  # after the warm-up, and after the inferences


def test_an_input_comes_in_pieces(parser: Parser) -> None:
    assert parser.receive(b"db load 10%") == b"m-[Expecting 10 bytes]\r\nm-ready\r\n"
    assert parser.receive(b"db 00017f80%") == b"m-ready\r\n"
    assert parser.receive(b"db print%") == b"m-buffer-00-01-7f-80\r\nm-ready\r\n"
    assert parser.receive(b"db FFfeAB010203%") == b"m-load-done\r\nm-ready\r\n"
    assert parser.input == bytes.fromhex("00017f80fffeab010203")
    assert parser.receive(b"db print%") == (
        b"m-buffer-00-01-7f-80-ff-fe-ab-01\r\nm-buffer-02-03\r\nm-ready\r\n"
    )


def test_inferences_lie_between_two_timestamps(parser: Parser) -> None:
    loaded(parser)
    assert parser.receive(b"infer 5 3%") == (
        b"m-warmup-start-3\r\nm-warmup-done\r\nm-infer-start-5\r\nm-lap-us-3000\r\n"
        b"m-lap-us-8000\r\nm-infer-done\r\nm-results-[0.000,0.996,-1.234]\r\nm-ready\r\n"
    )
    assert (parser.loads, parser.inferences) == (1, 8)
    assert parser.receive(b"results%") == b"m-results-[0.000,0.996,-1.234]\r\nm-ready\r\n"


@pytest.mark.parametrize(
    ("command", "inferences", "warmups"),
    [("infer", 1, 10), ("infer 7", 7, 10), ("infer 1 0", 1, 0), ("  infer   2  1  9", 2, 1)],
)
def test_infer_has_defaults(parser: Parser, command: str, inferences: int, warmups: int) -> None:
    loaded(parser)
    answer = parser.answer(command)
    assert answer[0] == f"m-warmup-start-{warmups}"
    assert answer[2] == f"m-infer-start-{inferences}"
    assert parser.inferences == inferences + warmups


@pytest.mark.parametrize(
    ("results", "text"),
    [
        ([1], "0.001"),
        ([-1], "-0.001"),
        ([12_345_678], "12345.678"),
        ([2**31 - 1], "2147483.647"),
        ([-(2**31)], "-2147483.648"),
        ([1000, 10, 100], "1.000,0.010,0.100"),
    ],
)
def test_results_have_three_decimals(parser: Parser, results: list[int], text: str) -> None:
    parser.results = results
    parser.start()
    assert loaded(parser).answer("infer 1 0")[-1] == f"m-results-[{text}]"


@pytest.mark.parametrize(
    ("command", "error"),
    [
        ("", "Unknown command: "),
        ("   ", "Unknown command: "),
        ("x", "Unknown command: x"),
        ("Name", "Unknown command: Name"),
        ("nam", "Unknown command: nam"),
        ("names y", "Unknown command: names"),
        ("infer 0", "Inference iterations must be >0"),
        ("infer -3 4", "Inference iterations must be >0"),
        ("infer x", "Inference iterations must be >0"),
        ("infer 1 -1", "Inference warmup must be >=0"),
        ("infer", "The input has 0 of 10 bytes"),
        ("results", "There are no results: 'infer' comes first"),
        ("db", "Command 'db' requires a subcommand"),
        ("db load", "Command 'db load' requires the # of bytes"),
        ("db load 0", "Command 'db load' must be >0 bytes"),
        ("db load -5", "Command 'db load' must be >0 bytes"),
        ("db load ten", "Command 'db load' must be >0 bytes"),
        ("db load 11", "Supplied buffer size 11 exceeds the input's"),
        ("db load 27648", "Supplied buffer size 27648 exceeds the input's"),
        (f"db load {2**32}", "Supplied buffer size 2147483647 exceeds the input's"),
        (f"db load -{2**80}", "Command 'db load' must be >0 bytes"),
        ("db 123", "Insufficent number of hex digits"),
        ("db 0g", "Invalid hex digit '0g'"),
        ("db 00x1", "Invalid hex digit 'x1'"),
        ("db 00@`", "Invalid hex digit '@`'"),
        ("db 00", "Command 'db' expects no bytes: 'db load' comes first"),
        ("x" * 81, "Command longer than 80 characters"),
        ("x" * 5000, "Command longer than 80 characters"),
    ],
)
def test_what_it_cannot_do_it_says(parser: Parser, command: str, error: str) -> None:
    assert parser.answer(command) == [f"e-[{error}]"]
    assert parser.input == b"\xaa" * SIZE
    assert parser.inferences == 0


def test_80_characters_are_a_command(parser: Parser) -> None:
    assert parser.answer("x" * 80) == [f"e-[Unknown command: {'x' * 80}]"]
    assert parser.answer("name".ljust(80)) == ["m-name-dut-[a vendor]"]


def test_a_longer_command_leaves_nothing_behind(parser: Parser) -> None:
    parser.answer("name" + "x" * 100)
    assert parser.answer("name") == ["m-name-dut-[a vendor]"]


def test_digits_after_the_last_byte_are_dropped(parser: Parser) -> None:
    parser.answer("db load 2")
    assert parser.answer("db 01020304") == ["m-load-done"]
    assert parser.input == b"\x01\x02" + b"\xaa" * 8
    assert parser.answer("db 05")[0].startswith("e-[Command 'db' expects no bytes")


def test_of_a_damaged_piece_nothing_is_taken(parser: Parser) -> None:
    """So that it can be sent again."""
    parser.answer("db load 2")
    assert parser.answer("db 01zz") == ["e-[Invalid hex digit 'zz']"]
    assert parser.answer("db 0304") == ["m-load-done"]
    assert parser.input[:2] == b"\x03\x04"


def test_a_refused_load_ends_the_one_before(parser: Parser) -> None:
    parser.answer("db load 4")
    parser.answer("db 01")
    parser.answer(f"db load {SIZE + 1}")
    assert parser.answer("db 02")[0].startswith("e-[")
    assert parser.input[:2] == b"\x01\xaa"


@pytest.mark.parametrize("size", [1, SIZE - 1])
def test_an_inference_needs_the_whole_input(parser: Parser, size: int) -> None:
    parser.answer(f"db load {size}")
    parser.answer("db " + "01" * size)
    assert parser.answer("infer 1 0") == [f"e-[The input has {size} of 10 bytes]"]


def test_an_engine_that_does_not_start_gives_no_result(parser: Parser) -> None:
    loaded(parser)
    parser.load_status = -7
    assert parser.answer("infer 1 0") == ["e-[The engine failed: status -7]"]
    assert parser.inferences == 0
    assert parser.answer("results")[0].startswith("e-[There are no results")


@pytest.mark.parametrize(
    ("after", "last"), [(0, "m-warmup-start-2"), (2, "m-lap-us-2000"), (4, "m-lap-us-2000")]
)
def test_an_engine_that_fails_gives_no_result(parser: Parser, after: int, last: str) -> None:
    """Neither that of an inference before."""
    loaded(parser).answer("infer 1 0")
    parser.now = parser.inferences = 0
    parser.fails_at, parser.infer_status = after, 3
    assert parser.answer("infer 3 2")[-2:] == [last, "e-[The engine failed: status 3]"]
    assert parser.inferences == after + 1
    assert parser.answer("results")[0].startswith("e-[There are no results")


def test_line_ends_and_noise_are_no_part_of_a_command(parser: Parser) -> None:
    assert parser.receive(b"\x00\xff\r\nna\nme\x80\r%\r\n") == (
        b"m-name-dut-[a vendor]\r\nm-ready\r\n"
    )


def test_help_names_every_command(parser: Parser) -> None:
    text = "\n".join(parser.answer("help"))
    for command in ("name", "profile", "timestamp", "db load", "db print", "infer", "results"):
        assert command in text


def test_a_start_forgets_what_was_before(parser: Parser) -> None:
    loaded(parser).answer("infer 1 0")
    parser.receive(b"half a comm")
    parser.start()
    assert parser.answer("name") == ["m-name-dut-[a vendor]"]
    assert parser.answer("infer 1 0")[0].startswith("e-[The input has 0")
    assert parser.answer("results")[0].startswith("e-[There are no results")


WORDS = st.sampled_from(
    ["db", "load", "print", "infer", "results", "name", "%", " ", "10", "0", "-1", "00" * 5, "7f"]
)


@given(st.lists(st.one_of(WORDS, st.binary(max_size=90).map(lambda data: data.decode("latin-1")))))
def test_any_bytes_are_answered(built: Parser, pieces: list[str]) -> None:
    """Every command by one `m-ready`, in lines; and what lies behind the input stays."""
    built.load_status = 0
    built.fails_at, built.infer_status = 100, 1  # of any number that `infer` may have
    built.start()
    data = "".join(pieces).encode("latin-1")
    sent = built.receive(data) + built.receive(b"%")
    lines = sent.split(b"\r\n")
    assert lines.pop() == b""
    assert lines.count(b"m-ready") == data.count(b"%") + 1
    assert lines[-1] == b"m-ready"
    assert all(line.startswith((b"m-", b"e-[")) for line in lines)
    assert len(built.input) == SIZE
    assert built.answer("name") == ["m-name-dut-[a vendor]"]
