"""One drawing of the figure of the front page, as SVG.

Each element that appears carries the second at which it does (``--at``), and a line
that is drawn how long that takes (``--for``): front.css animates them.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import groupby

from lmviz.views._payload import as_html

# The seconds at which the steps begin, and the last ends.
STEPS = {"Tokens": 0.0, "Layers": 1.2, "One head": 4.4, "Next word": 7.4}
UPPER_LAYERS, END = 6.4, 9.0
# A weight below this is drawn as no arc.
LEAST_WEIGHT = 0.02
# How far apart the words of the lens are, and how far one may be moved for that.
NEXT_LINE, NUDGE = 14, 8


@dataclass(frozen=True)
class Size:
    """Where things are in a drawing of one width."""

    width: int
    height: int
    left: int  # the x of the first token
    lens: int  # what the lens takes at the right of the last token
    tick: int  # the longest tick of the lens
    bars: int  # the x of the bars
    top: int = 156  # the y of the last layer
    letters: int = 11  # of a word of the lens

    @property
    def bottom(self):
        return self.height - 10

    def x(self, token, n):
        return self.left + token * (self.width - self.left - self.lens) / (n - 1)


WIDE = Size(width=488, height=436, left=50, lens=150, tick=58, bars=92)
NARROW = Size(width=334, height=420, left=34, lens=92, tick=28, bars=84, letters=8)


class Drawing:
    """One drawing: the tokens as rails, from the first layer up to the next word."""

    def __init__(self, journey, q, size, words: Callable = str):
        self.journey, self.q, self.size, self.words = journey, q, size, words
        self.here = journey.positions[q]
        self.wide = size is WIDE

    def x(self, token):
        return round(self.size.x(token, len(self.journey.tokens)), 1)

    def y(self, state):
        """Return the height of the residual stream after so many layers."""
        size = self.size
        done = state / self.journey.n_layers
        return round(size.bottom - (size.bottom - size.top) * done, 1)

    def svg(self, name):
        (best, p), q, _ = self.here.candidates[0], self.q, self.words
        read = " ".join(as_html(word(t)) for t in self.journey.tokens[: q + 1])
        label = _(
            "{text}: the tokens pass through {layers} layers, and the most likely next "
            "token is {token}, {p}"
        ).format(
            text=read,
            layers=self.journey.n_layers,
            token=as_html(word(best)),
            p=percent(p),
        )
        parts = [*self.rails(), *self.lens(), *self.arcs(), *self.bars()]
        return (
            f'<svg class="{name}" viewBox="0 0 {self.size.width} {self.size.height}" '
            f'role="img" aria-label="{label}">{"".join(parts)}</svg>'
        )

    def rails(self):
        _ = self.words
        layer, n = self.journey.layer, self.journey.n_layers
        lower, upper = time_of(self.journey, 0), UPPER_LAYERS
        for token in range(len(self.journey.tokens)):
            x = self.x(token)
            later = token > self.q
            kind = "later" if later else "base"
            yield f'<path class="{kind}" d="M{x} {self.y(0)}V{self.y(n)}"/>'
            if later:
                continue
            kind = "rail on" if token == self.q else "rail"
            for start, end, first, rest in (
                (0, layer, lower, STEPS["One head"] - lower),
                (layer, n, upper, STEPS["Next word"] - upper),
            ):
                yield (
                    f'<path class="{kind}" pathLength="1" '
                    f'd="M{x} {self.y(start)}V{self.y(end)}" '
                    f'style="--at:{at(first)};--for:{at(rest)}"/>'
                )
        yield text(0, self.size.top - 10, _("layer"), "note")
        for shown in {0, n - 1} - {layer}:
            yield text(0, self.y(shown + 0.5) + 4, shown, "note")

    def arcs(self):
        """Draw the weights of the chosen head, from each token to the pressed one."""
        journey, q, start = self.journey, self.q, STEPS["One head"]
        middle = self.y(journey.layer + 0.5)
        here = f"--at:{at(start)}"
        yield text(0, middle + 4, journey.layer, "note at", here)
        yield (
            f'<path class="level" d="M{18 if self.wide else 14} {middle}H{self.x(q)}" '
            f'style="{here}"/>'
        )
        for k, weight in enumerate(self.here.weights):
            if weight < LEAST_WEIGHT:
                continue
            x, to = self.x(k), self.x(q)
            lift = 14 + 24 * math.sqrt(q - k)
            curve = f"M{x} {middle}C{x} {middle - lift} {to} {middle - lift} {to} "
            curve += f"{middle - 5}"
            if k == q:
                curve = f"M{to} {middle + 7}c-20 8-20-22 0-14"
            yield (
                f'<path class="arc" pathLength="1" d="{curve}" '
                f'stroke-width="{1 + 9 * weight:.1f}" '
                f'stroke-opacity="{0.35 + 0.65 * weight:.2f}" '
                f'style="--at:{at(start + 0.2)};--for:.8s"/>'
            )
            if k != q:
                yield f'<circle cx="{x}" cy="{middle}" r="3.4" style="{here}"/>'
        top = max(self.here.weights)
        k = self.here.weights.index(top)
        if k != q:
            shown = f"--at:{at(start + 0.8)}"
            y = middle - 22 - 18 * math.sqrt(q - k)
            center = (self.x(k) + self.x(q)) / 2
            yield text(round(center, 1), round(y, 1), f"{top:.2f}", "weight", shown)

    def lens(self):
        """Draw the rank of the final prediction at each layer, and the lens' words."""
        here, size, n = self.here, self.size, self.journey.n_layers
        x, most = self.x(self.q) + 6, math.log(self.journey.vocab_size)
        for state, rank in enumerate(here.ranks):
            length = 5 + (size.tick - 5) * (1 - math.log(rank) / most)
            last = " last" if state == n else ""
            yield (
                f'<path class="tick{last}" d="M{x} {self.y(state)}h{length:.1f}" '
                f'stroke-opacity="{1 if last else 0.3 + 0.6 * state / n:.2f}" '
                f'style="--at:{at(time_of(self.journey, state))}"/>'
            )
        x += size.tick + 10
        above = None
        for first, last, token in reversed(runs(here.lens)):
            final = last == n
            y = self.y(last) if final else self.y((first + last) / 2) + 4
            if above is not None:
                # A word moves a little to make room, or is left out.
                room = above + NEXT_LINE
                if y < room - NUDGE:
                    continue
                y = max(y, room)
            shown = short(token, size.letters)
            kind = "word final" if final else "word"
            style = f"--at:{at(time_of(self.journey, last if final else first))}"
            yield text(round(x, 1), round(y, 1), shown, kind, style)
            above = y
        if self.wide and self.q >= 2:
            final, _ = short(here.candidates[0][0], size.letters), self.words
            named = _("“{token}”").format(token=final)
            lines = (_("longer:"), named, _("ranks"), _("higher"))
            # Where no arc is.
            height = 0.28 if self.journey.layer > n / 2 else 0.85
            for number, line in enumerate(lines):
                y = round(self.y(n * height) + 14 * number, 1)
                yield text(self.x(self.q) - 9, y, line, "note end", f"--at:{at(2.2)}")

    def bars(self):
        size, n, start = self.size, self.journey.n_layers, STEPS["Next word"]
        _ = self.words
        room = size.width - size.bars - 46
        x, y, low = self.x(self.q), self.y(n), size.top - 22
        yield text(0, 12, _("the next word"), "note strong")
        yield (
            f'<path class="flow" pathLength="1" d="M{x} {y}V{low + 10}q0-10-10-10'
            f'H{size.bars + 10}q-10 0-10-10V{22 + 26 * len(self.here.candidates)}" '
            f'style="--at:{at(start)};--for:.5s"/>'
            if x > size.bars + 24
            else f'<path class="flow" pathLength="1" d="M{x} {y}C{x} {y - 26} '
            f'{size.bars} {y - 8} {size.bars} {22 + 26 * len(self.here.candidates)}" '
            f'style="--at:{at(start)};--for:.5s"/>'
        )
        for i, (token, p) in enumerate(self.here.candidates):
            y = 24 + 26 * i
            top = "" if i else " top"
            shown, late = f"--at:{at(start + 0.4)}", f"--at:{at(start + 1.2)}"
            name = short(token, 9 if self.wide else 8)
            yield f'<rect class="track" x="{size.bars}" y="{y}" width="{room}"/>'
            yield text(size.bars - 10, y + 13, name, f"name{top}", shown)
            yield (
                f'<rect class="amount" x="{size.bars}" y="{y}" '
                f'width="{max(1, room * p):.1f}" style="--at:{at(start + 0.5)}"/>'
            )
            yield text(size.width, y + 13, percent(p), f"share{top}", late)


