"""The report in a real browser: drawn, quiet, and there for everybody."""

import shutil

import pytest
from playwright.sync_api import sync_playwright

from mosaik_bottomup import scenario
from mosaik_bottomup.app import world
from mosaik_bottomup.app.report import write_report
from mosaik_bottomup.results import read

FEW = (
    "run.duration_h=3",
    "run.warm_up_h=1",
    "sites.heat_pumps=6",
    "sites.pv_batteries=5",
)
BROWSER = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))),
    None,
)
ALONE = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
DESKTOP = {"width": 1280, "height": 900}
PHONE = {"width": 390, "height": 844}
PAPER_PX = 688
MOST_TABS = 400
MARKS = "path.js-line, path.point, .bars path, .heatmaplayer image, .points path"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(BROWSER is None, reason="no Chromium on the PATH"),
]


@pytest.fixture(scope="module")
def page_file(tmp_path_factory):
    """Write a page about price-only and two limits."""
    folder = tmp_path_factory.mktemp("page")
    base = folder / "base.h5"
    world.run(scenario.load("two_areas", FEW, 1, "price-only"), base)
    peak_percent = read(base).series("transformers", "loading").max(1)
    paths = [base]
    for share in (0.9, 0.8):
        limit = f"grid.loading_limit_percent={(share * peak_percent).tolist()}"
        paths.append(folder / f"two-stage-{share}.h5")
        world.run(scenario.load("two_areas", [*FEW, limit], 1, "two-stage"), paths[-1])
    write_report(paths, folder / "report.html")
    return folder / "report.html"


@pytest.fixture(scope="module")
def browser(page_file):
    # only now: beside playwright's event loop mosaik cannot run its own
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=BROWSER, args=ALONE)
        yield running
        running.close()


@pytest.fixture
def opened(browser, page_file):
    """Return what opens the page, and see to it that it keeps to itself."""
    contexts = []
    complaints = []

    def open_page(viewport=DESKTOP, **settings):
        context = browser.new_context(viewport=viewport, **settings)
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on(
            "request",
            lambda request: (
                request.url.startswith(("file:", "data:", "blob:"))
                or complaints.append(request.url)
            ),
        )
        page.goto(page_file.as_uri())
        page.wait_for_selector("html[data-drawn]", timeout=60_000)
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert complaints == []


def widest(page):
    return page.evaluate("document.documentElement.scrollWidth")


def background(page):
    return page.evaluate("getComputedStyle(document.body).backgroundColor")


def line_colour(page):
    return page.evaluate(
        "getComputedStyle(document.querySelector('#plot-loading .js-line')).stroke"
    )


def drawn(page):
    """Return the marks in each figure, by its name."""
    return page.evaluate(
        """marks => Object.fromEntries([...document.querySelectorAll(".plot")].map(
            plot => [plot.dataset.figure, plot.querySelectorAll(marks).length]))""",
        MARKS,
    )


def test_every_figure_is_drawn_and_nothing_leaves_the_page(opened):
    marks = drawn(opened())

    assert len(marks) >= 9
    assert all(marks.values()), marks


@pytest.mark.parametrize("viewport", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_no_page_is_wider_than_its_window(opened, viewport):
    page = opened(viewport, is_mobile=viewport is PHONE, has_touch=viewport is PHONE)

    assert widest(page) <= viewport["width"]
    assert all(drawn(page).values())


def test_figures_follow_the_window(opened):
    page = opened()

    page.set_viewport_size(PHONE)
    page.wait_for_timeout(800)
    drawn_px = page.evaluate(
        "document.querySelector('#plot-loading .main-svg').clientWidth"
    )

    assert drawn_px <= PHONE["width"]
    assert widest(page) <= PHONE["width"]


def test_dark_is_dark_and_follows_the_system_while_open(opened):
    page = opened(color_scheme="light")
    light = background(page), line_colour(page)

    page.emulate_media(color_scheme="dark")
    page.wait_for_timeout(500)
    dark = background(page), line_colour(page)
    page.emulate_media(color_scheme="light")
    page.wait_for_timeout(500)

    assert light[0] == "rgb(255, 255, 255)"
    assert all(at != before for at, before in zip(dark, light, strict=True))
    assert (background(page), line_colour(page)) == light


def test_the_tab_key_reaches_every_link_and_every_figure(opened):
    page = opened()
    wanted = page.evaluate(
        """[...document.querySelectorAll("nav a, figure, .legend button, .scroll")]
            .filter((at) => at.checkVisibility())
            .map((at, number) => (at.dataset.stop = String(number)))"""
    )

    reached = set()
    for _ in range(MOST_TABS):
        page.keyboard.press("Tab")
        stop = page.evaluate("document.activeElement.dataset.stop ?? null")
        reached.add(stop)
        if reached >= set(wanted):
            break

    assert set(wanted) <= reached


def test_the_first_tab_offers_to_skip_the_links(opened):
    page = opened()

    page.keyboard.press("Tab")
    page.keyboard.press("Enter")

    assert page.evaluate("document.activeElement.id") == "main"


def test_what_has_the_focus_is_seen_to_have_it(opened):
    page = opened()

    page.keyboard.press("Tab")
    page.keyboard.press("Tab")

    outline = "getComputedStyle(document.activeElement).outlineStyle"
    assert page.evaluate(outline) == "solid"


def test_a_legend_hides_and_shows_its_strategy(opened):
    page = opened()
    button = page.locator('.legend button[data-figure="loading"]').first
    before = drawn(page)["loading"]

    button.focus()
    page.keyboard.press("Enter")
    page.wait_for_timeout(200)
    hidden = drawn(page)["loading"]
    pressed = button.get_attribute("aria-pressed")
    page.keyboard.press("Enter")
    page.wait_for_timeout(200)

    assert hidden < before
    assert pressed == "false"
    assert drawn(page)["loading"] == before


def test_on_paper_it_is_light_and_fits(opened):
    page = opened(color_scheme="dark")

    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    page.wait_for_timeout(500)
    widths = page.evaluate(
        "[...document.querySelectorAll('.main-svg')].map(svg => svg.clientWidth)"
    )
    on_paper = background(page), line_colour(page)
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    page.wait_for_timeout(500)

    assert max(widths) <= PAPER_PX
    assert on_paper[0] == "rgb(255, 255, 255)"
    assert background(page) != on_paper[0]
    assert line_colour(page) != on_paper[1]
    assert page.pdf(prefer_css_page_size=True).startswith(b"%PDF")
