"""The page of a report: a storm, a quiet month and ten thousand incidents in a real browser."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from logscan._render import page_data, timeaxis
from logscan._render.page import keystore_words, to_html
from logscan.overviews import Overview
from logscan.values import Report
from support import hostile
from support import storm_reports as storms
from support.browser_pages import open_page, serious
from support.oracles import CHROMIUM, needs
from support.profiles import sampled

pytestmark = needs(CHROMIUM)
MAKERS: dict[str, Callable[[], Report]] = {"storm": storms.storm, "month": storms.month, "many": storms.many}
THREADS = 3


def entries_of(report: Report) -> dict[str, list[str]]:
    """An entry of one message of each of the first incidents."""
    return {
        each.sample_message_ids[0]: [
            f"{each.first_time},000 org:acme env:prod api:{each.proxy} rev:7 messageid:{each.sample_message_ids[0]}"
            f" NIOThread@{number % THREADS} ERROR HTTP.CLIENT - HTTPClient$Context.handshakeFailed() :"
            f" SSLClientChannel[C:{each.targets[0]} Remote host:0.0.0.0:50100]@7 useCount=1 <b>"
        ]
        for number, each in enumerate(report.incidents[:50])
    }


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], tuple[Path, Report]]:
    """A page by the name of what it shows, written when it is first asked for."""
    folder = tmp_path_factory.mktemp("pages")
    made: dict[str, tuple[Path, Report]] = {}

    def page(name: str) -> tuple[Path, Report]:
        if name not in made:
            report = MAKERS[name]()
            path = folder / f"{name}.html"
            path.write_text(to_html(report, "client-certificate", entries_of(report)), encoding="utf-8")
            made[name] = (path, report)
        return made[name]

    return page


Pages = Callable[[str], tuple[Path, Report]]


def number_of(page: Any, key: str) -> int:
    """A key figure."""
    return int(re.sub(r"\D.*", "", page.locator(f"[data-key={key}] .value").inner_text().replace(",", "")))


@pytest.mark.parametrize("name", ["storm", "month", pytest.param("many", marks=pytest.mark.thorough)])
@pytest.mark.parametrize(("width", "scheme"), [(1400, "light"), (400, "dark")])
def test_everything_fits(browser: Any, pages: Pages, name: str, width: int, scheme: str) -> None:
    """Below 2 MB, nothing wider than the screen, no label beyond its chart, nothing said on the console."""
    path, report = pages(name)
    assert path.stat().st_size < 2_000_000
    page, messages = open_page(browser, path, width, color_scheme=scheme)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    if width == 1400:
        assert page.locator("table").bounding_box()["width"] > 1250
    assert page.locator("tr.row").count() == min(50, len(report.incidents))
    beyond = """svg => { const whole = svg.getBoundingClientRect(); return [...svg.querySelectorAll("text")].filter(text => {
      const box = text.getBoundingClientRect();
      return box.left < whole.left - 1 || box.right > whole.right + 1 || box.top < whole.top - 1 }).map(t => t.textContent) }"""
    assert page.locator("svg.bars").evaluate(beyond) == []
    # Alerts, numbers and times stand on one line each.
    folded = "cells => cells.filter(cell => getComputedStyle(cell).whiteSpace !== 'nowrap').length"
    assert page.locator("td.whole, td.number, .figures .value, .much").evaluate_all(folded) == 0
    assert "UTC" in page.locator("header").inner_text()
    page.close()
    assert messages == []


def test_a_storm(browser: Any, pages: Pages) -> None:
    """Bars of seconds, states that tell rows apart, names that may have another cause in a group below."""
    path, report = pages("storm")
    page, _ = open_page(browser, path, 1400)
    overview = report.overview
    assert f"{overview.failed:,} failed handshakes in 1,393 incidents" in page.locator("h1").inner_text()
    assert page.locator("#barwords").inner_text() == "10 seconds a bar"
    states = set(page.locator("tr.row .state").all_inner_texts())
    assert "still at the end of the log" in states
    over = states - {"still at the end of the log"}
    assert len(over) > 5
    assert [text for text in over if not re.fullmatch(r"over since 03:[23]\d:\d\d", text)] == []
    assert page.locator("svg.bars .mark").count() == 2
    assert page.locator("tr.group").count() == 0  # the first page has none of them
    for _ in range(27):
        page.locator("#next").click()
    assert page.locator("tr.group").inner_text().startswith("Possibly a refused client certificate")
    alerts = page.locator("tr.group ~ tr.row td:nth-child(2)").all_inner_texts()
    assert set(alerts) == {"handshake_failure"}
    page.close()


def test_panels_and_table_act_on_each_other(browser: Any, pages: Pages) -> None:
    """A click selects for figures, bars, panels and table; the address keeps it; one click clears it."""
    path, report = pages("storm")
    page, messages = open_page(browser, path, 1400)
    before = number_of(page, "failed")
    page.locator("[data-panel=host] button", has_text="mp04").click()
    chosen = [each for each in report.incidents if "mp04" in each.hosts]
    assert page.locator("#shown").inner_text().startswith(f"{len(chosen)} of 1,500 selected")
    failed = sum(each.failed_handshakes for each in chosen if not each.is_ambiguous)
    assert number_of(page, "failed") == failed < before
    # In its own panel the other values stay; an incident with both hosts counts for each.
    assert page.locator("[data-panel=host] .what").all_inner_texts() == ["mp03", "mp04"]
    assert page.locator("[data-panel=host] .much").all_inner_texts()[1].startswith("≤ ")
    page.locator("[data-panel=alert] button", has_text="certificate_required").click()
    assert set(page.locator("tr.row td:nth-child(2)").all_inner_texts()) == {"certificate_required"}
    assert page.locator(".legend li").all_inner_texts() == ["certificate_required"]
    shown = page.locator("#shown").inner_text()
    assert page.evaluate("location.hash") == "#host=mp04&alert=certificate_required"
    page.reload()
    assert page.locator("#shown").inner_text() == shown
    page.locator("#clear").click()
    assert number_of(page, "failed") == before
    assert page.evaluate("location.hash") == ""
    page.close()
    assert messages == []


def test_a_time_is_selected_by_dragging(browser: Any, pages: Pages) -> None:
    """Bars of that time only, finer ones where they are known; arrow keys show values, too."""
    path, _ = pages("storm")
    page, messages = open_page(browser, path, 1400)
    before = number_of(page, "failed")
    page.locator("svg.bars").scroll_into_view_if_needed()
    box = page.locator("svg.bars").bounding_box()
    page.mouse.move(box["x"] + 400, box["y"] + 120)
    assert "bad_certificate" in page.locator("#tip").inner_text()
    page.mouse.down()
    page.mouse.move(box["x"] + 600, box["y"] + 120, steps=3)
    page.mouse.up()
    assert "time=2026-11-23+03" in page.evaluate("location.hash")
    assert 0 < number_of(page, "failed") < before / 2
    page.locator("svg.bars").focus()
    page.keyboard.press("ArrowRight")
    assert page.locator("#tip").is_visible()
    page.locator("#clear").click()
    assert number_of(page, "failed") == before
    page.close()
    assert messages == []


def test_a_link_opens_its_row(browser: Any, pages: Pages) -> None:
    """On whichever page of the table it stands, by an id that other reports give it, too."""
    path, report = pages("storm")
    incident = report.incidents[777]
    page, _ = open_page(browser, path, 1000)
    page.goto(path.as_uri() + f"#i3-{page_data.row_id(incident)}")
    page.reload()
    row = page.locator("tr.row.target")
    assert row.locator("button").inner_text() == incident.proxy
    assert "payments-key" in page.locator("tr.detail").inner_text()
    box = row.bounding_box()
    assert 0 <= box["y"] < 900
    page.close()


def test_what_is_selected_can_be_downloaded(browser: Any, pages: Pages) -> None:
    """As CSV without formulas, and as JSON; all pages of the table, in its order."""
    path, report = pages("storm")
    page, _ = open_page(browser, path, 1000)
    page.goto(path.as_uri() + "#target=10.0.45.17%3A443")
    page.reload()
    chosen = [each for each in report.incidents if "10.0.45.17:443" in each.targets]
    with page.expect_download() as started:
        page.locator("#csv").click()
    header, *rows = hostile.check_csv(Path(started.value.path()).read_bytes())
    assert sorted(row[header.index("proxy")] for row in rows) == sorted(each.proxy or "" for each in chosen)
    with page.expect_download() as started:
        page.locator("#json").click()
    kept = json.loads(Path(started.value.path()).read_bytes())
    assert kept["selection"] == {"target": "10.0.45.17:443"}
    assert {each["failed_handshakes"] for each in kept["incidents"]} == {
        each.failed_handshakes for each in chosen
    }
    assert kept["incidents"][0]["first_time"].startswith("2026-11-23 03:1")
    page.close()


def test_entries_of_the_same_thread_and_backend(browser: Any, pages: Pages) -> None:
    """A click away, as text."""
    path, _ = pages("storm")
    page, _ = open_page(browser, path, 1000)
    page.locator("td.name button").first.click()
    buttons = page.locator(".related button")
    assert re.fullmatch(r"\d+ other entries of the same thread, NIOThread@\d", buttons.first.inner_text())
    assert "of the same backend, 10.0.45.15:443" in buttons.nth(1).inner_text()
    buttons.first.click()
    assert "<b>" in page.locator(".related pre:visible").first.inner_text()
    page.close()


@pytest.mark.parametrize("name", ["storm", "month"])
def test_without_scripts_it_says_the_same(browser: Any, pages: Pages, name: str) -> None:
    """Summary, bars, panels and the first rows are there for a mail program; the script changes none of it."""
    texts = []
    for scripts in (False, True):
        page, _ = open_page(browser, pages(name)[0], 1400, java_script_enabled=scripts)
        texts.append({
            what: page.locator(what).all_inner_texts()
            for what in ("h1", ".figures dd", ".figures dt", ".panel .what", ".panel .much", "tr.row td", ".legend li", "#barwords")
        } | {"bars": page.locator("svg.bars").get_attribute("aria-label")}
          | {"sparks": [each.get_attribute("aria-label") for each in page.locator("svg.spark").all()]})  # fmt: skip
        if not scripts:
            assert page.locator("tr.detail").first.is_visible()
            assert not page.locator("#filter").is_visible()
        page.close()
    assert texts[0] == texts[1]


def test_an_old_line_does_not_press_a_month_flat(browser: Any, pages: Pages) -> None:
    """The axis is cut; the hours of the days are there."""
    page, _ = open_page(browser, pages("month")[0], 1400)
    assert page.locator("svg.bars .cut").count() == 1
    assert page.locator("#barwords").inner_text() == "6 hours a bar"
    labels = page.locator("svg.bars .tick").all_inner_texts()
    assert {"2017-10-23", "2026-10-26"} <= set(
        page.locator("svg.bars text").evaluate_all("all => all.map(t => t.textContent)")
    ), labels
    assert page.locator("svg.heat rect").count() == 7 * 24
    page.close()


@pytest.mark.thorough
def test_ten_thousand(browser: Any, pages: Pages) -> None:
    """Each of them can be found; only fifty are drawn."""
    path, report = pages("many")
    page, messages = open_page(browser, path, 1400)
    assert page.evaluate("document.querySelectorAll('*').length") < 3_000
    last = report.incidents[-1]
    page.locator("#filter").fill(last.sample_message_ids[2])
    page.locator("#shown:text-is('1 of 10,000 selected')").wait_for(timeout=10_000)
    assert page.locator("td.name button").inner_text() == last.proxy
    page.close()
    assert messages == []


@pytest.mark.parametrize("scheme", sampled(["light", "dark"], 2))
def test_a_storm_is_accessible(browser: Any, pages: Pages, scheme: str) -> None:
    """Nothing serious by axe's rules, with a selection and a row opened."""
    page, _ = open_page(browser, pages("storm")[0], 1400, color_scheme=scheme, bypass_csp=True)
    page.locator("[data-panel=host] button").first.click()
    page.locator("td.name button").first.click()
    assert serious(page) == []
    page.close()


