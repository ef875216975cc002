"""The report, of real records and of ones that want to break it."""

import dataclasses
import re
import zlib
from base64 import b64decode
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from harness.board.device_info import DeviceInfo
from harness.cli.main import main
from harness.errors import InputError
from harness.image.memory_record import MemoryUse, SymbolUse, Use
from harness.measure.number import Number
from harness.measure.profiled_layer import LayerProfile
from harness.measure.subset import Subset
from harness.report.html_report import render
from harness.report.junit_properties import properties
from harness.report.markdown_summary import append_markdown, markdown
from harness.report.page.page_script import page_script
from harness.report.page.treemap import HEIGHT, WIDTH, treemap
from harness.report.report_data import Summary, summarize
from harness.results.judge.baseline import accept
from harness.results.judge.gate import Gate
from harness.results.record import EnergyInfo, Record
from harness.results.record_file import read_record
from harness.results.store.store import Store
from harness.support.git_commit import Commit
from harness.workspace import Workspace
from tests.support.year import year

RECORDS = sorted((Path(__file__).parents[1] / "data" / "records").glob("*.json"))
NIGHT = datetime(2026, 3, 1, 2, tzinfo=UTC)


class Page(HTMLParser):
    """What a browser makes of a page: elements with their attributes, and text."""

    VOID = frozenset({"meta", "br"})

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.scripts: list[str] = []
        self.comments = 0
        self.feed(html)
        self.close()
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self.text += " "
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open[-1:] == ["script"]:
            self.scripts.append(data)
        elif self.open[-1:] != ["style"]:
            self.text += data

    def handle_comment(self, data: str) -> None:
        self.comments += 1

    @property
    def words(self) -> str:
        return " ".join(self.text.split())


def real(target: str = "virtual-stm32") -> Record:
    return next(r for r in map(read_record, RECORDS) if r.target.name == target)


def at(record: Record, night: int, commit: str = "a", **numbers: float) -> Record:
    """The record of another night, with other numbers."""
    started = NIGHT + timedelta(days=night)
    changed = {
        name: msgspec.structs.replace(record.numbers[name], value=value)
        for name, value in numbers.items()
    }
    return msgspec.structs.replace(
        record,
        id=f"{started:%Y%m%dT%H%M%S}-{record.target.name}-{record.model.name}",
        started=started.isoformat(),
        numbers=record.numbers | changed,
        commit=Commit(commit * 40, dirty=False, branch="main"),
    )


def failed(record: Record, *reasons: str) -> Record:
    return msgspec.structs.replace(record, verdict="failed", reasons=list(reasons))


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store(f"sqlite:///{tmp_path / 'runs.sqlite'}") as store:
        yield store


def summary_of(store: Store, records: Sequence[Record], **options: Any) -> Summary:
    store.add(*records)
    return summarize(store, **options)


def test_real_records_are_a_page_that_needs_nothing_else(store: Store) -> None:
    summary = summary_of(store, [read_record(path) for path in RECORDS])
    page = Page(render(summary))
    for shown in ("All 3 passed", "249,811", "18,208 B", "accuracy 0.9800", "✓ passed", "-O2"):
        assert shown in page.words
    assert "0.288 s" not in page.words
    assert "288.0 ms measured" in page.words
    (policy,) = (a["content"] for t, a in page.elements if "http-equiv" in a)
    assert policy is not None
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    loaded = [a for _, a in page.elements if {"src", "style", "srcset", "data"} & set(a)]
    assert not loaded
    ids = {a["id"] for _, a in page.elements if "id" in a}
    links = {a["href"] for _, a in page.elements if "href" in a}
    assert links <= {f"#{each}" for each in ids}


def test_what_is_wrong_comes_first(store: Store) -> None:
    right, wrong = real(), real("qemu-stm32")
    summary = summary_of(store, [at(right, 0), failed(at(wrong, 0), "12 bytes differ")])
    assert summary.headline == "1 failed; 2 in all"
    words = Page(render(summary)).words
    assert words.index("12 bytes differ") < words.index("Newest runs")
    assert "1 failed; 2 in all" in markdown(summary)
    assert "12 bytes differ" in markdown(summary)


