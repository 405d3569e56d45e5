"""The figure of the front page, for each token and for two widths.

The page carries its final state, which needs no script; front.js jumps, pauses, and
changes between the tokens.
"""

from html import escape

from lmviz.views._payload import as_html, to_json
from lmviz_book import front_drawing as drawing


class Figure:
    """The figure as HTML, which a notebook shows; nothing if there is no journey."""

    def __init__(self, journey):
        self.journey = journey

    def _repr_html_(self):
        return figure(self.journey) if self.journey else ""


def figure(journey):
    """Return the figure: drawings, words, steps, and the sentence that is read out."""
    n, last = len(journey.tokens), len(journey.tokens) - 1
    drawings = "".join(
        f'<div class="drawing"{"" if q == last else " hidden"}>'
        f"{drawing.Drawing(journey, q, drawing.WIDE).svg('wide')}"
        f"{drawing.Drawing(journey, q, drawing.NARROW).svg('narrow')}</div>"
        for q in range(n)
    )
    longest = max(len(drawing.word(token)) for token in journey.tokens)
    words = "".join(
        f'<button type="button" disabled aria-pressed="{str(q == last).lower()}" '
        f'style="--at:{drawing.at(drawing.STEPS["Layers"] * q / n)};'
        f'--x:{share(drawing.WIDE, q, n)};--phone-x:{share(drawing.NARROW, q, n)}">'
        f"<span>{as_html(drawing.word(token))}</span>"
        f"<small>{journey.ids[q]}</small></button>"
        for q, token in enumerate(journey.tokens)
    )
    widths = f"--wide:{step(drawing.WIDE, n)};--phone:{step(drawing.NARROW, n)}"
    steps = "".join(
        f'<li><button type="button" data-at="{1000 * start:.0f}">{name}</button></li>'
        for name, start in drawing.STEPS.items()
    )
    said = [sentences(journey, q) for q in range(n)]
    data = {
        "end": 1000 * drawing.END,
        "positions": said,
        "upper": 1000 * drawing.UPPER_LAYERS,
    }
    return (
        f'<figure class="journey" style="--letters:{longest};--tokens:{n}">'
        f'<div class="stage">{drawings}<div class="words" style="{widths}">{words}'
        "</div></div>"
        '<figcaption><div class="told">'
        f'<ol class="steps">{steps}</ol>'
        f'<p class="said">{escape(said[last]["said"][-1])}</p>'
        '</div><button type="button" class="play" aria-label="Play"></button>'
        f'</figcaption><script type="application/json">{to_json(data)}</script>'
        "</figure>"
    )


def share(size, q, n):
    return f"{100 * size.x(q, n) / size.width:.2f}%"


def step(size, n):
    """Return the way from one token to the next, at most 84 px."""
    return f"{100 * min(84, size.x(1, n) - size.x(0, n) - 2) / size.width:.2f}%"


def isolated(token):
    """Return a token for a sentence, which it must not turn to another direction."""
    return f"\u2068{drawing.word(token)}\u2069"


def sentences(journey, q):
    """Return what is said of one token at each step, and the ranks it speaks of."""

    def quoted(token):
        return f"“{isolated(token)}”"

    here, n = journey.positions[q], len(journey.tokens)
    (best, p), weights = here.candidates[0], here.weights
    target = quoted(journey.tokens[weights.index(max(weights))])
    if weights.index(max(weights)) == q:
        target = "itself"
    heads = journey.n_layers * journey.n_heads
    head = (
        f"Layer {journey.layer}, head {journey.head}: {quoted(journey.tokens[q])} "
        f"gives {drawing.percent(max(weights))} of its attention to {target}."
    )
    if q == n - 1:
        change = f"{drawing.percent(p)} to {drawing.percent(journey.without_head)}"
        if drawing.percent(p) == drawing.percent(journey.without_head):
            change = f"{p:.2%} to {journey.without_head:.2%}"
        head += (
            f" Of all {heads} heads, ablating this one lowers the probability of "
            f"{quoted(best)} most, from {change}."
        )
        end = (
            f"After {journey.n_layers} layers, {quoted(best)} is the most likely next "
            f"token: {drawing.percent(p)}. Press another word to see what follows it."
        )
    else:
        text = " ".join(isolated(token) for token in journey.tokens[: q + 1])
        end = f"After “{text}”, the most likely next token is {quoted(best)}: "
        end += f"{drawing.percent(p)}."
    return {
        "said": [
            f"The tokenizer splits the text into {n} tokens. The model reads only "
            "their ids.",
            "Each layer updates the vector of every token. {when}, the logit lens "
            f"ranks {quoted(best)} number {{rank}} of {journey.vocab_size:,}.",
            head,
            end,
        ],
        "ranks": here.ranks,
        "times": [
            round(1000 * drawing.time_of(journey, s)) for s in range(len(here.ranks))
        ],
    }
