"""What the campaign on a farm looks for is found."""

import json
import os
import socket
from pathlib import Path

import pytest
from msgspec import structs

from tests.farm.campaign import __main__ as program
from tests.farm.campaign import findings
from tests.farm.campaign.campaign import Campaign
from tests.support.farm import Farm
from tests.support.tcp_clients import process_of
from tests.support.year import year

Entry = tuple[str, float, str, int, int, float]
# what, time, line, port, process, last
FIRST: list[Entry] = [
    ("use", 1.0, "probe", 50, 100, 1.0),
    ("use", 1.5, "serial", 51, 100, 1.5),
    ("close", 4.0, "serial", 51, 100, 3.0),
    ("close", 5.0, "probe", 50, 100, 3.5),
]


def _logged(folder: Path, entries: list[Entry]) -> Farm:
    farm = Farm(folder)
    keys = ("what", "time", "line", "port", "process", "last")
    lines = [json.dumps(dict(zip(keys, entry, strict=True))) for entry in entries]
    (folder / "board-0.log").write_text("\n".join(lines))
    return farm


@pytest.mark.parametrize(
    ("begin", "process", "count"), [(3.6, 101, 0), (3.2, 101, 1), (2.0, 0, 1), (3.2, 100, 0)]
)
def test_two_processes_at_a_board(tmp_path: Path, begin: float, process: int, count: int) -> None:
    other: list[Entry] = [
        ("use", begin, "serial", 52, process, begin),
        ("close", 6.0, "serial", 52, process, 6.0),
    ]
    assert len(findings.shared(_logged(tmp_path, [*FIRST, *other]))) == count


def test_a_board_whose_machine_was_killed_is_not_shared(tmp_path: Path) -> None:
    entries: list[Entry] = [*FIRST[:2], ("use", 7.0, "probe", 53, 101, 7.0)]
    assert findings.shared(_logged(tmp_path, entries)) == []


def test_the_process_of_a_client_is_known_by_both_ports() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as one,
        socket.create_server(("127.0.0.1", 0)) as other,
    ):
        ports = [each.getsockname()[1] for each in (one, other)]
        with socket.create_connection(("127.0.0.1", ports[0])) as client:
            own = client.getsockname()[1]
            assert process_of(own, ports[0]) == os.getpid()
            assert process_of(own, ports[1]) == 0
        assert process_of(own, ports[0]) == 0


def test_a_wrong_number_is_found() -> None:
    record = next(iter(year(1)))
    truth = {record.model.name: record}
    assert findings.wrong_numbers([record], truth) == []
    ticks = structs.replace(record, ticks=[*record.ticks[:-1], 1])
    name = next(name for name, number in record.numbers.items() if number.kind == "exact")
    number = structs.replace(record.numbers[name], value=-1)
    numbers = structs.replace(record, numbers={**record.numbers, name: number})
    failed = structs.replace(record, verdict="failed", reasons=["it failed"])
    for wrong in (ticks, numbers, failed):
        assert len(findings.wrong_numbers([wrong], truth)) == 1


def test_errors_are_named_without_what_varies_in_them() -> None:
    output = (
        "harness: probe 12: gone\n  -> plug it in\n\ntable 3\n\nplace board-4: held\n  -> wait\n"
    )
    assert list(findings.named(output)) == ["probe N: gone", "place N: held"]
    assert list(findings.named("harness: it failed\n")) == []


def test_a_campaign_that_ends_early_tells_what_it_found(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def ended(campaign: Campaign, *_: object) -> None:
        campaign.findings.append("a board was shared")
        raise KeyboardInterrupt

    monkeypatch.setattr(Campaign, "run", ended)
    monkeypatch.setattr("tests.farm.campaign.__main__.labgrid_programs.why_not", str)
    monkeypatch.setattr("tests.farm.campaign.__main__.postgres.why_not", str)
    monkeypatch.setattr("tests.farm.campaign.__main__.signal.signal", lambda *_: None)
    monkeypatch.setattr("sys.argv", ["campaign"])
    with pytest.raises(KeyboardInterrupt):
        program.main()
    *_, found, last = capsys.readouterr().out.splitlines()
    assert found == "FOUND a board was shared"
    assert last.endswith(" s, 1 finding")