def test_what_got_worse_says_by_how_much_and_since_when(store: Store) -> None:
    median = real().numbers["instructions_median"].value
    nights = [at(real(), night, "a") for night in range(9)]
    nights.append(at(real(), 9, "b", instructions_median=median * 1.02, flash=18_000))
    summary = summary_of(store, nights)
    assert summary.headline == "1 got worse; 1 in all"
    for text in (Page(render(summary)).words, markdown(summary).replace("\\", "")):
        assert "249,811 → 254,807" in text
        assert "+2.0 %" in text
        assert "2026-03-10, commit aaaaaaaaaa → bbbbbbbbbb" in text
        assert "the run of 2026-03-03" in text
    assert len(summary.statuses[0].changes["instructions_median"]) == 1


def test_what_got_better_is_told_and_what_is_the_same_is_not(store: Store) -> None:
    summary = summary_of(store, [at(real(), 0), at(real(), 8, flash=18_000)])
    assert summary.headline == "Passed; nothing got worse"
    words = Page(render(summary)).words
    assert "Got better" in words
    assert "flash 18,208 B → 18,000 B -1.1 %" in words
    assert "Got worse" not in words


def test_a_baseline_is_what_runs_are_compared_with(store: Store, tmp_path: Path) -> None:
    folder = tmp_path / "baselines"
    accept([at(real(), 0, flash=18_000, ram=14_700, arena=2_800)], "a new kernel", folder)
    (folder / "budgets.toml").write_text('[[budget]]\nmetric = "ram"\nworse = "64 byte"\n')
    gate = Gate(folder, Workspace(tmp_path))
    flagged = msgspec.structs.replace(real().image, optimize="-Os")
    runs = [at(real(), 1), msgspec.structs.replace(at(real(), 9), image=flagged)]
    runs.append(at(real("qemu-stm32"), 9))
    summary = summary_of(store, runs, gate=gate)
    assert summary.headline == "1 got worse, 1 did not run, 1 without a baseline; 3 in all"
    (worse,) = summary.worse
    assert [change.main.name for change in worse.judged("worse")] == ["flash"]
    for text in (Page(render(summary)).words, markdown(summary).replace("\\", "")):
        assert "flags: -O2 → -Os" in text
        assert "(a new kernel)" in text
    assert 'class="no">+0.30' not in render(summary)  # RAM, which is within its budget


def test_what_did_not_run_last_night_is_told_and_forgotten_after_a_month(store: Store) -> None:
    others = [at(real("qemu-stm32"), 10), at(real("virtual-nrf52840"), -40)]
    summary = summary_of(store, [at(real(), 9), *others])
    assert summary.headline == "1 did not run; 2 in all"
    assert "Last run on 2026-03-10" in Page(render(summary)).words
    store.add(at(real(), 10))
    assert not summarize(store).stale


def test_runs_of_other_branches_can_be_left_out(store: Store) -> None:
    store.add(at(real(), 0), failed(at(real("qemu-stm32"), 1), "wrong"))
    with pytest.raises(InputError, match="no run of branch 'release'"):
        summarize(store, "release")
    assert len(summarize(store, "main").statuses) == 2


def test_without_runs_it_says_how_to_make_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["report"]) == 2
    assert "there is no run to report on" in capsys.readouterr().err
    assert not (tmp_path / "reports" / "report.html").exists()


def test_the_command_writes_both_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    runs = tmp_path / "reports" / "runs"
    runs.mkdir(parents=True)
    for path in RECORDS:
        (runs / path.name).write_bytes(path.read_bytes())
    (runs / "torn.json").write_text("{")
    (tmp_path / "steps.md").write_text("what was there\n")
    assert main(["report", "--markdown=steps.md"]) == 0
    said = capsys.readouterr()
    assert "All 3 passed" in said.out
    assert "torn.json" in said.err
    assert (tmp_path / "reports" / "report.html").read_text().startswith("<!doctype html>")
    assert (tmp_path / "steps.md").read_text().startswith("what was there\n## All 3 passed")
    assert main(["report", "--out=steps.md/x.html"]) == 2
    with pytest.raises(InputError, match="cannot be written"):
        append_markdown(summarize_folder(), tmp_path)


