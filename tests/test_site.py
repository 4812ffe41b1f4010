"""The built site, opened from disk in a browser that has no network."""

import re
from collections import Counter
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[1]
TOC = yaml.safe_load((ROOT / "_toc.yml").read_text())
PAGES = [TOC["root"], *(chapter["file"] for part in TOC["parts"] for chapter in part["chapters"])]
CHAPTERS = [page for page in PAGES if re.search(r"/\d\d-", page)]
FIELDS = "book/01-convolution/receptive-fields"
METRICS = "book/04-segmentation/metrics-and-losses"
PHONE = {"width": 390, "height": 844}
DESK = {"width": 1280, "height": 900}

pytestmark = [pytest.mark.site, pytest.mark.browser]


@pytest.fixture
def visit(browser, site):
    """Opens pages of the site offline; at the end nothing may have been asked of the network, failed or complained."""
    contexts, complaints = [], []

    def open_page(name, viewport=DESK, theme="light", query="", **options):
        context = browser.new_context(viewport=viewport, color_scheme=theme, offline=True, **options)
        contexts.append(context)
        page = context.new_page()
        page.on("request", lambda r: r.url.startswith(("file:", "blob:", "data:")) or complaints.append(r.url))
        page.on("requestfailed", lambda r: complaints.append(f"failed: {r.url}"))
        page.on("pageerror", lambda error: complaints.append(f"error: {error}"))
        page.on("console", lambda m: m.type in ("error", "warning") and complaints.append(f"{m.type}: {m.text}"))
        page.goto(f"{(site / name).with_suffix('.html').as_uri()}{query}", wait_until="load")
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert complaints == []


def wait_for_mathematics(page):
    page.wait_for_function("!window.MathJax || MathJax.startup?.promise && MathJax.startup.promise.then(() => true)")


@pytest.mark.parametrize(
    ("viewport", "themes"), [(DESK, ("light", "dark")), (PHONE, ("dark", "light"))], ids=["desk", "phone"]
)
@pytest.mark.parametrize("name", PAGES)
def test_every_page_loads_without_network_complaint_or_sideways_scrolling(visit, name, viewport, themes):
    page = visit(name, viewport, themes[0])
    wait_for_mathematics(page)
    assert page.locator("article h1").is_visible()
    for theme in themes:  # the second is what the reader's system changes to while the page is open
        page.emulate_media(color_scheme=theme)
        page.wait_for_function("theme => document.documentElement.dataset.theme === theme", arg=theme)
        assert page.evaluate("document.documentElement.scrollWidth") <= viewport["width"]


def test_no_page_or_style_sheet_names_a_file_on_another_machine(site):
    loads = re.compile(
        r"""<(?:script|img|iframe|source|audio|video)\b[^>]*\bsrc=["'](?:https?:)?//[^"']+"""
        r"""|<link\b(?![^>]*rel=["'](?:canonical|author))[^>]*\bhref=["'](?:https?:)?//[^"']+"""
        r"""|(?:@import\s+|url\()["']?(?:https?:)?//[^"')]+"""
    )
    found = [
        (path.relative_to(site).as_posix(), match)
        for ending in ("*.html", "*.css")
        for path in site.rglob(ending)
        for match in loads.findall(path.read_text())
    ]
    assert found == []


def test_no_page_shows_an_address_in_memory(site):
    found = {path.stem: re.findall(r"\bat 0x[0-9a-f]{6,}", path.read_text()) for path in site.rglob("book/**/*.html")}
    assert {name: shown for name, shown in found.items() if shown} == {}


@pytest.mark.parametrize("name", CHAPTERS)
def test_mathematics_is_typeset(visit, name):
    page = visit(name)
    page.wait_for_selector("mjx-container")
    wait_for_mathematics(page)
    formulas, typeset, broken = page.evaluate(
        """() => [".math", "mjx-container", "mjx-container [data-mjx-error], mjx-merror"]
            .map((selector) => document.querySelectorAll(selector).length)"""
    )
    assert typeset >= formulas > 10
    assert broken == 0


@pytest.mark.parametrize("name", PAGES)
def test_every_id_is_used_once_and_every_figure_says_what_it_shows(visit, name):
    page = visit(name)
    ids = page.evaluate("[...document.querySelectorAll('[id]')].map((element) => element.id)")
    # The theme keeps one search field for each place where it may stand, all with the same ids.
    assert [i for i, n in Counter(ids).items() if n > 1 and "search" not in i and "dialog" not in i] == []
    labels = page.eval_on_selector_all(
        ".pw-figure svg", "all => all.map((svg) => [svg.getAttribute('role'), svg.getAttribute('aria-label')])"
    )
    assert all(role == "img" and len(label) > 30 for role, label in labels)
    assert len(labels) >= (3 if name in CHAPTERS else 0)