def test_print(browser: Any, pages: Pages) -> None:
    """Colours stay, controls go, details only where a row is open; few pages of paper."""
    page, _ = open_page(browser, pages("storm")[0], 1000, color_scheme="dark")
    page.locator("td.name button").first.click()
    page.emulate_media(media="print")
    for control in ("#filter", ".pager", "#csv"):
        assert not page.locator(control).is_visible()
    assert page.locator("tr.detail").count() == 1
    assert page.locator(".legend span").first.evaluate("e => getComputedStyle(e).printColorAdjust") == "exact"
    assert page.locator("body").evaluate("e => getComputedStyle(e).backgroundColor") == "rgb(255, 255, 255)"
    assert page.pdf().count(b"/Type /Page\n") <= 6
    page.close()


def test_a_small_page_gives_up_details_before_rows() -> None:
    """First lists and timelines of the small ones; then rows, which are counted."""
    report = storms.storm(900, 2)
    sizes = (200_000, 60_000, 12_000)
    made = [page_data.encode(report, {}, {}, size) for size in sizes]
    assert [len(each.text) <= size for each, size in zip(made, sizes, strict=True)] == [True] * 3
    assert made[0].rows == 900
    assert 0 < made[2].rows < 900
    assert made[2].cut


def test_without_an_overview() -> None:
    """Whoever has only incidents gets a page of them, with times as they are and no word of the log's end."""
    report = storms.month(stray=False)._replace(overview=Overview(""))
    text = to_html(report, "bad_certificate", {})
    assert "times as in the log" in text
    assert "end of the log" not in text.partition("<script")[0].partition("<body")[2]
    assert "last 11-23 03:25" in text


