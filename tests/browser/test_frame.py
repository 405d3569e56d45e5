"""What surrounds the text of each page: the menu, the themes, and what is printed."""

import pytest

LESSON = "lessons/04_attention/04_attention_maps.html"
# A front page, a lesson, a notebook, an exercise, a reference.
PAGES = (
    "index.html",
    LESSON,
    "book/tour.html",
    "exercises/04_attention.html",
    "reference/attention.html",
)
PAPER = 718  # A4 without its margins, in pixels
LINKS = "all => all.map((link) => link.href.split('#')[0] || link.href)"


def colours(page, selector="body"):
    return page.locator(selector).first.evaluate(
        "(it) => [getComputedStyle(it).backgroundColor, getComputedStyle(it).color]"
    )


@pytest.mark.parametrize(
    ("name", "width"),
    [
        *((LESSON, width) for width in (390, 900, 1280)),
        *(("index.html", width) for width in (390, 1280)),
        ("404.html", 390),
    ],
)
def test_every_page_has_the_whole_menu_at_every_width(site, open_page, name, width):
    page = open_page(url=f"{site}/{name}", width=width, height=800)
    menu, button = page.locator("#menu"), page.locator(".open-menu")
    if width == 390:
        assert menu.is_hidden()
        button.click()
        box = menu.bounding_box()
        assert box["x"] == 0
        assert 240 < box["width"] <= 0.9 * width
        assert box["height"] >= 800
    else:
        assert button.is_hidden()
    assert menu.is_visible()
    titles = menu.locator("a:visible").all_text_contents()
    assert len(titles) > 20, titles
    # A chapter opens, and has its lessons.
    closed = menu.locator("details:not([open])").first
    summary = closed.locator("summary").element_handle()
    summary.click()
    opened = menu.locator("a:visible").count()
    assert opened >= len(titles) + 5
    links = set(menu.locator("a").evaluate_all(LINKS))
    assert len(links) > 60
    if width == 390:
        page.keyboard.press("Escape")
        assert menu.is_hidden()
        assert button.evaluate("(it) => it === document.activeElement")
        # A touch beside it closes it, too.
        button.click()
        page.mouse.click(380, 700)
        assert menu.is_hidden()
    if name != "404.html":  # whose links start at the site's root
        links = {page.request.get(link).status for link in sorted(links)[::7]}
        assert links == {200}


def test_the_theme_follows_the_system_until_it_is_chosen_and_then_stays(
    site, open_page
):
    page = open_page(url=f"{site}/index.html", dark=True)
    dark = colours(page)
    page.emulate_media(color_scheme="light")
    light = colours(page)
    assert light[0] == "rgb(255, 255, 255)"
    assert dark[0] != light[0]
    toggle = page.locator(".theme-toggle")
    toggle.click()
    assert colours(page) == dark
    page.goto(f"{site}/{LESSON}")
    assert colours(page) == dark, "on other pages, too"
    toggle.click()
    assert colours(page) == light
    page.emulate_media(color_scheme="dark")
    assert colours(page) == light
    toggle.click()
    assert colours(page) == dark, "as the system is"


@pytest.mark.parametrize("name", PAGES)
def test_paper_is_light_has_no_controls_and_cuts_nothing_off(site, open_page, name):
    page = open_page(url=f"{site}/{name}", width=PAPER, height=1000)
    page.evaluate("localStorage.setItem('theme', 'dark')")
    page.reload()
    page.wait_for_function("document.body.dataset.theme === 'dark'")
    page.emulate_media(media="print", color_scheme="dark")
    for selector in ("html", "body", "article"):
        ground, ink = colours(page, selector)
        assert ground in ("rgb(255, 255, 255)", "rgba(0, 0, 0, 0)"), selector
        assert ink in ("rgb(24, 33, 38)", "rgb(0, 0, 0)"), selector
    for selector in ("header.bar", "#menu", ".toc-drawer", ".neighbours", ".copybtn"):
        assert page.locator(f"{selector}:visible").count() == 0, selector
    cut = page.evaluate(
        """() => [...document.querySelectorAll("pre")]
            .filter((e) => e.checkVisibility() && e.scrollWidth > e.clientWidth)
            .map((e) => e.textContent.slice(0, 60))"""
    )
    assert cut == []
    inside = "all => Math.max(0, ...all.map((e) => e.getBoundingClientRect().right))"
    assert page.locator("article pre").evaluate_all(inside) <= PAPER


def test_a_view_on_paper_is_light_and_has_no_controls(site, open_page):
    page = open_page(
        url=f"{site}/lessons/04_attention/05_all_heads.html", width=PAPER, dark=True
    )
    page.emulate_media(media="print", color_scheme="dark")
    view = page.locator("[data-title]").first
    assert view.locator("svg:visible").count() > 0
    for selector in (".menu", ".controls", ".hint"):
        assert view.locator(f"{selector}:visible").count() == 0, selector
    assert colours(page, "[data-title]")[1] == "rgb(24, 33, 38)"


@pytest.mark.parametrize("name", PAGES)
def test_what_a_finger_presses_is_large_enough(site, open_page, name):
    page = open_page(url=f"{site}/{name}", width=390, height=800)
    page.locator(".open-menu").click()
    pressed = ".bar button, .bar a, #menu a, #menu summary, .neighbours a, .copybtn"
    small = page.locator(
        f":is({pressed}, article .fold > summary):visible"
    ).evaluate_all(
        """all => all.map((e) => [e.textContent.trim(), e.getBoundingClientRect()])
            .filter(([, { height }]) => height < 40).map(([text]) => text)"""
    )
    assert small == []


@pytest.mark.parametrize("name", PAGES[:3])
def test_nothing_moves_while_a_page_loads(site, open_page, name):
    page = open_page(url=f"{site}/{name}", width=390, height=800)
    page.wait_for_timeout(500)
    moved = page.evaluate(
        """() => new Promise((done) => {
            new PerformanceObserver((all) => done(all.getEntries()
                .filter((entry) => !entry.hadRecentInput)
                .reduce((sum, entry) => sum + entry.value, 0)))
                .observe({ type: "layout-shift", buffered: true });
            setTimeout(() => done(0), 300);
        })"""
    )
    assert moved < 0.1
    early = page.locator("link[rel=preload]").evaluate_all(
        "all => all.map((e) => e.href)"
    )
    used = page.evaluate(
        """performance.getEntriesByType("resource").map((entry) => entry.name)"""
    )
    assert early
    assert all(used.count(face) == 1 for face in early), "once, not twice"