@pytest.mark.parametrize("name", PAGES)
def test_texts_of_figures_can_be_read_on_a_phone_and_do_not_collide(visit, name):
    page = visit(name, {"width": 360, "height": 800}, is_mobile=True, has_touch=True)
    page.evaluate("document.fonts.ready")
    # Left out: indices and powers, smaller than their text; mathematics, in pieces that overlap; and what is turned.
    small, outside, colliding = page.evaluate(
        """() => {
            const small = [], outside = [], colliding = [];
            document.querySelectorAll(".pw-figure svg").forEach((svg, figure) => {
                const boxes = [];
                for (const text of svg.querySelectorAll("text")) {
                    const said = text.textContent.trim(), matrix = text.getScreenCTM();
                    const style = text.getAttribute("style") || "";
                    if (!said || !style.includes("max(") || Math.abs(matrix.b) > 1e-6) continue;
                    const box = text.getBoundingClientRect();
                    if (parseFloat(getComputedStyle(text).fontSize) * matrix.a < 8.99) small.push([figure + 1, said]);
                    if (box.left < 0 || box.right > innerWidth) outside.push([figure + 1, said]);
                    if (!text.querySelector("tspan")) boxes.push([said, box]);
                }
                boxes.forEach(([said, a], i) => boxes.slice(i + 1).forEach(([other, b]) => {
                    const across = Math.min(a.right, b.right) - Math.max(a.left, b.left);
                    const down = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
                    // A line of text is higher than its letters.
                    if (across > 1 && down > 0.3 * Math.min(a.height, b.height)) {
                        colliding.push([figure + 1, said, other]);
                    }
                }));
            });
            return [small, outside, colliding];
        }"""
    )
    assert (small, outside, colliding) == ([], [], [])


def test_a_figure_follows_the_theme_switch(visit):
    page = visit(FIELDS)
    ink = "getComputedStyle(document.querySelector('.pw-figure svg text')).fill"
    light = page.evaluate(ink)
    button = page.locator(".theme-switch-button:visible")
    for _ in range(3):
        button.click()
        if page.evaluate("document.documentElement.dataset.theme") == "dark":
            break
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"
    assert page.evaluate(ink) != light


def test_no_line_begins_with_the_full_stop_behind_a_formula(visit):
    page = visit(METRICS, PHONE)
    wait_for_mathematics(page)
    page.wait_for_selector("article span[style*=nowrap] .math")
    apart = page.evaluate(
        """() => [...document.querySelectorAll("article span.math")].flatMap((formula) => {
            const behind = formula.nextSibling;
            if (behind?.nodeType !== Node.TEXT_NODE || !/^[.,;:!?)]/.test(behind.data)) return [];
            const mark = document.createRange();
            mark.setStart(behind, 0);
            mark.setEnd(behind, 1);
            const box = formula.getBoundingClientRect();
            return mark.getBoundingClientRect().left >= box.right - 1 ? [] : [formula.parentElement.textContent];
        })"""
    )
    assert apart == []


def test_a_page_read_in_the_dark_is_printed_light_and_nothing_is_cut_off(visit):
    page = visit(METRICS, {"width": 720, "height": 1000}, "dark")
    wait_for_mathematics(page)
    page.evaluate("addEventListener('beforeprint', () => { window.printed = document.documentElement.dataset.theme; })")
    page.pdf(format="A4")
    assert page.evaluate("window.printed") == "light"
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"
    page.emulate_media(media="print")
    cut = """() => [...document.querySelectorAll(".bd-article pre, .bd-article table")]
        .filter((box) => box.offsetParent && box.scrollWidth > box.clientWidth + 1)
        .map((box) => box.textContent.trim().slice(0, 60))"""
    assert page.evaluate(cut) == []


def test_the_search_finds_a_chapter_from_disk(visit):
    page = visit("search", query="?q=dilation")
    # Results come one after another.
    page.wait_for_selector("#search-results li a:has-text('Receptive fields')")


@pytest.mark.parametrize("name", CHAPTERS)
def test_answers_fold_out(visit, name):
    page = visit(name)
    answers = page.locator(".admonition.check details")
    assert 2 <= answers.count() <= 6
    answers.first.locator("summary").click()
    assert answers.first.locator(".sd-summary-content").is_visible()


