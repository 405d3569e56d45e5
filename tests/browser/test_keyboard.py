"""The book, used with only the keyboard."""

import pytest

# Each kind of page, in turns wide and narrow.
PAGES = [
    "index.html",
    "lessons/01_tokenization/02_word_level_tokenizer.html",
    "lessons/02_embeddings/03_pca.html",
    "lessons/03_positions/02_sinusoidal.html",
    "lessons/04_attention/05_all_heads.html",
    "lessons/05_prediction/02_sampling.html",
    "book/explorer.html",
    "book/inside.html",
    "exercises/04_attention.html",
    "reference/attention.html",
    "search.html?q=softmax",
]
# What waits for Tab, in the order of the page; and what becomes of each stop.
WALK = """() => {
    const every = (root) => [...root.querySelectorAll("*")].flatMap((e) =>
        [e, ...(e.shadowRoot ? every(e.shadowRoot) : [])]);
    const ways = "a[href], button, input, select, textarea, summary, [tabindex]";
    window.waiting = every(document).filter((e) => e.matches(ways) && e.tabIndex >= 0
        && !e.disabled && e.checkVisibility({ visibilityProperty: true }));

    const deepest = (find, root = document) => {
        const inner = find(root)?.shadowRoot;
        return inner && find(inner) ? deepest(find, inner) : find(root);
    };
    const boxed = (e) => (e.offsetHeight === 0 && e.firstElementChild) || e;
    // A field may have its ring around the form that it stands in.
    const look = (e) => [e, e.parentElement ?? e].map((of) => {
        const { outline, outlineOffset, outlineStyle, boxShadow } =
            getComputedStyle(of);
        return boxShadow + (outlineStyle === "none" ? "" : outline + outlineOffset);
    }).join();
    const told = (e) => `${e.localName} ${(e.ariaLabel ?? e.textContent).trim()}`;
    // Some part of the ring, 2 pixels wide, must lie within all that cut it off.
    const cut = (e) => {
        const ring = parseFloat(getComputedStyle(e).outlineOffset) + 2;
        const { left, right, top, bottom } = e.getBoundingClientRect();
        const sides = [left - ring, -right - ring, top - ring, -bottom - ring];
        for (let over = e; (over = over.parentElement ?? over.getRootNode().host);) {
            if (getComputedStyle(over).overflowX === "visible") continue;
            const box = over.getBoundingClientRect();
            [box.left, -box.right, box.top, -box.bottom].forEach((edge, i) => {
                if (sides[i] < edge) sides[i] = -Infinity;
            });
        }
        return sides.every((side) => side === -Infinity);
    };
    let last;
    window.step = () => {
        const same = last && look(last.e) === last.look;
        const name = last?.name;
        const active = deepest((root) => root.activeElement);
        last = null;
        if (active === document.body) return { name, same, place: null };
        const e = boxed(active);
        last = { e, look: look(e), name: told(active) };
        const shown = [...e.getClientRects()].some(({ x, y, width, height }) =>
            [2, width / 2, width - 2].some((from) => {
                const at = [x + from, Math.min(y + height / 2, innerHeight - 1)];
                const top = deepest((root) => root.elementFromPoint(...at));
                return top && (e.contains(top) || top.contains(e));
            }));
        return { name, same, place: window.waiting.indexOf(active), now: last.name,
            seen: shown && !cut(e) };
    };
}"""


@pytest.mark.parametrize(
    ("name", "width"), [(name, (1280, 390)[i % 2]) for i, name in enumerate(PAGES)]
)
def test_tab_leads_through_a_page_in_order(site, open_page, name, width):
    page = open_page(url=f"{site}/{name}", width=width, height=800)
    # Else a stop scrolls into view only later.
    page.emulate_media(reduced_motion="reduce")
    page.add_style_tag(content="* { transition: none !important; }")
    if "?" in name:
        page.wait_for_selector("ul.search li")
    page.evaluate(WALK)
    walked = []
    while True:
        page.keyboard.press("Tab")
        stop = page.evaluate("step()")
        assert not stop["same"], f"no ring: {stop['name']}"
        if stop["place"] is None:
            break
        assert stop["seen"], stop["now"]
        assert stop["place"] == len(walked), stop["now"]
        walked.append(stop["now"])
    assert len(walked) == page.evaluate("waiting.length")
    assert len(walked) > 15


def test_the_first_stop_skips_to_the_text(site, open_page):
    page = open_page(url=f"{site}/{PAGES[4]}")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")  # on "Skip to content"
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.closest('article') !== null")


def test_the_menu_opens_and_closes_and_gives_the_focus_back(site, open_page):
    page = open_page(url=f"{site}/exercises/04_attention.html", width=390, height=800)
    button, menu = page.locator(".open-menu"), page.locator("#menu")
    button.focus()
    page.keyboard.press("Enter")
    assert menu.is_visible()
    page.keyboard.press("Tab")
    assert menu.locator(":focus").count() == 1
    page.keyboard.press("Escape")
    assert menu.is_hidden()
    assert button.evaluate("(it) => it === document.activeElement")


def test_a_slash_leads_to_the_search_but_not_from_a_field(site, open_page):
    page = open_page(url=f"{site}/{PAGES[1]}")
    page.keyboard.press("/")
    assert page.evaluate("document.activeElement.id") == "find"
    page.keyboard.type("a/b")
    assert page.locator("#find").input_value() == "a/b"


def test_a_solution_opens(site, open_page):
    page = open_page(url=f"{site}/exercises/04_attention.html")
    solution = page.locator("article details").first
    solution.locator("summary").focus()
    page.keyboard.press("Enter")
    assert solution.evaluate("(it) => it.open")