def summarize_folder() -> Summary:
    with Store("sqlite:///other.sqlite") as store:
        return summary_of(store, [real()])


HOSTILE = (
    "<script>alert(1)</script>",
    "\"><img src=x onerror='alert(1)'>",
    "</style><style>*{display:none}</style><!--",
    "' onmouseover=alert(1) x='",
    "evil\u202egnp.exe\u2066\u200f",
    "\x1b[31mred\x07\r\n\x85\u2028end",
    "A" * 10_000,
    "<b>" * 4000,
    "{{ 7 * 7 }}{% raw %}&lt;&#x3c;",
    "](javascript:alert(1)) | ![x](http://x/y) `code` <b>*bold*</b> # 1. @you\n\n# title",
    "\U0001d54f" * 200 + "é\u0301" * 90,
)
FREE = ("target", "model", "image", "host")
KEPT = {"digest", "vectors", "build_id", "metric"}  # which records are refused without


def spoilt(record: Record, text: str) -> Record:
    """The record with `text` for every string that may be any."""
    parts = {
        part: msgspec.structs.replace(
            getattr(record, part),
            **{name: text for name in getattr(record, part).__struct_fields__ if name not in KEPT},
        )
        for part in FREE
    }
    numbers = record.numbers | {"energy_estimated": Number(1e-6, "J", "estimated", text)}
    numbers["x<b>'\"&"] = Number(1, "<i>", "exact")
    return msgspec.structs.replace(
        with_all(record, text),
        reasons=[text, text],
        verdict="failed",
        commit=Commit("c" * 40, dirty=True, branch=text),
        counter=text,
        log=[text] * 60,
        numbers=numbers,
        device=DeviceInfo(text, text, text + record.started),
        recoveries=[text],
        **parts,
    )


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_no_string_of_a_record_becomes_an_element(store: Store, text: str) -> None:
    html, fine = (
        render(summary_of(store, nights, branch=said))
        for first, said in enumerate((text, "fine"))
        for nights in [
            [spoilt(at(real(), n, instructions_median=n), said) for n in (first, first + 9)]
        ]
    )
    page = Page(html)
    compare_pages(page, Page(fine))
    assert {c for c in html if not c.isprintable()} == {"\n"}
    assert len(html) - sum(map(len, page_script().scripts)) < 640_000


def compare_pages(page: Page, fine: Page) -> None:
    """Check that a page has no element or attribute that a harmless one lacks."""
    assert page.comments == 0
    assert {tag for tag, _ in page.elements} <= {tag for tag, _ in fine.elements}
    allowed = {name for _, attributes in fine.elements for name in attributes}
    assert {name for _, attributes in page.elements for name in attributes} <= allowed
    assert {a.get("class") for _, a in page.elements} <= {a.get("class") for _, a in fine.elements}
    assert sum(tag == "style" for tag, _ in page.elements) == 1
    hrefs = [a["href"] or "" for _, a in page.elements if "href" in a]
    ids = [a["id"] or "" for _, a in page.elements if "id" in a]
    assert all(re.fullmatch(r"[\w.-]{1,160}", each, re.ASCII) for each in ids)
    assert len(ids) == len(set(ids))
    assert {href[1:] for href in hrefs} <= set(ids)


def with_all(record: Record, text: str) -> Record:
    """The record with layers, a memory map and a meter, and `text` in each of them."""
    return msgspec.structs.replace(
        record,
        estimate_unavailable=text,
        layers=[
            LayerProfile(0, text, text, [1, 2], 900, 1000),
            LayerProfile(1, text, "", [], 0, 0),
        ],
        memory=MemoryUse(
            {text: Use(9000, 10), "model": Use(9208, 14_734)},
            {text: Use(18_208, 14_744)},
            [SymbolUse(text, text, text, 4000, 0)],
        ),
        energy=EnergyInfo(
            meter=text,
            serial=text,
            firmware=text,
            virtual=True,
            volts=3.3,
            hz=1e6,
            found_by=text,
            trigger_delay_s=0.0,
            clock=0.0,
            samples=1000,
            missing=1,
            corrupt=0,
            left_out=0,
            joules=[],
            note=text,
        ),
    )


