"""``numafit report`` as people meet it: on screens, phones and paper, by keyboard, in the dark."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from numafit import Fleet, HostCell, HostInfo
from tests.browser.conftest import FLAVORS, Open, report

pytestmark = [pytest.mark.browser, pytest.mark.filterwarnings("ignore::DeprecationWarning")]

SCHEMES = pytest.mark.parametrize("scheme", ["light", "dark"])
WIDTHS = pytest.mark.parametrize("width", [1440, 768, 390])
SECONDS = 2.0
OPEN_HOST = "#host-table button.host"

# WCAG's contrast of what each element shows with what is behind it, the least of all
CONTRAST = """([selector, property]) => {
  const channel = (c) => ((c /= 255) <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
  const light = (rgb) => 0.2126 * channel(rgb[0]) + 0.7152 * channel(rgb[1]) + 0.0722 * channel(rgb[2]);
  const numbers = (text) => text.match(/[\\d.]+/g).map(Number);
  const behind = (element) => {
    for (let one = element; one; one = one.parentElement) {
      const color = numbers(getComputedStyle(one).backgroundColor);
      if (color.length < 4 || color[3] > 0) return color;
    }
    return [255, 255, 255];
  };
  const found = Array.from(document.querySelectorAll(selector), (element) => {
    const [a, b] = [numbers(getComputedStyle(element)[property]), behind(element)].map(light).sort((x, y) => y - x);
    return (a + 0.05) / (b + 0.05);
  });
  return [found.length, Math.min(...found)];
}"""  # noqa: E501


def violations(page: Any) -> list[str]:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright")
    found = axe.Axe().run(page).response
    assert found["passes"]
    return [
        f"{one['impact']} {one['id']}: {node['html'][:120]} {node['failureSummary'][:300]}"
        for one in found["violations"]
        for node in one["nodes"]
    ]


@SCHEMES
@WIDTHS
def test_axe_finds_nothing(
    shown: Open, rack: Path, examples: Path, scheme: str, width: int
) -> None:
    for path in (rack, examples):
        page = shown(path, width, color_scheme=scheme).page
        assert violations(page) == []
        page.click(OPEN_HOST)
        assert violations(page) == []


@SCHEMES
def test_charts_and_cpus_can_be_read(shown: Open, examples: Path, scheme: str) -> None:
    for width in (1440, 390):
        page = shown(examples, width, color_scheme=scheme).page
        page.click(OPEN_HOST)
        for what, least in (
            (("svg text", "fill"), 4.5),
            (('svg path[style*="--s"]', "fill"), 3.0),
            ((".core i", "color"), 4.5),
        ):
            number, contrast = page.evaluate(CONTRAST, list(what))
            assert number > 10, what
            assert contrast >= least, what


@WIDTHS
@pytest.mark.parametrize("name", ["rack", "examples", "large"])
def test_nothing_scrolls_sideways(
    shown: Open, request: pytest.FixtureRequest, name: str, width: int
) -> None:
    tab = shown(request.getfixturevalue(name), width)
    wide = "document.documentElement.scrollWidth"
    assert tab.page.evaluate(wide) == width
    tab.page.click(OPEN_HOST)
    assert tab.page.evaluate(wide) == width
    inside = "[(d => [d.scrollWidth, d.clientWidth])(document.querySelector('dialog'))]"
    ((there, room),) = tab.page.evaluate(inside)
    assert there == room
    assert tab.said == []


def test_the_page_asks_for_nothing_and_its_console_is_clean(shown: Open, large: Path) -> None:
    tab = shown(large, offline=True)
    tab.page.click(OPEN_HOST)
    tab.page.keyboard.press("Escape")
    tab.page.select_option("#by-flavor", label="nfv.large")
    tab.page.click("#show-all")
    tab.page.mouse.wheel(0, 5000)
    tab.page.wait_for_timeout(200)
    assert (tab.asked, tab.said) == ([], [])


def test_two_thousand_hosts_are_shown_in_two_seconds(shown: Open, large: Path) -> None:
    """From the request to the first picture of the whole page, as the browser counts."""
    took = []
    for _try in range(3):  # the machine may be busy
        page = shown(large, 390).page
        done = (
            "new Promise(d => requestAnimationFrame(() => setTimeout(() => d(performance.now()))))"
        )
        took.append(page.evaluate(done) / 1000)
        assert page.inner_text("#hosts-status") == "100 of 2,000 hosts shown"
    assert min(took) < SECONDS, took


def hosts_shown(page: Any) -> list[list[str]]:
    rows: list[list[str]] = page.evaluate(
        "Array.from(document.querySelectorAll('#host-table tbody tr'))"
        ".filter(row => row.checkVisibility())"
        ".map(row => Array.from(row.cells, cell => cell.textContent))"
    )
    return rows


def test_tables_sort_by_their_heads(shown: Open, large: Path) -> None:
    page = shown(large).page
    page.click("#host-table thead button:has-text('CPUs free')")
    free = [int(row[2]) for row in hosts_shown(page)]
    assert free == sorted(free, reverse=True)
    head = page.locator("#host-table thead th", has_text="CPUs free")
    assert head.get_attribute("aria-sort") == "descending"
    page.click("#host-table thead button:has-text('CPUs free')")
    least = [int(row[2]) for row in hosts_shown(page)]
    assert least == sorted(least)
    assert least[0] < free[-1]
    assert head.get_attribute("aria-sort") == "ascending"
    page.click("#host-table thead button:has-text('Host')")
    assert page.locator("[aria-sort]").count() == 1
    names = [row[0] for row in hosts_shown(page)]
    assert names == [f"compute-{n:04}" for n in range(100)]
    page.click("#flavors thead button:has-text('In all')")
    counts = page.locator("#flavors tbody td:nth-child(2)").all_inner_texts()
    figures = [int(text.replace(",", "")) for text in counts]
    assert figures == sorted(figures, reverse=True)
    assert figures[0] > 999


def test_hosts_are_filtered_by_name_kind_and_room(shown: Open, large: Path) -> None:
    page = shown(large).page
    data = json.loads(page.text_content("#data"))
    page.fill("#by-name", "UTE-001")
    assert [row[0] for row in hosts_shown(page)] == [f"compute-{n:04}" for n in range(10, 20)]
    assert page.inner_text("#hosts-status") == "10 of 10 hosts shown, 2,000 in all"
    page.select_option("#by-make", index=1)
    assert [row[0] for row in hosts_shown(page)] == [f"compute-{n:04}" for n in (12, 16)]
    page.fill("#by-name", "")
    page.select_option("#by-make", index=0)
    page.select_option("#by-flavor", label="nfv.huge")
    flavor = data["flavors"].index("nfv.huge")
    room = {f"compute-{n:04}": one[flavor] for n, one in enumerate(data["room"]) if one[flavor]}
    assert 0 < len(room) < 100
    assert {row[0]: int(row[7]) for row in hosts_shown(page)} == room
    assert "Room for nfv.huge" in page.inner_text("#host-table thead")
    page.select_option("#by-flavor", index=0)
    assert len(hosts_shown(page)) == 100
    page.click("#show-all")
    assert len(hosts_shown(page)) == 2000
    assert page.evaluate("document.activeElement.textContent") == "compute-0100"


def test_other_tables_are_filtered_by_what_stands_in_them(shown: Open, large: Path) -> None:
    page = shown(large).page
    page.fill("input[data-filter=causes]", "1 gib")
    rows = page.locator("#causes tbody tr:visible").all_inner_texts()
    assert rows
    assert all("1 GiB" in row for row in rows)
    assert page.inner_text("#causes-status").startswith(f"{len(rows)} of ")


def test_the_keyboard_alone_opens_a_host(shown: Open, examples: Path) -> None:
    page = shown(examples).page
    focused = "document.activeElement.textContent.trim()"
    page.keyboard.press("Tab")
    assert page.evaluate(focused) == "Skip to the report"
    assert page.is_visible("a.skip:focus")
    for _press in range(200):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.closest('#host-table tbody') !== null"):
            break
    assert page.evaluate(focused) == "busy-xeon"
    outline = "getComputedStyle(document.activeElement).outlineStyle"
    assert page.evaluate(outline) == "solid"
    page.keyboard.press("Enter")
    assert page.inner_text("dialog h2") == "busy-xeon"
    assert page.evaluate("document.querySelector('dialog').contains(document.activeElement)")
    page.keyboard.press("Escape")
    assert not page.is_visible("dialog")
    assert page.evaluate(focused) == "busy-xeon"
    page.keyboard.press("Enter")
    page.keyboard.press("Enter")  # on Close
    assert not page.is_visible("dialog")


def test_a_host_is_drawn_as_it_is(shown: Open, examples: Path) -> None:
    """examples/planning/busy-xeon.yaml, read by hand."""
    page = shown(examples).page
    page.click(OPEN_HOST)
    cells = page.locator("dialog .cell").all_inner_texts()
    assert len(cells) == 2
    of = {
        kind: page.locator(f"dialog .cell:first-child .{kind}").all_inner_texts()
        for kind in ("k-pinned", "k0", "k1", "core")
    }
    pinned = ["1", "17", "2", "18", "3", "19", "4", "20", "5", "21", "6", "22"]
    # the first core is the host's own
    assert (of["k-pinned"], of["k0"], of["k1"]) == (pinned, ["7", "23"], [])
    assert [text.split() for text in of["core"]] == [[f"{n}", f"{n + 16}"] for n in range(1, 8)]
    label = page.locator("dialog .cores").first.get_attribute("aria-label")
    assert label == "CPUs: 12 pinned, 2 free"
    for line in (
        "memory: 28 GiB of 64 GiB in use",
        "pages of 4 KiB: 0 of 8,388,608 in use",
        "pages of 1 GiB: 28 of 32 in use",
        "near provider",
    ):
        assert line in cells[0].splitlines()
    assert page.locator("dialog .legend li").all_inner_texts() == [
        "pinned",
        "dedicated, free",
    ]
    room = page.locator("dialog table").first.locator("tbody tr").count()
    assert room == 12
    # a name in the tables of refusals opens the same
    page.keyboard.press("Escape")
    page.click("#refusals button.host:has-text('epyc-nps4') >> nth=0")
    assert page.inner_text("dialog h2") == "epyc-nps4"
    assert page.locator("dialog .cell").count() == 8


@WIDTHS
def test_long_names_break_and_push_nothing_aside(shown: Open, tmp_path: Path, width: int) -> None:
    hosts, flavors = tmp_path / "hosts.npz", tmp_path / "flavors.json"
    cell = HostCell(0, (), range(8), 4096, physnets=["n" * 300])
    Fleet([HostInfo([cell], "h" * 300), HostInfo([cell], "short")]).save(hosts)
    specs = {"hw:cpu_policy": "dedicated"}
    entries = [{"name": "f" * 300, "vcpus": n, "ram": 64, "properties": specs} for n in (2, 9)]
    entries[1]["name"] = "g" * 300
    flavors.write_text(json.dumps(entries))
    title = ("--title", "t" * 300)
    page = shown(report(tmp_path / "r.html", flavors, "--fleet", hosts, *title), width).page
    page.select_option("#by-flavor", index=1)
    assert page.evaluate("document.documentElement.scrollWidth") == width
    page.click(OPEN_HOST)
    assert (
        page.evaluate("(d => d.scrollWidth - d.clientWidth)(document.querySelector('dialog'))") == 0
    )


def test_names_are_text_whatever_they_hold(shown: Open, tmp_path: Path) -> None:
    name = "<img src=x onerror=document.title='hit'></script><script>document.title='hit'</script>"
    hosts = tmp_path / "hosts.npz"
    cell = HostCell(0, (), range(8), 4096, physnets=[name])
    Fleet([HostInfo([cell], name), HostInfo([cell], "x", zone=name)]).save(hosts)
    entry = {"name": name, "vcpus": 9, "ram": 64, "properties": {"hw:cpu_policy": "dedicated"}}
    (tmp_path / "flavors.json").write_text(json.dumps([entry]))
    path = report(tmp_path / "r.html", tmp_path / "flavors.json", "--fleet", hosts)
    tab = shown(path, 390)
    page = tab.page
    page.click(OPEN_HOST)
    assert page.inner_text("dialog h2") == name
    assert page.locator("dialog th", has_text=name).count() == 1
    page.keyboard.press("Escape")
    page.select_option("#by-flavor", index=1)
    page.wait_for_timeout(100)
    assert page.title() == "numafit report"
    assert page.locator("img").count() == 0
    assert page.locator("script").count() == 2
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    assert tab.said == []


def test_an_injected_script_would_not_run(shown: Open, rack: Path, tmp_path: Path) -> None:
    """The page's own policy stands behind the escaping."""
    path = tmp_path / "injected.html"
    script = "<script>document.title = 'hit'</script><img src='http://127.0.0.1:9/x'>"
    path.write_text(rack.read_text().replace("<main", f"{script}<main", 1))
    tab = shown(path)
    assert tab.page.title() == "numafit report"
    assert len(tab.said) == 2
    assert all("Content Security Policy" in text for text in tab.said)


def test_without_scripts_all_hosts_are_there(shown: Open, large: Path) -> None:
    page = shown(large, java_script_enabled=False).page
    assert page.locator("#host-table tbody tr").count() == 2000
    assert page.locator("#host-table tbody tr").last.is_visible()
    assert "Scripts are off" in page.inner_text("#hosts")
    assert not page.is_visible("#by-name")


def test_paper_is_white_and_has_no_controls(shown: Open, examples: Path) -> None:
    page = shown(examples, color_scheme="dark").page
    page.emulate_media(media="print", color_scheme="dark")
    style = "getComputedStyle(document.body)"
    assert page.evaluate(f"{style}.backgroundColor") == "rgb(255, 255, 255)"
    for control in ("nav", "#host-filters", "#show-all"):
        assert not page.is_visible(control)
    assert page.is_visible("#host-table")
    assert page.pdf().startswith(b"%PDF")
    page.emulate_media(media="screen")
    page.click(OPEN_HOST)
    page.emulate_media(media="print")
    assert not page.is_visible("main")
    top = "document.querySelector('dialog h2').getBoundingClientRect().top + scrollY"
    assert 0 <= page.evaluate(top) < 100
    page.emulate_media(media="screen")
    page.keyboard.press("Escape")
    page.emulate_media(media="print", color_scheme="dark")
    number, contrast = page.evaluate(CONTRAST, ["svg text", "fill"])
    assert number > 10
    assert contrast >= 4.5


def test_who_wants_little_motion_gets_none(shown: Open, rack: Path) -> None:
    page = shown(rack, reduced_motion="reduce").page
    scroll = "getComputedStyle(document.documentElement).scrollBehavior"
    assert page.evaluate(scroll) == "auto"
    assert page.evaluate("document.getAnimations().length") == 0


@SCHEMES
@WIDTHS
def test_screenshots(shown: Open, examples: Path, rack: Path, scheme: str, width: int) -> None:
    """NUMAFIT_SCREENSHOTS names the folder that keeps them."""
    kept = os.environ.get("NUMAFIT_SCREENSHOTS")
    for path in (examples, rack):
        page = shown(path, width, color_scheme=scheme).page
        name = f"{path.parent.name.rstrip('0123456789')}-{width}-{scheme}"
        pictures = {name: page.screenshot(full_page=True)}
        page.click(OPEN_HOST)
        pictures[f"{name}-host"] = page.screenshot()
        for one, png in pictures.items():
            assert png.startswith(b"\x89PNG")
            if kept:
                Path(kept, f"{one}.png").write_bytes(png)


def test_flavors_of_the_examples_are_those_of_the_page(shown: Open, examples: Path) -> None:
    names = shown(examples).page.locator("#flavors tbody th").all_inner_texts()
    assert names == [one.get("name") or one["Name"] for one in json.loads(FLAVORS.read_text())]
