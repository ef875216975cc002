"""The report in Chromium: what its script does, and that the page is whole without it."""

import re
import time
from collections.abc import Iterator
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import msgspec
import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser, BrowserContext, Locator, Page, ViewportSize, expect

from harness.board.device_info import DeviceInfo
from harness.report.html_report import render
from harness.report.page import page_script as page_script_module
from harness.report.report_data import summarize
from harness.results.farm.farm_status import ExporterState, FarmStatus, PlaceStatus
from harness.results.record import Record
from harness.results.store.store import Store
from harness.runs.check.check_result import BoardCheck, CheckLine
from tests.support.browser import collect_errors, find_chromium, open_browser
from tests.support.year import year

NIGHTS = 40
HOSTILE = "<img src=x onerror=alert(1)>' \"&lt;\u202e"
ROWS = "#runs tbody tr[data-combination]:visible"
PHONE = ViewportSize(width=390, height=844)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    path = find_chromium()
    if path is None:
        pytest.skip("needs Chromium (Debian: chromium)")
    with open_browser(path) as browser:
        yield browser


def made(records: list[Record], folder: Path, farm: FarmStatus | None = None) -> str:
    """The address of a report on `records`."""
    with Store(f"sqlite:///{folder / 'runs.sqlite'}") as store:
        store.add(*records)
        html = render(replace(summarize(store), farm=farm))
    path = folder / "report.html"
    path.write_text(html, encoding="utf-8")
    return path.as_uri()


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A report on 40 nights; on the last, digits failed on QEMU, on a branch."""
    *records, last = list(year(NIGHTS))
    records = [changed(record) for record in [*records, last]]
    return made(records, tmp_path_factory.mktemp("report"))


def changed(record: Record) -> Record:
    is_last = (record.started, record.model.name) > ("2026-02-09", "digits")
    if (record.target.name, record.model.name) != ("qemu-stm32", "digits") or not is_last:
        return record
    assert record.commit is not None
    commit = msgspec.structs.replace(record.commit, branch="topic")
    return msgspec.structs.replace(
        record, verdict="failed", reasons=["12 bytes differ"], commit=commit
    )


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    context = browser.new_context(viewport={"width": 1280, "height": 900}, locale="en-US")
    context.set_default_timeout(15_000)
    yield context
    context.close()


@pytest.fixture
def page(context: BrowserContext, address: str) -> Iterator[Page]:
    """The report, opened; its script made no error, and nothing broke its policy."""
    page = context.new_page()
    errors = collect_errors(page)
    page.goto(address)
    yield page
    assert errors == []


def cells(page: Page, name: str) -> list[float]:
    """The numbers of a column, from top to bottom."""
    values = page.locator(f'{ROWS} td[data-is="{name}"]')
    return [float(value.get_attribute("data-value") or "nan") for value in values.all()]


def section_of(page: Page, model: str, target: str) -> Locator:
    """The section of a combination."""
    row = page.locator(f'#runs tr[data-model="{model}"][data-target="{target}"]')
    number = row.get_attribute("data-combination")
    return page.locator(f'details.run[data-combination="{number}"]')


def chart_of(page: Page) -> Locator:
    """The chart of the instructions of digits on virtual-stm32, drawn and in view."""
    section = section_of(page, "digits", "virtual-stm32")
    if section.get_attribute("open") is None:
        section.locator("summary").first.click()
    figure = section.locator("figure.trend").first
    figure.scroll_into_view_if_needed()
    expect(figure.locator("canvas")).to_be_visible()
    return figure


def middle(figure: Locator, share: float = 0.5) -> tuple[float, float]:
    """A place in the chart."""
    box = figure.locator(".u-over").bounding_box()
    assert box is not None
    return box["x"] + share * box["width"], box["y"] + box["height"] / 2


def shown_range(figure: Locator) -> str:
    return figure.locator(".chart").get_attribute("aria-description") or ""


def test_a_filter_leaves_its_rows_and_their_sections_and_a_link_keeps_it(
    page: Page, context: BrowserContext
) -> None:
    expect(page.locator(ROWS)).to_have_count(15)
    page.get_by_label("target", exact=True).select_option("virtual-stm32")
    expect(page.locator(ROWS)).to_have_count(5)
    expect(page.locator("details.run:visible")).to_have_count(5)
    expect(page.locator(".filters output")).to_have_text("5 of 15")
    page.get_by_label("model", exact=True).select_option("digits")
    expect(page.locator(ROWS)).to_have_count(1)
    assert page.url.endswith("#target=virtual-stm32&model=digits")
    other = context.new_page()
    other.goto(page.url)
    expect(other.locator(ROWS)).to_have_count(1)
    expect(other.get_by_label("target", exact=True)).to_have_value("virtual-stm32")
    page.get_by_role("button", name="show all").click()
    expect(page.locator(ROWS)).to_have_count(15)
    assert "#" not in page.url


@pytest.mark.parametrize(
    ("field", "value", "count"), [("verdict", "failed", 1), ("branch", "topic", 1)]
)
def test_verdict_and_branch_are_filters(page: Page, field: str, value: str, count: int) -> None:
    page.get_by_label(field, exact=True).select_option(value)
    expect(page.locator(ROWS)).to_have_count(count)
    expect(page.locator(ROWS)).to_contain_text("qemu-stm32")


def test_words_find_rows(page: Page) -> None:
    page.get_by_role("searchbox").fill("VOWELS qemu")
    expect(page.locator(ROWS)).to_have_count(1)
    page.get_by_role("searchbox").fill("no such name")
    expect(page.locator(ROWS)).to_have_count(0)
    expect(page.locator("#runs tr.group:visible")).to_have_count(0)


def test_a_column_sorts_with_the_keyboard_and_says_so(page: Page) -> None:
    own = cells(page, "flash")
    heading = page.locator('#runs th[data-is="flash"]')
    heading.get_by_role("button").focus()
    page.keyboard.press("Enter")
    expect(heading).to_have_attribute("aria-sort", "ascending")
    assert cells(page, "flash") == sorted(own)
    assert page.locator(ROWS).first.locator("th").inner_text().split() == ["nucleo-f429zi", "faces"]
    page.keyboard.press("Enter")
    expect(heading).to_have_attribute("aria-sort", "descending")
    assert cells(page, "flash") == sorted(own, reverse=True)
    assert page.url.endswith("#sort=flash&down=1")
    page.keyboard.press("Enter")
    assert heading.get_attribute("aria-sort") is None
    assert cells(page, "flash") == own


def test_failed_runs_sort_first_and_missing_numbers_last(page: Page) -> None:
    page.locator('#runs th[data-is="verdict"]').get_by_role("button").click()
    expect(page.locator(ROWS).first).to_contain_text("failed")
    for presses in (1, 2):
        page.locator('#runs th[data-is="cycles"]').get_by_role("button").click()
        assert len(cells(page, "cycles")) == 15, presses
        assert page.locator(ROWS).last.locator('[data-is="cycles"]').inner_text() == ""


def test_hovering_a_point_tells_its_value_commit_date_and_cause(page: Page) -> None:
    figure = chart_of(page)
    readout = figure.locator(".readout")
    page.mouse.move(*middle(figure, 0.3))
    expect(readout).to_contain_text(
        re.compile(r"4,379,\d{3}\s+2026-01-1\d 02:00 UTC [0-9a-f]{10} on main")
    )
    # 24 nights of 39 after the first, the instructions rise.
    page.mouse.move(*middle(figure, 24 / 39))
    expect(readout).to_contain_text("2026-01-25 02:00")
    expect(readout).to_contain_text(re.compile(r"4,379,\d{3} → 4,510,\d{3} \(\+3\.0 %\)"))


def test_a_chart_zooms_by_drag_buttons_and_keys(page: Page) -> None:
    figure = chart_of(page)
    whole = shown_range(figure)
    assert whole == "2026-01-01 02:00 to 2026-02-09 02:00 UTC"
    page.mouse.move(*middle(figure, 0.5))
    page.mouse.down()
    page.mouse.move(*middle(figure, 0.75), steps=3)
    page.mouse.up()
    first, last = shown_range(figure).split(" to ")
    assert "2026-01-20" <= first < "2026-01-22"
    assert "2026-01-29" <= last < "2026-02-01"
    assert "run=" not in page.url  # a drag is no click
    figure.get_by_role("button", name="show all").click()
    assert shown_range(figure) == whole
    figure.get_by_role("button", name="zoom in").click()
    assert shown_range(figure) != whole
    figure.locator(".chart").focus()
    page.keyboard.press("0")
    assert shown_range(figure) == whole


def test_a_click_on_a_point_shows_its_run_beside_the_run_before(page: Page) -> None:
    figure = chart_of(page)
    page.mouse.click(*middle(figure, 24 / 39))
    result = page.locator("#compare .result")
    expect(result).to_be_in_viewport()
    heads = result.locator("thead th")
    expect(heads.nth(0)).to_contain_text("2026-01-24 02:00")
    expect(heads.nth(1)).to_contain_text("2026-01-25 02:00")
    row = result.locator("tbody tr", has_text="instructions")
    expect(row.locator("small.no")).to_have_text("+3.0 %")
    expect(result.locator(".causes")).to_contain_text("instructions 4,379")
    assert "#run=20260125T020000-virtual-stm32-digits" in page.url
    page.go_back()
    assert "#run=" not in page.url


def test_a_chart_is_used_with_the_keyboard(page: Page) -> None:
    figure = chart_of(page)
    figure.locator(".chart").focus()
    page.keyboard.press("Home")
    expect(figure.locator(".readout")).to_contain_text("2026-01-01 02:00")
    page.keyboard.press("ArrowRight")
    expect(figure.locator(".readout")).to_contain_text("2026-01-02 02:00")
    page.keyboard.press("Enter")
    expect(page.locator("#compare thead th").nth(1)).to_contain_text("2026-01-02 02:00")


def test_any_two_runs_are_compared(page: Page) -> None:
    page.locator("#compare summary").click()
    left, right = page.get_by_role("group", name="before"), page.get_by_role("group", name="run")
    left.get_by_label("combination").select_option(
        label="vowels on qemu-stm32 · cmsis-nn · gcc -O2"
    )
    right.get_by_label("combination").select_option(
        label="faces on qemu-stm32 · cmsis-nn · gcc -O2"
    )
    right.get_by_label("run", exact=True).select_option(index=NIGHTS - 1)  # the oldest
    row = page.locator("#compare tbody tr", has_text="flash")
    expect(row).to_contain_text("18,208 B")
    assert row.locator("td").all_inner_texts() == ["24,480 B", "18,208 B", "-6,272 B\n-25.6 %"]
    expect(row.locator("small.yes")).to_have_text("-25.6 %")
    page.get_by_role("button", name="swap the two runs").click()
    expect(row.locator("small.no")).to_have_text("+34.4 %")
    page.reload()
    expect(row.locator("small.no")).to_have_text("+34.4 %")


def test_an_old_link_to_a_run_shows_it(page: Page, address: str) -> None:
    run = next(r.id for r in year(NIGHTS) if r.started.startswith("2026-01-08"))
    assert page.locator(f'[id="run-{run}"]').count() == 0
    page.goto(f"{address}#run-{run}")
    expect(page.locator("#compare thead th").nth(1)).to_contain_text("2026-01-08")


def test_a_link_to_a_combination_unfolds_it_although_a_filter_hides_it(page: Page) -> None:
    page.get_by_label("model", exact=True).select_option("vowels")
    section = section_of(page, "digits", "virtual-stm32")
    expect(section).to_be_hidden()
    row = page.locator('#runs tr[data-model="digits"][data-target="virtual-stm32"]')
    link = row.get_by_role("link", name="virtual-stm32", include_hidden=True)
    page.evaluate("hash => location.hash = hash", link.get_attribute("href"))
    expect(section).to_be_visible()
    expect(section).to_have_attribute("open", "")


def test_a_small_trend_leads_to_the_large_one(page: Page) -> None:
    section = section_of(page, "digits", "virtual-stm32")
    page.locator('#runs tr[data-model="digits"][data-target="virtual-stm32"] td.trend').click()
    expect(section).to_have_attribute("open", "")
    expect(section.locator("canvas").first).to_be_in_viewport()


def test_the_colours_follow_the_systems(page: Page) -> None:
    figure = chart_of(page)
    has = """([canvas, r, g, b]) => {
        const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
        for (let i = 0; i < data.length; i += 4)
            if (data[i] === r && data[i + 1] === g && data[i + 2] === b) return true;
        return false;
    }"""
    canvas = figure.locator("canvas").element_handle()
    assert page.evaluate(has, [canvas, 0x2A, 0x6A, 0x99])
    page.emulate_media(color_scheme="dark")
    page.wait_for_function(has, arg=[canvas, 0x74, 0xB4, 0xE0])


def test_a_small_change_looks_small_in_a_chart(page: Page) -> None:
    section = section_of(page, "faces", "virtual-stm32")  # +-0.01 % from night to night
    section.locator("summary").first.click()
    canvas = section.locator("figure.trend canvas").first
    canvas.wait_for()
    rows = page.wait_for_function(
        """([canvas, r, g, b]) => {
        const { width, height } = canvas;
        const { data } = canvas.getContext("2d").getImageData(0, 0, width, height);
        const rows = new Set();
        for (let i = 0; i < data.length; i += 4)
            if (data[i] === r && data[i + 1] === g && data[i + 2] === b)
                rows.add(Math.floor(i / 4 / width));
        return rows.size && { rows: rows.size, height };
    }""",
        arg=[canvas.element_handle(), 0x2A, 0x6A, 0x99],
    ).json_value()
    assert rows["rows"] < rows["height"] / 4


def test_paper_gets_the_figures_without_script(page: Page) -> None:
    figure = chart_of(page)
    picture = figure.locator("svg")
    assert not picture.is_visible()
    page.emulate_media(media="print")
    assert picture.is_visible()
    assert not figure.locator("canvas").is_visible()
    assert not page.locator(".filters").is_visible()


def test_on_a_phone_nothing_is_wider_than_the_screen_and_a_finger_shows_a_point(
    browser: Browser, address: str
) -> None:
    context = browser.new_context(viewport=PHONE, has_touch=True, is_mobile=True)
    page = context.new_page()
    errors = collect_errors(page)
    page.goto(f"{address}#model=digits")
    page.get_by_label("sort by").select_option("flash ▼")
    assert page.url.endswith("#model=digits&sort=flash&down=1")
    expect(page.locator(ROWS)).to_have_count(3)
    figure = chart_of(page)
    page.touchscreen.tap(*middle(figure, 0.3))
    readout = figure.locator(".readout")
    expect(readout).to_contain_text(re.compile("2026-01-1[23]"))
    assert "run=" not in page.url
    readout.get_by_role("link").first.tap()
    expect(page.locator("#compare .result")).to_be_in_viewport()
    assert page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]
    assert errors == []
    context.close()


def test_without_script_the_page_is_whole(browser: Browser, address: str) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(address)
    expect(page.locator(ROWS)).to_have_count(15)
    assert page.locator("#runs td.trend svg").first.is_visible()
    for made_by_script in (".filters", "#compare", ".chart", "button"):
        assert page.locator(made_by_script).count() == 0
    page.locator("details.run").last.locator("summary").first.click()
    figure = page.locator("details.run").last.locator("figure svg").first
    assert figure.locator("use").count() == 1  # the line of the table of newest runs
    drawn = np.asarray(Image.open(BytesIO(figure.screenshot())).convert("L"))
    assert 0.001 < (drawn < 200).mean() < 0.2  # a line, and no area
    context.close()


def test_hostile_names_are_text(context: BrowserContext, tmp_path: Path) -> None:
    records = [
        msgspec.structs.replace(
            record,
            target=msgspec.structs.replace(record.target, name=f"{record.target.name} {HOSTILE}"),
            model=msgspec.structs.replace(record.model, name=f"{record.model.name} {HOSTILE}"),
            image=msgspec.structs.replace(record.image, build_id="0" * 32),
            device=DeviceInfo(place="A" * 300 + record.started, chip_id=f"{HOSTILE} {night}" * 5)
            if record.target.name == "nucleo-f429zi"
            else None,
        )
        for night, record in enumerate(year(12))
    ]
    page = context.new_page()
    errors = collect_errors(page)
    page.goto(made(records, tmp_path))
    expect(page.locator("#boards")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") == 1280
    choice = page.get_by_label("model", exact=True)
    assert HOSTILE.replace("\u202e", "⟨202E⟩") in choice.inner_text()
    choice.select_option(index=2)
    expect(page.locator(ROWS)).to_have_count(3)
    page.reload()
    expect(page.locator(ROWS)).to_have_count(3)
    section = page.locator("details.run:visible").first
    section.locator("summary").first.click()
    section.locator("canvas").first.wait_for()
    page.locator("#compare summary").click()
    expect(page.locator("#compare .result")).to_contain_text("<img src=x onerror=alert(1)>")
    assert page.locator("img").count() == 0
    assert errors == []


def test_long_texts_of_boards_do_not_widen_the_page(
    context: BrowserContext, tmp_path: Path
) -> None:
    long, time = "A" * 3000, "2026-03-01T02:00:00+00:00"
    wrong = CheckLine(HOSTILE * 9, False, long, remedy=long)
    check = BoardCheck(long, long, False, time, 3.0, long, "0.1", [wrong])
    place = PlaceStatus(
        name=long,
        tags={long: long},
        holder=long,
        changed=time,
        exporters=[ExporterState(long, True, [long])],
        health=check,
    )
    page = context.new_page()
    page.goto(made(list(year(1)), tmp_path, FarmStatus(long, time, [place])))
    expect(page.locator("#farm")).to_contain_text("⟨202E⟩")
    assert page.evaluate("document.documentElement.scrollWidth") == 1280
    page.set_viewport_size(PHONE)
    assert page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]


def test_a_link_to_a_run_that_the_report_does_not_have_says_so(page: Page, address: str) -> None:
    page.goto(f"{address}#run=20250101T020000-gone")
    said = page.locator("#compare .result p")
    expect(said).to_contain_text("does not have the run 20250101T020000-gone")
    page.get_by_role("group", name="run").get_by_label("run", exact=True).select_option(index=1)
    expect(said).to_have_count(0)


@pytest.mark.parametrize("hash_", ["#=", "#%", "#run=nothing", "#sort=nothing&model=x"])
def test_an_address_that_means_nothing_breaks_nothing(page: Page, address: str, hash_: str) -> None:
    page.goto("about:blank")
    page.goto(address + hash_)
    expect(page.locator(".filters output")).to_be_visible()


def test_one_run_has_nothing_to_sort_or_compare(context: BrowserContext, tmp_path: Path) -> None:
    page = context.new_page()
    errors = collect_errors(page)
    page.goto(made(list(year(1))[:1], tmp_path))
    expect(page.locator(ROWS)).to_have_count(1)
    assert page.locator(".filters, #compare, button").count() == 0
    assert errors == []


def test_without_the_library_the_page_keeps_its_figures_and_says_so(
    context: BrowserContext, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = page_script_module._read

    def read_own(name: str) -> str:
        if name.startswith("library/"):
            raise FileNotFoundError(name)
        return read(name)

    monkeypatch.setattr(page_script_module, "_read", read_own)
    page_script_module.page_script.cache_clear()
    page = context.new_page()
    errors = collect_errors(page)
    try:
        page.goto(made(list(year(3)), tmp_path))
    finally:
        page_script_module.page_script.cache_clear()
    expect(page.locator("footer")).to_contain_text("Install harness again")
    page.get_by_label("model", exact=True).select_option("digits")
    section = page.locator("details.run:visible").first
    section.locator("summary").first.click()
    assert section.locator("figure svg").first.is_visible()
    assert errors == []


def test_a_browser_that_cannot_decompress_keeps_the_figures(
    context: BrowserContext, address: str
) -> None:
    context.add_init_script("delete window.DecompressionStream")  # before 2023
    page = context.new_page()
    errors = collect_errors(page)
    page.goto(address)
    page.get_by_label("target", exact=True).select_option("qemu-stm32")
    expect(page.locator(".filters output")).to_have_text("5 of 15")
    section = page.locator("details.run:visible").last
    section.locator("summary").first.click()
    assert section.locator("figure svg").first.is_visible()
    assert errors == []


def test_the_report_of_a_year_opens(
    context: BrowserContext, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = context.new_page()
    errors = collect_errors(page)
    start = time.perf_counter()
    page.goto(made(list(year()), tmp_path))
    page.locator(".filters output").wait_for()
    timing = "performance.getEntriesByType('navigation')[0].loadEventEnd"
    milliseconds = page.evaluate(timing)
    size = (tmp_path / "report.html").stat().st_size
    figure = chart_of(page)
    x, y = middle(figure, 219 / 364)
    page.mouse.move(x - 4, y)  # a night is 3 pixels; the cursor snaps to the change
    expect(figure.locator(".readout")).to_contain_text("(+3.0 %)")
    page.mouse.click(x - 4, y)
    expect(page.locator("#compare thead th").nth(1)).to_contain_text("2026-08-08")
    with capsys.disabled():
        print(
            f"\nthe report of a year: {size / 1e6:.2f} MB, opens in {milliseconds:.0f} ms, "
            f"with making it in {time.perf_counter() - start:.1f} s"
        )
    assert size < 600_000
    assert errors == []
