"""The figure of the front page, for each token and for two widths.

The page carries its final state, which needs no script; front.js jumps, pauses, and
changes between the tokens.
"""

from dataclasses import asdict
from html import escape

from lmviz.views._payload import as_html, to_json
from lmviz_book import front_drawing as drawing

# Under this name the metadata of the output have the data of the figure, from which a
# page in another language draws it.
DATA = "lmviz_journey"


class Figure:
    """The figure as HTML, which a notebook shows; nothing if there is no journey."""

    def __init__(self, journey):
        self.journey = journey

    def _repr_html_(self):
        return figure(self.journey) if self.journey else ""

    def _repr_mimebundle_(self, include=None, exclude=None):
        if not self.journey:
            return {}
        return {"text/html": figure(self.journey)}, {DATA: asdict(self.journey)}


def figure(journey, _=str):
    """Return the figure: drawings, words, steps, and the sentence that is read out.

    Its own words are passed through a function, which may translate them.
    """
    n, last = len(journey.tokens), len(journey.tokens) - 1
    drawings = "".join(
        f'<div class="drawing"{"" if q == last else " hidden"}>'
        f"{drawing.Drawing(journey, q, drawing.WIDE, _).svg('wide')}"
        f"{drawing.Drawing(journey, q, drawing.NARROW, _).svg('narrow')}</div>"
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
    names = _("Tokens"), _("Layers"), _("One head"), _("Next word")
    steps = "".join(
        f'<li><button type="button" data-at="{1000 * start:.0f}">{name}</button></li>'
        for name, start in zip(names, drawing.STEPS.values(), strict=True)
    )
    said = [sentences(journey, q, _) for q in range(n)]
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
        f'</div><button type="button" class="play" aria-label="{_("Play")}"></button>'
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


def sentences(journey, q, _=str):
    """Return what is said of one token at each step, and the ranks it speaks of."""

    def quoted(token):
        return _("“{token}”").format(token=isolated(token))

    here, n = journey.positions[q], len(journey.tokens)
    (best, p), weights = here.candidates[0], here.weights
    most = max(weights)
    target = weights.index(most)
    head = _(
        "Layer {layer}, head {head}: {token} gives {weight} of its attention to "
        "{target}."
    ).format(
        layer=journey.layer,
        head=journey.head,
        token=quoted(journey.tokens[q]),
        weight=drawing.percent(most),
        target=_("itself") if target == q else quoted(journey.tokens[target]),
    )
    if q == n - 1:
        before, after = drawing.percent(p), drawing.percent(journey.without_head)
        if before == after:
            before, after = f"{p:.2%}", f"{journey.without_head:.2%}"
        ablated = _(
            "Of all {heads} heads, ablating this one lowers the probability of {token} "
            "most, from {before} to {after}."
        ).format(
            heads=journey.n_layers * journey.n_heads,
            token=quoted(best),
            before=before,
            after=after,
        )
        head += f" {ablated}"
        end = _(
            "After {layers} layers, {token} is the most likely next token: {p}. Press "
            "another word to see what follows it."
        ).format(layers=journey.n_layers, token=quoted(best), p=drawing.percent(p))
    else:
        text = " ".join(isolated(token) for token in journey.tokens[: q + 1])
        end = _("After “{text}”, the most likely next token is {token}: {p}.").format(
            text=text, token=quoted(best), p=drawing.percent(p)
        )
    return {
        "said": [
            _(
                "The tokenizer splits the text into {n} tokens. The model reads only "
                "their ids."
            ).format(n=n),
            # The page fills in where it is and the rank there.
            _(
                "Each layer updates the vector of every token. {when}, the logit lens "
                "ranks {token} number {rank} of {vocabulary}."
            ).format(
                when="{when}",
                rank="{rank}",
                token=quoted(best),
                vocabulary=f"{journey.vocab_size:,}",
            ),
            head,
            end,
        ],
        "ranks": here.ranks,
        "times": [
            round(1000 * drawing.time_of(journey, s)) for s in range(len(here.ranks))
        ],
    }
