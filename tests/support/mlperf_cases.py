"""Cases of MLPerf Tiny's protocol: lines to the device of tests/fuzz/fuzz_mlperf.c."""

INPUT_SIZE = 40
"""Bytes."""

_DATA = bytes(range(256 - INPUT_SIZE, 256)).hex()
_REFUSED = (bytes(INPUT_SIZE - 1) + b"\xee").hex()


def load(digits: str) -> str:
    """Return the commands that load an input, in a runner's chunks of 31 bytes."""
    chunks = (digits[at : at + 62] for at in range(0, len(digits), 62))
    return f"db load {INPUT_SIZE}%" + "".join(f"db {chunk}%" for chunk in chunks)


WORDS = (
    "name%", "profile%", "timestamp%", "help%", "results%", "db ", "db load ", "db print%",
    "db load 40%", "db load 27648%", "infer ", "infer 1 0%", "%", " ", f"db {_DATA[:60]}%",
)  # fmt: skip
"""What a fuzzer may put together; libFuzzer takes words of up to 64 characters."""

LINES: dict[str, bytes] = {
    name: line.encode()
    for name, line in {
        "nothing": "",
        "who is there": "name%profile%timestamp%help%",
        "a person's line ends": "name%\r\nprofile\r\n%",
        "an empty command": "%   %",
        "unknown": "names%Name%e-[name]%m-ready%",
        "an inference": load(_DATA) + "infer 1 0%results%",
        "warm-ups by default": load(_DATA) + "infer%infer 2%infer 2 3%",
        "digits in capitals": load(_DATA.upper()) + "db print%infer 1 0%",
        "no input": "infer 1 0%results%db print%",
        "half an input": f"db load 40%db {_DATA[:62]}%infer 1 0%db print%",
        "less than an input": "db load 2%db 0102%infer 1 0%db print%",
        "more than was announced": "db load 2%db 010203%db print%",
        "more after the end": load(_DATA) + "db 00%db print%",
        "bytes that nobody announced": "db 00%",
        "an input too large": f"db load 41%db {_DATA[:62]}%db {_DATA[:20]}%"
        "db load 27648%db load 4294967297%",
        "an announcement of nothing": "db%db load%db load 0%db load -1%db load x%db load +3%",
        "an announcement forgets the one before": load(_DATA) + "db load 0%infer 1 0%",
        "an odd digit": "db load 40%db 0%db 012%",
        "no digit": "db load 40%db 0g%db g0%db 00xx%db print%",
        "numbers at their ends": load(_DATA)
        + "infer 0 0%infer -1 0%infer 1 -1%infer 99999999999 0%"
        "infer -99999999999 0%infer x y%infer 1 x%",
        "an engine that fails": load(_DATA) + "infer 1000 1%results%infer 1 0%",
        "an input that is refused": load(_REFUSED) + "infer 1 0%results%",
        "a series that fails forgets the results": load(_DATA)
        + "infer 1 0%results%"
        + load(_REFUSED)
        + "infer 1 0%results%",
        "80 characters": "x" * 80 + "%" + "db " + "0" * 77 + "%",
        "81 characters": "x" * 81 + "%name%",
        "many characters": "x" * 1000 + "%name%",
        "words and more words": "  name   x%db  load   3   4%db print x%",
    }.items()
} | {"what is no character": b"\0na\xffme\x7f%\x80%"}