def runs(words):
    """Return the runs of equal words as (first, last, word).

    Examples
    --------
    >>> runs(["a", "a", "b"])
    [(0, 1, 'a'), (2, 2, 'b')]
    """
    found, start = [], 0
    for name, same in groupby(words):
        end = start + len(list(same))
        found.append((start, end - 1, name))
        start = end
    return found


def text(x, y, content, kind, style=""):
    style = f' style="{style}"' if style else ""
    return f'<text class="{kind}" x="{x}" y="{y}"{style}>{content}</text>'


def time_of(journey, state):
    """Return when the vectors reach a state: halfway the head is shown."""
    if state <= journey.layer:
        span = STEPS["One head"] - STEPS["Layers"]
        return STEPS["Layers"] + span * state / max(1, journey.layer)
    span = STEPS["Next word"] - UPPER_LAYERS
    done = (state - journey.layer) / (journey.n_layers - journey.layer)
    return UPPER_LAYERS + span * done


def at(seconds):
    return f"{seconds:.2f}s"


def word(token):
    """Return a token without the space before it."""
    return token.removeprefix("␣") or "(space)"


def short(token, most):
    name = word(token)
    return as_html(name if len(name) <= most else f"{name[: most - 1]}…")


def percent(p):
    return f"{100 * p:.0f}%" if p >= 0.0995 else f"{100 * p:.1f}%"
