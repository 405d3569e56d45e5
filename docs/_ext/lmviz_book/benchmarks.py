"""The measured times and sizes as dot plots of HTML, with their table folded below.

Plots of what has no goal are folded, too, and those of smaller sizes that reach theirs.

A plot of HTML keeps the size of its text on a phone, where a picture would shrink.
"""

import math
from html import escape

TABLE = """<details class="fold"><summary>Show the numbers</summary>
<div class="table-wrapper container"><table class="numbers"><thead><tr>
<th scope="col">Way</th><th scope="col">Median</th><th scope="col">Range</th>
<th scope="col">Ours / it</th></tr></thead>{}</table></div></details>"""
MORE = """<details class="fold"><summary>Show {} more measurements</summary>
{}</details>"""
GROUP = '<tbody><tr><th colspan="4" scope="rowgroup">{}</th></tr>{}</tbody>'
LINE = '<tr><th scope="row">{}</th><td>{}</td><td>{}</td><td>{}</td></tr>'
PLOT = '<div class="dots"><p class="what">{}{}</p><ul>{}</ul>{}</div>'
WAY = """<li{}><span class="name">{}</span><span class="track" aria-hidden="true">{}
<i class="range" style="left:{:.2f}%;width:{:.2f}%"></i>
<i class="dot" style="left:{:.2f}%"></i></span><span class="median">{}</span></li>"""
TICK = '<i class="tick" style="left:{:.2f}%"></i>'
AXIS = '<p class="axis" aria-hidden="true"><span>{}</span></p>'
LABEL = '<b style="left:{:.2f}%">{}</b>'
# Where an axis may begin, end and have a tick in each power of ten.
STEPS = (1, 2, 5, 10)


class Benchmark:
    """One part of the measurements, as a notebook shows it."""

    def __init__(self, part, plots=True):
        self.part, self.plots = part, plots

    def _repr_html_(self):
        rows = self.part["rows"]
        return (plots(rows) if self.plots else "") + table(rows) + machine(self.part)


def shown(*numbers, unit):
    """Write numbers of one unit, seconds as milliseconds where they are short."""
    digits = ".0f" if unit in ("kB", "MB") else ".3g"
    if unit == "s" and max(numbers) < 1:
        numbers, unit = [1000 * number for number in numbers], "ms"
    # A unit stays beside its number.
    return f"{'–'.join(f'{number:,{digits}}' for number in numbers)}\u00a0{unit}"


def name(row):
    return f"{row['what']}: {row['at']:,}" if row["at"] else row["what"]


def plots(rows):
    # Sizes increase.
    largest = {row["what"]: row["at"] for row in rows if goal(row)}
    first, more = [], []
    for row in rows:
        is_largest = goal(row) and row["at"] == largest[row["what"]]
        (first if is_largest or missed(row) else more).append(plot(row))
    folded = MORE.format(len(more), "".join(more)) if more else ""
    return "".join(first) + folded


def plot(row):
    """Return the ways of one row on a logarithmic axis, ours first."""
    ways, failed = row["ways"], missed(row)
    axis = Axis(
        min(least for _, least, _ in ways.values()),
        max(most for _, _, most in ways.values()),
    )
    ticks = "".join(TICK.format(axis(tick)) for tick in axis.ticks)
    lines = [
        WAY.format(
            (' class="ours missed"' if failed else ' class="ours"') if i == 0 else "",
            escape(way),
            ticks,
            axis(least),
            axis(most) - axis(least),
            axis(median),
            shown(median, unit=row["unit"]),
        )
        for i, (way, (median, least, most)) in enumerate(ways.items())
    ]
    labels = "".join(
        LABEL.format(axis(tick), shown(tick, unit=row["unit"])) for tick in axis.ticks
    )
    text = escape(name(row)), goal(row), "".join(lines), AXIS.format(labels)
    return PLOT.format(*text)


class Axis:
    """A logarithmic axis from a round number to a round number.

    Parameters
    ----------
    least, most : float
        What it must include; positive.
    """

    def __init__(self, least, most):
        # A number at an end has its dot within the axis.
        start = max(step for step in rounds(least) if step < least)
        end = min(step for step in rounds(most) if step > most)
        self.start, self.range = start, math.log(end / start)
        powers = range(math.floor(math.log10(start)) - 1, math.ceil(math.log10(end)))
        inner = (10.0**power for power in powers)
        # Labels of ticks that are nearer to each other would overlap.
        apart = [x for x in inner if 18 < self(x) < 82]
        self.ticks = [start, *apart, end]

    def __call__(self, number):
        """Return where a number is, in percent."""
        return 100 * math.log(number / self.start) / self.range


def rounds(number):
    """Return the round numbers around a number."""
    power = math.floor(math.log10(number))
    return [step * 10.0**p for p in (power - 1, power) for step in STEPS]


def missed(row):
    """Return the ways whose limit ours exceeds; ours for the limit of its own."""
    ours = next(iter(row["ways"]))
    found = {
        way
        for way, limit in row["limits"].items()
        if row["ratios"][f"{ours} / {way}"] > limit
    }
    own = row["most"]
    return found | ({ours} if own is not None and row["ways"][ours][0] > own else set())


def misses(parts):
    """Return a line for each goal of some parts that was not reached."""
    lines = []
    for row in (row for part in parts for row in part["rows"]):
        ours = next(iter(row["ways"]))
        for way in sorted(missed(row) - {ours}):
            found, limit = row["ratios"][f"{ours} / {way}"], row["limits"][way]
            lines.append(f"{name(row)}: {found:.3g} of {way}, goal {limit:g}")
        median, most = row["ways"][ours][0], row["most"]
        if most is not None and median > most:
            found, most = (shown(n, unit=row["unit"]) for n in (median, most))
            lines.append(f"{name(row)}: {found}, goal {most}")
    return lines or ["none"]


def goal(row):
    limits = [f"{limit:g} of {way}" for way, limit in row["limits"].items()]
    if row["most"] is not None:
        limits.append(shown(row["most"], unit=row["unit"]))
    text = f"at most {', '.join(limits)}" if limits else row["goal"]
    if not text:
        return ""
    mark = ' <strong class="missed">missed</strong>' if missed(row) else ""
    return f" <small>Goal: {escape(text)}{mark}</small>"


def table(rows):
    groups = []
    for row in rows:
        ours = next(iter(row["ways"]))
        lines = [
            LINE.format(
                escape(way),
                shown(median, unit=row["unit"]),
                shown(least, most, unit=row["unit"]),
                ratio(row["ratios"].get(f"{ours} / {way}"), way in missed(row)),
            )
            for way, (median, least, most) in row["ways"].items()
        ]
        groups.append(GROUP.format(escape(name(row)), "".join(lines)))
    return TABLE.format("".join(groups))


def ratio(number, is_missed):
    if number is None:
        return ""
    text = f"{number:.3g}"
    return f'<strong class="missed">{text}, missed</strong>' if is_missed else text


def machine(part):
    """Say on what the part was measured."""
    told = part["machine"]
    counts = sorted({row["runs"] for row in part["rows"]})
    runs = " to ".join(map(str, dict.fromkeys([counts[0], counts[-1]])))
    turns = f"{runs} runs in turn" if counts[-1] > 1 else "one run"
    found = told["versions"] | part["rows"][0].get("programs", {})
    versions = ", ".join(f"{key} {value}" for key, value in found.items())
    return (
        f'<p class="machine">Measured on {escape(told["date"])}, {turns}, '
        f"{told['cores']} cores ({escape(told['processor'])}), "
        f"Python {escape(told['python'])}, {escape(versions)}.</p>"
    )