def test_layers_memory_and_energy_are_shown_where_they_are_known(store: Store) -> None:
    summary = summary_of(store, [at(real(), 0)])
    words = Page(render(summary)).words
    assert "use --profile" in words
    assert "arena 2,720 B stack 8,192 B rest 3,832 B" in words
    assert "Energy" not in words
    summary = summary_of(store, [at(with_all(real(), "CONV_2D"), 1)])
    words = Page(render(summary)).words
    assert "CONV_2D CONV_2D 1\u00d72 1,000 100.0 % 900 1.11" in words
    assert "Largest symbols" in words
    assert "virtual: the currents are simulated" in words


def test_failed_runs_come_first_and_names_can_be_searched(store: Store) -> None:
    names = ("a-b_c-1.5-", "renode-arduino-nano-33-ble", "x" * 80)
    targets = [msgspec.structs.replace(real().target, name=name) for name in names]
    records = [at(msgspec.structs.replace(real(), target=target), 2) for target in targets]
    records[2] = failed(records[2], "wrong")
    summary = summary_of(store, records)
    assert [s.record.target.name for s in summary.statuses] == [names[2], *names[:2]]
    lines = markdown(summary).splitlines()
    first, *_ = (line for line in lines if "| passed |" in line or "failed** |" in line)
    assert f"| {names[2]} | cmsis-nn | gcc -O2 | **✗ failed** |" in first
    assert any(f"| {names[1]} |" in line for line in lines)
    assert any("| a-b_c-1.5\\- |" in line for line in lines)
    assert all(name in render(summary) for name in names)


def test_what_computed_golden_is_named_if_it_is_not_tflm(store: Store) -> None:
    made = at(real(), 2)
    model = msgspec.structs.replace(made.model, golden_source="reference kernels 1")
    summary = summary_of(store, [msgspec.structs.replace(made, model=model)])
    text = f"golden of {model.name}: reference kernels 1"
    assert text in markdown(summary).replace("\\", "")
    assert text in Page(render(summary)).words


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_no_string_of_a_record_becomes_markdown(store: Store, text: str) -> None:
    records = [spoilt(at(real(), night), text) for night in (2, 10)]
    summary = summary_of(store, records)
    tokens = MarkdownIt("commonmark").enable(["table", "strikethrough"]).parse(markdown(summary))
    inline = {child.type for token in tokens for child in token.children or ()}
    assert inline <= {"text", "strong_open", "strong_close", "softbreak", "text_special"}
    blocks = [token.type for token in tokens]
    assert "html_block" not in blocks
    assert blocks.count("heading_open") == 1
    assert blocks.count("td_open") == blocks.count("th_open")  # one row, of all columns
    assert max(map(len, markdown(summary).splitlines())) < 2000


def test_an_estimate_is_never_without_its_error(store: Store) -> None:
    numbers = real().numbers | {
        "cycles_estimated": Number(300_000, "1", "estimated", "pipeline", 0.12),
        "energy_estimated": Number(1.5e-6, "J", "estimated", "datasheet"),
    }
    summary = summary_of(store, [msgspec.structs.replace(real(), numbers=numbers)])
    for text in (Page(render(summary)).words, markdown(summary).replace("\\", "")):
        assert "≈ 300,000 ± 12 %, estimated" in text
        assert "≈ 1.500 µJ error unknown, estimated" in text
    named = dict(properties(summary.statuses[0].record))
    assert named["cycles_estimated"] == "≈ 300000, ± 12 %, estimated by pipeline"
    assert named["flash"] == "18208 byte, exact"
    assert named["wall"] == "0.288 s, measured"


def test_months_of_nights_stay_small(store: Store) -> None:
    nights = 20
    summary = summary_of(store, list(year(nights)))
    html = render(summary)
    _data, *code = Page(html).scripts
    assert len(html) - sum(map(len, code)) < 400_000
    assert len(summary.statuses) == 15
    assert {s.runs for s in summary.statuses} == {nights}
    # Made-up silicon is noisy; its step is found all the same.
    (silicon,) = (
        s
        for s in summary.statuses
        if (s.record.target.name, s.record.model.name) == ("nucleo-f429zi", "digits")
    )
    (step,) = silicon.changes["cycles_median"]
    assert step.relative == pytest.approx(0.03, abs=0.005)