def test_all_alerts_are_counted_together() -> None:
    """Whoever asks for all of them has no doubtful ones; one who asks for client certificates has."""
    report = storms.storm(20)
    asked = report._replace(overview=replace(report.overview, what="TLS", failed=0, possible=0))
    failed = sum(each.failed_handshakes for each in report.incidents)
    text = to_html(asked, "TLS", {})
    assert f"TLS: {failed:,} failed handshakes in 20 incidents" in text
    assert "Possibly" not in text.partition("</style>")[2].partition("<script")[0]
    assert "Possibly a refused client certificate" in to_html(report, "client-certificate", {})


def test_spans_of_time() -> None:
    """From a second to days, 60 to 120 where the failures are known that finely; nothing is lost or doubled."""
    for seconds, words in (
        (90, "a second"),
        (1_200, "10 seconds"),
        (5_400, "a minute"),
        (86_400, "15 minutes"),
        (29 * 86_400, "6 hours"),
    ):
        points = [timeaxis.Counted(1_000_000 + at * seconds // 500, 1, 2) for at in range(500)]
        axis = timeaxis.axis_for(points)
        assert axis.words == words
        assert 60 <= axis.number <= 121
        assert sum(axis.counts(points)) == pytest.approx(1_000)
    # Known by the hour: no finer bars, and a longer span is spread.
    hours = [timeaxis.Counted(at * 3600, 3600, 6) for at in range(5)]
    assert timeaxis.axis_for(hours).width == 3600
    assert timeaxis.Axis(600, (timeaxis.Piece(0, 6),)).counts(hours) == [1.0] * 6


def test_cuts() -> None:
    """One or two gaps that are nearly all; never the nights of a month."""

    def pieces(*starts: int) -> int:
        return len(timeaxis.axis_for([timeaxis.Counted(start, 60, 1) for start in starts]).pieces)

    day, year = 86_400, 365 * 86_400
    assert pieces(0, 9 * year, *(9 * year + at * 3600 for at in range(48))) == 2
    assert pieces(0, 4 * year, 9 * year, *(9 * year + at * 3600 for at in range(1, 48))) == 3
    assert pieces(*(night * day for night in range(29))) == 1


def test_keystores_by_identity_only_where_it_differs() -> None:
    """One keystore is one; of two, each is named: one of them is the old one."""
    one = storms.incident([datetime(2026, 11, 23)], 1)
    two = storms.incident(
        [datetime(2026, 11, 23)], 1, keystores=("java.security.KeyStore@1", "java.security.KeyStore@2")
    )
    none = storms.incident([datetime(2026, 11, 23)], 1, keystores=("null",), key_aliases=("null",))
    assert keystore_words(one) == "one keystore, alias payments-key"
    assert keystore_words(two) == "KeyStore@1, KeyStore@2, alias payments-key"
    assert keystore_words(none) == "none is configured"


def test_states() -> None:
    """By the end of the log, and by how often it failed before."""
    end = datetime(2026, 11, 23, 12)

    def state(*minutes_before: int) -> str:
        times = [end - timedelta(minutes=minutes) for minutes in minutes_before]
        return page_data.state_of(
            storms.incident(times, 1), storms.report_of([storms.incident(times, 1)], end)
        )

    assert state(2, 1) == state(80, 60, 40, 20) == page_data.STILL
    assert state(30, 29, 28) == state(50_000, 90) == page_data.OVER
