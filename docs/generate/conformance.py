"""Runs the conformance programs and writes what they show into docs/cores.md.

`python -m docs.generate.conformance [EMULATOR ...]` runs them on the emulators that this machine
has. What another one shows stays as it was.
"""

import re
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from docs.generate.harness_objects import REPOSITORY
from docs.generate.markdown import NOTHING, code, table
from harness.errors import InfrastructureError
from tests.conformance.emulators import EMULATORS
from tests.conformance.expectations import Case, cases, is_absent, titles
from tests.conformance.results import Results, read_results, results_of, write_results
from tests.conformance.run import observe

PAGE = REPOSITORY / "docs" / "cores.md"
_TITLES = {"simulator": "the simulator"}
_BLOCK = re.compile(r"(?<=<!-- conformance -->\n).*?(?=<!-- end conformance -->)", re.DOTALL)


def block(results: Mapping[str, Results]) -> str:
    """Return the text between the page's two comments: the table, and a list by emulator."""
    expected = cases()
    names = [name for name in EMULATORS if name in results]
    rows = []
    for program, title in titles().items():
        mine = [name for name, case in expected.items() if case.program == program]
        shares = [_share(mine, expected, results[name]) for name in names]
        rows.append([title, *shares])
    total = [_share(list(expected), expected, results[name]) for name in names]
    head = table(["program", *names], [*rows, ["**all**", *total]])
    lists = [_deviations(name, expected, results[name]) for name in names]
    return "\n".join(["", head, *lists])


def shown_block() -> str:
    """Return what the page has between the two comments."""
    match = _BLOCK.search(PAGE.read_text(encoding="utf-8"))
    if match is None:
        raise ValueError(f"{PAGE}: the comments of the conformance table are missing")
    return match[0]


def _share(names: list[str], expected: Mapping[str, Case], results: Results) -> str:
    """Return how many of the cases `names` show what the manuals say, of those that could."""
    absent = sum(is_absent(results.deviations.get(name, "")) for name in names)
    wrong = sum(expected[name].deviates(results.deviations[name]) for name in _in(names, results))
    ran = len(names) - absent
    if not ran:
        return NOTHING
    return f"{ran - wrong} of {ran}"


def _in(names: list[str], results: Results) -> Iterator[str]:
    return (name for name in names if name in results.deviations)


def _deviations(name: str, expected: Mapping[str, Case], results: Results) -> str:
    wrong = {
        case: shown for case, shown in results.deviations.items() if expected[case].deviates(shown)
    }
    title = f"### Where {_TITLES.get(name, name)} differs\n\n*{results.version}*\n"
    if not wrong:
        return f"{title}\nNothing.\n"
    rows = [
        [
            code(case),
            expected[case].section,
            code(expected[case].expected),
            code(shown or "nothing"),
        ]
        for case, shown in wrong.items()
    ]
    return f"{title}\n{table(['case', 'manual', 'expected', 'shown'], rows)}"


def _run(names: Sequence[str]) -> None:
    results = read_results()
    for name in names or EMULATORS:
        emulator = EMULATORS[name]
        try:
            version = emulator.version()
        except InfrastructureError as error:
            print(f"{name}: not here, kept as it was: {error.what}", file=sys.stderr)
            continue
        with tempfile.TemporaryDirectory() as scratch:
            shown = observe(emulator, Path(scratch))
        results[name] = results_of(version, shown, cases())
        print(f"{name}: {len(results[name].deviations)} deviations", file=sys.stderr)
        write_results({each: results[each] for each in EMULATORS if each in results})
    text = PAGE.read_text(encoding="utf-8")
    new = block(results)
    PAGE.write_text(_BLOCK.sub(lambda _: new, text), encoding="utf-8")


if __name__ == "__main__":
    _run(sys.argv[1:])