def data_of(page: Page) -> Any:
    """The numbers of the charts, as a script reads them."""
    data, *_ = page.scripts  # the others are the script itself
    return msgspec.json.decode(zlib.decompress(b64decode(data, validate=True)))


def test_the_numbers_of_all_runs_are_in_the_page_for_a_script(store: Store) -> None:
    flash = real().numbers["flash"].value
    nights = [at(real(), night) for night in range(3)]
    nights += [at(real(), 3, "b", flash=flash + 100)]
    page = Page(render(summary_of(store, nights)))
    data = data_of(page)
    assert data["version"] == 2
    (combination,) = data["combinations"]
    assert combination["target"] == "virtual-stm32"
    assert combination["anchor"] in {a.get("id") for _, a in page.elements}
    runs = combination["runs"]
    assert runs["id"] == [night.id for night in nights]
    assert [data["commits"][place][0] for place in runs["commit"]] == ["a", "a", "a", "b"]
    assert data["branches"] == ["main"]
    assert (runs["branch"], runs["verdict"], runs["dirty"]) == (0, "passed", False)
    number = combination["numbers"]["flash"]
    assert number["value"] == [flash, flash, flash, flash + 100]
    assert (number["unit"], number["kind"], number["better"]) == ("byte", "exact", "lower")
    assert (number["small"], combination["numbers"]["accuracy"]["small"]) == (0.001, 0)
    (change,) = number["changes"]
    assert change["run"] == 3
    assert "+100" not in change["text"]
    assert change["causes"] == ["the image is the same, byte for byte"]
    assert combination["numbers"]["ram"]["value"] == real().numbers["ram"].value


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_no_string_of_a_record_ends_the_data(store: Store, text: str) -> None:
    html = render(summary_of(store, [spoilt(at(real(), n), text) for n in (0, 9)]))
    _, _, rest = html.partition('<script type="application/zlib" id="report-data">')
    data, end, _ = rest.partition("</script>")
    assert end
    assert re.fullmatch("[A-Za-z0-9+/]+=*", data)
    assert data_of(Page(html))["version"] == 2


def test_a_row_says_what_it_is_for_a_script(store: Store) -> None:
    median = real().numbers["instructions_median"].value
    summary = summary_of(store, [at(real(), 0), at(real(), 8, instructions_median=median * 1.02)])
    rows = [a for t, a in Page(render(summary)).elements if t == "tr" and "data-target" in a]
    of_model, of_target = rows
    assert of_model == of_target
    assert of_model == {
        "data-combination": "0",
        "data-target": "virtual-stm32",
        "data-model": "faces",
        "data-engine": "cmsis-nn",
        "data-toolchain": "gcc -O2",
        "data-verdict": "passed",
        "data-branch": "main",
        "data-change": "worse",
    }


def test_a_small_change_is_listed_and_not_red(store: Store) -> None:
    median = real().numbers["instructions_median"].value
    flash = real().numbers["flash"].value
    records = [at(real(), 0), at(real(), 8, instructions_median=median + 2, flash=flash + 10)]
    summary = summary_of(store, records)
    assert summary.headline == "Passed; nothing got worse"
    assert summary.grade == "good"
    html = render(summary)
    words = Page(html).words
    assert "1 with small changes, below 0.1 %" in words
    assert "instructions +0.00080 %; flash +0.055 %" in words
    assert 'class="no"' not in html
    assert "**+" not in markdown(summary)
    assert not summary.statuses[0].changes["flash"]
    assert summarize(store, small=0.0005).headline == "1 got worse; 1 in all"
    assert summarize(store, small=0.0).headline == "1 got worse; 1 in all"


