"""The page "Inside the model", as tests drive it."""

from reading import plain

from lmviz import attention

PAGE = "book/inside.html"


def in_time(script, seconds):
    """Let a script of a page fail after some time: `evaluate` waits forever."""
    return f"""(given) => Promise.race([({script})(given), new Promise((_, fail) =>
        setTimeout(() => fail(Error("not done after {seconds} s")), {1000 * seconds}))
    ])"""


# Wait until the page shows what was asked of it last.
QUIET = in_time(
    """async () => {
    await customElements.whenDefined("lmviz-model");
    const x = document.querySelector("lmviz-model");
    await x.ready;
    const frame = () => new Promise(requestAnimationFrame);
    for (let calm = 0; calm < 3; calm++) {
        await x.settled();
        await frame();
        if (x.busy || x.frame) calm = 0;
        if (x.failure) throw Error(x.failure);
    }
}""",
    20,
)
# Go to another fragment; the view has heard of it when this ends.
GO = in_time(
    """(address) => new Promise((done) => {
    addEventListener("hashchange", done, { once: true });
    location.href = address;
})""",
    5,
)
LOADED = in_time(
    """async () => {
    const x = document.querySelector("lmviz-model");
    while (!x.engine.ready && !x.failure) await new Promise(requestAnimationFrame);
    if (x.failure) throw Error(x.failure);
}""",
    60,
)


def ask(page, expression, given=None):
    """Evaluate an expression of the view `x`, and of what is `given`."""
    return page.evaluate(
        "(given) => { const x = document.querySelector('lmviz-model'); "
        f"return {expression}; }}",
        given,
    )


def until(page, condition):
    """Wait until a condition of the view `x` is true, at most half a minute."""
    waiting = f"""async () => {{
        const x = document.querySelector("lmviz-model");
        while (!({condition})) await new Promise(requestAnimationFrame);
    }}"""
    page.evaluate(in_time(waiting, 30))


def load(page):
    page.locator(".go").click()
    page.evaluate(LOADED)
    page.evaluate(QUIET)


def write(page, text):
    page.get_by_role("textbox", name="Your text").fill(text)
    page.evaluate(QUIET)


def press(page, name, **more):
    page.get_by_role("button", name=name, **more).click()
    page.evaluate(QUIET)


def dial(page, values):
    if not page.locator(".dials div").is_visible():
        page.locator(".dials summary").click()
    for name, value in values.items():
        page.get_by_role("slider", name=name).fill(str(value))
    page.evaluate(QUIET)


def switch(page):
    """Ablate the chosen head, or undo that."""
    page.get_by_role("switch").click()
    page.evaluate(QUIET)


def state(page):
    """Return what the address keeps: model, text, layer, head, query, ablated heads."""
    return ask(page, "[x.engine.id, x.said, x.layer, x.head, x.q, x.namedOff()]")


def focused(page):
    """Name what has the focus, and whether a ring shows it."""
    return page.evaluate(
        """() => {
        const e = document.activeElement.shadowRoot.activeElement;
        const { outlineStyle, boxShadow } = getComputedStyle(e);
        const name = e.ariaLabel ?? e.getAttribute("aria-label") ?? e.textContent;
        return [name.replace(/[\\u2068\\u2069]/g, ""), e.matches(":focus-visible")
            && (outlineStyle !== "none" || boxShadow !== "none")];
        }"""
    )


def texts(page, selector):
    return [plain(text) for text in page.locator(selector).all_inner_texts()]


def bars(page):
    """Give the next tokens and their probabilities, as printed."""
    rows = [row.splitlines() for row in texts(page, ".bars button")]
    return {name: number for name, number in map(lambda row: row[-2:], rows)}


def after(lm, text, off=()):
    """Return the logits after a text, with some heads ablated."""
    with attention.ablate_heads(lm, list(off)):
        return lm.trace(text).logits[-1]


def largest(lm, logits, n=8):
    probs, ids = logits.softmax(-1).topk(n)
    return dict(zip(lm.tokens(ids), map(percent, probs.tolist()), strict=True))


def problem(page):
    return texts(page, ".problem")[0]


def percent(p):
    """Write a probability as the page does."""
    return f"{100 * p:.{1 if p < 0.0995 else 0}f} %"


def written_probabilities(page):
    """Give the widths of the bars, which have all digits, in percent."""
    return ask(
        page,
        "[...x.shadowRoot.querySelectorAll('.bars .track')].map("
        "(track) => [...track.children].map((i) => parseFloat(i.style.width)))",
    )