# The receptive-field explorer


@pytest.fixture
def explore(visit):
    def open_explorer(**options):
        page = visit(FIELDS, **options)
        explorer = page.locator(".pw-explorer")
        explorer.locator(".pw-rf-map").wait_for()
        wait_for_mathematics(page)  # formulas above move the explorer when they are set
        explorer.locator(".pw-rf-map").scroll_into_view_if_needed()
        return page, explorer

    return open_explorer


def description(explorer):
    return explorer.locator(".pw-rf-say").inner_text()


def point_at(page, explorer, row, column, units):
    box = explorer.locator(".pw-rf-map").bounding_box()
    return box["x"] + (column + 0.5) / units * box["width"], box["y"] + (row + 0.5) / units * box["height"]


def test_the_mouse_chooses_a_unit_and_the_field_is_described(explore):
    page, explorer = explore()
    page.mouse.move(*point_at(page, explorer, 0, 5, units=6))
    assert description(explorer).startswith(
        "Unit (0, 5) of pool5 has a field of 195×195 pixels: rows -64 to 130, columns 96 to 290."
    )
    assert "It reads 17161 of those 38025 positions; 20864 lie outside the image." in description(explorer)


def test_the_keyboard_chooses_units_and_layers(explore):
    page, explorer = explore()
    explorer.locator(".pw-rf-map").focus()
    before = page.evaluate("scrollY")
    page.keyboard.press("ArrowUp")
    page.keyboard.press("ArrowLeft")
    assert description(explorer).startswith("Unit (2, 2) of pool5 ")
    page.keyboard.press("PageUp")
    assert " of conv5 has a field of 163×163 pixels" in description(explorer)
    assert page.evaluate("scrollY") == before
    assert explorer.locator("tr.pw-rf-here").inner_text().startswith("conv5")


def test_every_control_can_be_reached_with_tab(explore):
    page, explorer = explore()
    explorer.get_by_label("Preset stack").focus()
    reached = set()
    for _ in range(60):
        reached.add(page.evaluate("document.activeElement.closest('.pw-explorer') && document.activeElement.tagName"))
        page.keyboard.press("Tab")
    assert {"SELECT", "INPUT", "BUTTON", "svg"} <= reached


def test_a_tap_chooses_a_unit_on_a_phone(explore):
    page, explorer = explore(viewport=PHONE, has_touch=True, is_mobile=True)
    page.touchscreen.tap(*point_at(page, explorer, 1, 4, units=6))
    assert description(explorer).startswith("Unit (1, 4) of pool5 ")


def test_an_edited_window_changes_the_table_and_the_field(explore):
    page, explorer = explore()
    explorer.get_by_label("Preset stack").select_option("three 3×3")
    assert "has a field of 7×7 pixels" in description(explorer)
    page.get_by_label("dilation of conv3").fill("2")
    assert "has a field of 9×9 pixels" in description(explorer)
    last = explorer.locator("tbody tr").last.locator(".pw-rf-number").all_inner_texts()
    assert last == ["13", "9", "1", "1"]
    assert explorer.get_by_label("Preset stack").input_value() == ""


def test_holes_are_drawn_and_counted(explore):
    _, explorer = explore()
    explorer.get_by_label("Preset stack").select_option("dilated 2, 2, 2")
    assert "reads 49 of those 169 positions; 120 are holes between the taps." in description(explorer)
    runs = explorer.locator(".pw-rf-seen").get_attribute("d").count("M")
    assert runs == 49


def test_layers_come_and_go(explore):
    page, explorer = explore()
    explorer.get_by_label("Preset stack").select_option("three 3×3")
    page.get_by_role("button", name="Add a layer").click()
    assert "has a field of 9×9 pixels" in description(explorer)
    for _ in range(3):
        explorer.locator(".pw-rf-remove").first.click()
    assert "has a field of 3×3 pixels" in description(explorer)
    assert explorer.locator(".pw-rf-remove").is_disabled()


def test_a_window_that_does_not_fit_is_reported_and_can_be_mended(explore):
    page, explorer = explore()
    explorer.get_by_label("Preset stack").select_option("three 3×3")
    page.get_by_label("dilation of conv2").fill("9")
    assert "does not fit" in description(explorer)
    page.get_by_label("dilation of conv2").fill("1")
    assert "has a field of 7×7 pixels" in description(explorer)