def test_all_numbers_of_a_quantity_are_one_line(store: Store) -> None:
    numbers = {
        name: msgspec.structs.replace(number, value=number.value * 1.02)
        for name, number in real().numbers.items()
        if name.startswith("instructions_")
    }
    worse = msgspec.structs.replace(at(real(), 8), numbers=real().numbers | numbers)
    summary = summary_of(store, [at(real(), 0), worse])
    (change,) = summary.worse[0].judged("worse")
    assert change.main.name == "instructions_median"
    assert "+2.0 % (min, max: +2.0 %)" in Page(render(summary)).words
    assert "+2.0 %** (min, max: +2.0 %)" in markdown(summary).replace("\\", "")


def test_a_small_change_beyond_the_budget_is_told(store: Store, tmp_path: Path) -> None:
    folder = tmp_path / "baselines"
    flash = real().numbers["flash"].value
    accept([at(real(), 0, flash=flash - 10)], "the first", folder)
    summary = summary_of(store, [at(real(), 1)], gate=Gate(folder, Workspace(tmp_path)))
    assert summary.headline == "1 slightly worse than the budget allows; 1 in all"
    assert summary.grade == "doubt"
    page = Page(render(summary))
    for text in (page.words, markdown(summary).replace("\\", "")):
        assert "flash +0.055 %, more than its budget allows" in text
    (shown,) = (a for t, a in page.elements if t == "details" and a.get("class") == "finding")
    assert "open" in shown  # what the headline says is in sight


def test_a_first_night_says_that_there_is_nothing_to_compare(store: Store) -> None:
    summary = summary_of(store, [at(real(), 0), at(real("qemu-stm32"), 0)])
    assert summary.headline == "All 2 passed; nothing to compare with yet"
    store.add(at(real(), 1))
    summary = summarize(store)
    assert summary.headline == "1 did not run; 2 in all"
    store.add(at(real("qemu-stm32"), 1), at(real("virtual-nrf52840"), 1))
    summary = summarize(store)
    assert summary.headline == "All 3 passed; nothing got worse in the 2 that could be compared"


def test_float_outputs_within_their_tolerance_are_not_wrong(store: Store) -> None:
    tolerance = {
        "ulp_difference": Number(2, "ulp", "exact"),
        "ulp_tolerance": Number(128, "ulp", "exact"),
    }
    differing = {"bytes_differing": Number(4, "byte", "exact")}
    right = msgspec.structs.replace(at(real(), 0), numbers=real().numbers | tolerance | differing)
    other = at(real("virtual-nrf52840"), 0)
    equal = msgspec.structs.replace(
        other, numbers=other.numbers | tolerance | {"ulp_difference": Number(0, "ulp", "exact")}
    )
    html = render(summary_of(store, [right, equal]))
    words = Page(html).words
    assert "4 within tolerance, of 50 vectors" in words
    assert words.count("the largest difference from golden is 2 of 128 allowed units") == 1
    assert 'class="n no"' not in html
    wrong = msgspec.structs.replace(
        at(right, 1), numbers=right.numbers | {"ulp_difference": Number(129, "ulp", "exact")}
    )
    assert 'class="n no"' in render(summary_of(store, [wrong]))


def test_commits_and_the_ci_job_are_links_where_they_are_known(store: Store) -> None:
    flash = real().numbers["flash"].value
    nights = [at(real(), 0), at(real(), 8, "b", flash=flash * 2)]
    nights[1] = msgspec.structs.replace(nights[1], job="https://ci.example.org/jobs/7?a=1&b=2")
    summary = summary_of(store, nights)
    (only,) = set(re.findall(r'href="http[^"]*"', render(summary)))
    assert only == 'href="https://ci.example.org/jobs/7?a=1&amp;b=2"'
    page = "https://github.com/owner/name/commit/{hash}"
    elements = Page(render(dataclasses.replace(summary, commit_url=page))).elements
    links = {a["href"] for _, a in elements if (a.get("href") or "").startswith("http")}
    commits = {page.replace("{hash}", letter * 40) for letter in "ab"}
    assert links == commits | {"https://ci.example.org/jobs/7?a=1&b=2"}
    assert all(a.get("rel") == "noreferrer" for _, a in elements if a.get("href") in links)


def test_the_commits_of_a_cause_are_links(store: Store) -> None:
    built = msgspec.structs.replace(real().image, build_id="b" * 32)
    after = at(real(), 8, "b", flash=real().numbers["flash"].value * 2)
    summary = summary_of(store, [at(real(), 0), msgspec.structs.replace(after, image=built)])
    html = render(dataclasses.replace(summary, commit_url="https://example.org/{hash}"))
    cause = html.partition("commits: ")[2].partition("</li>")[0]
    assert re.findall(r"example.org/(\w+)", cause) == ["a" * 40, "b" * 40]
    assert "commits: aaaaaaaaaa → bbbbbbbbbb" in Page(html).words


def test_a_target_that_did_not_run_is_one_finding(store: Store) -> None:
    models = [msgspec.structs.replace(real().model, name=name) for name in ("one", "two")]
    records = [at(msgspec.structs.replace(real(), model=model), 0) for model in models]
    summary = summary_of(store, [*records, at(real("qemu-stm32"), 5)])
    assert summary.headline == "2 did not run; 3 in all"
    words = Page(render(summary)).words
    assert "one, two on virtual-stm32 cmsis-nn · gcc -O2 Last run on 2026-03-01" in words


def test_layers_and_symbols_are_compared_with_the_run_before(store: Store) -> None:
    before = with_all(at(real(), 0), "CONV_2D")
    assert before.memory
    layers = [msgspec.structs.replace(before.layers[0], ticks=1100), before.layers[1]]
    symbols = [msgspec.structs.replace(before.memory.symbols[0], flash=4100)]
    memory = msgspec.structs.replace(
        before.memory,
        symbols=[*symbols, SymbolUse("model", "model.c", "new", 300, 0)],
    )
    after = msgspec.structs.replace(
        with_all(at(real(), 8, "b", flash=18_308), "CONV_2D"), layers=layers, memory=memory
    )
    html = render(summary_of(store, [before, after]))
    words = Page(html).words
    assert "compared with the run of 2026-03-01, commit aaaaaaaaaa" in words
    assert "1,100 100.0 % 1,000 +10.0 %" in words
    assert "4,100 B +100 B" in words
    assert "new model model.c 300 B +300 B" in words
    assert html.count('class="grown"') == 2
    assert "flash 18,308 B (+100 B)" in words


def test_a_run_of_a_trend_has_a_row_that_its_mark_links_to(store: Store) -> None:
    flash = real().numbers["flash"].value
    nights = [at(real(), night) for night in range(20)]
    nights += [at(real(), night, "b", flash=flash * 2) for night in range(20, 60)]
    html = render(summary_of(store, nights))
    changed = f"run-{nights[20].id}"
    assert f'<tr id="{changed}" data-combination="0" data-run="20">' in html
    assert f'<a href="#{changed}" tabindex="-1" aria-label="' in html
    rows = re.findall(r'<tr id="run-\S+" data-combination="0" data-run="(\d+)">', html)
    assert rows == [*map(str, range(59, 49, -1)), "20", "19", "0"]


@given(
    st.dictionaries(st.sampled_from("abcde"), st.integers(0, 1 << 40), min_size=1),
    st.lists(st.tuples(st.sampled_from("abcde"), st.integers(1, 5000)), max_size=90),
)
def test_tiles_fill_the_treemap(parts: dict[str, int], symbols: list[tuple[str, int]]) -> None:
    sizes = dict(parts)
    for part, size in symbols:
        sizes[part] = sizes.get(part, 0) + size
    use = MemoryUse(
        {part: Use(size, 0) for part, size in sizes.items()},
        {},
        [SymbolUse(part, "", f"s{i}", size, 0) for i, (part, size) in enumerate(symbols)],
    )
    tiles = treemap(use, "flash", None)
    assert sum(tile.size for tile in tiles) == sum(sizes.values())
    for tile in tiles:
        box = tile.box
        assert -0.2 <= box.x <= box.x + box.width <= WIDTH + 0.3
        assert -0.2 <= box.y <= box.y + box.height <= HEIGHT + 0.3
    assert not treemap(use, "ram", None)


def test_the_same_finding_of_several_targets_is_told_once(store: Store) -> None:
    median = real().numbers["instructions_median"].value
    both = [real(), msgspec.structs.replace(real("virtual-nrf52840"))]
    records = [at(each, 0) for each in both]
    records += [at(each, 8, "b", instructions_median=median * 1.02) for each in both]
    records += [at(real("qemu-stm32"), 0)]
    summary = summary_of(store, records)
    words = Page(render(summary)).words
    assert summary.headline == "2 got worse, 1 did not run; 3 in all"
    assert "faces on virtual-nrf52840, virtual-stm32 cmsis-nn · gcc -O2 instructions" in words
    assert words.count("the image is the same, byte for byte Compared with") == 1


def test_what_did_not_run_did_not_get_better_either(store: Store, tmp_path: Path) -> None:
    flash = real().numbers["flash"].value
    folder = tmp_path / "baselines"
    accept([at(real(), 0), at(real("qemu-stm32"), 0)], "the first", folder)
    records = [at(real(), 8, flash=flash - 1000), at(real("qemu-stm32"), 10)]
    summary = summary_of(store, records, gate=Gate(folder, Workspace(tmp_path)))
    assert summary.headline == "1 did not run; 2 in all"
    assert not summary.better
    assert "Got better" not in Page(render(summary)).words


def test_times_of_other_zones_are_told_in_utc(store: Store) -> None:
    abroad = {"started": "2026-03-02T00:30:00+09:00"}  # 2026-03-01 15:30 in UTC
    before = msgspec.structs.replace(with_all(at(real(), 0), "CONV_2D"), **abroad)
    newest = with_all(at(real(), 0, "b"), "CONV_2D")
    newest = msgspec.structs.replace(newest, started="2026-03-01T20:00:00+00:00", id="newest")
    other = msgspec.structs.replace(at(real("qemu-stm32"), 0, "c"), **abroad)
    summary = summary_of(store, [before, newest, other])
    assert summary.newest.id == "newest"
    words = Page(render(summary)).words
    assert "the run of 2026-03-01, commit aaaaaaaaaa" in words
    assert "2026-03-02" not in words


def test_headings_do_not_skip_a_level(store: Store) -> None:
    records = [with_all(at(real(), night), "CONV_2D") for night in (0, 8)]
    page = Page(render(summary_of(store, records)))
    levels = [int(tag[1]) for tag, _ in page.elements if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))
    assert levels.count(1) == 1
    assert {4, 5, 6} <= set(levels)  # combinations, their parts, flash and RAM


def test_a_small_change_is_not_called_worse_below_a_good_headline(store: Store) -> None:
    flash = real().numbers["flash"].value
    summary = summary_of(store, [at(real(), 0), at(real(), 8, flash=flash + 10)])
    assert summary.headline == "Passed; nothing got worse"
    words = Page(render(summary)).words
    assert "+0.055 % small" in words
    assert "% worse" not in words


def test_what_failed_and_did_not_run_again_counts_once(store: Store) -> None:
    records = [failed(at(real(), 8), "wrong"), at(real("qemu-stm32"), 10)]
    summary = summary_of(store, records)
    assert summary.headline == "1 failed; 2 in all"
    assert "Last run on 2026-03-09 wrong" in Page(render(summary)).words
    assert "last run on 2026-03-09" in markdown(summary)


def test_a_worse_quality_is_in_the_table(store: Store) -> None:
    summary = summary_of(store, [at(real(), 0), at(real(), 8, accuracy=0.96)])
    assert "0.9600 accuracy ≥ 0.94 -2.0 % worse" in Page(render(summary)).words


def test_what_only_ran_is_not_among_those_that_passed(store: Store) -> None:
    few = [each * 4 for each in range(50)]
    worse = {name: Number(0.5, "1", "exact") for name in ("accuracy", "accuracy_golden")}
    run = at(real(), 0)
    ran = msgspec.structs.replace(run, subset=Subset(200, few), numbers=run.numbers | worse)
    summary = summary_of(store, [ran, at(real("qemu-stm32"), 0)])
    assert summary.headline == "1 passed, 1 only ran; nothing to compare with yet"
