"""Compare new measurements with the saved ones: which ratios have become worse?

Only ratios are compared, never times, since the machine may be another one; and only
those that have a goal, since the others are shown to explain and vary with it.
"""

# How much larger a ratio may be than the saved one.
TOLERANCE = 1.1


def worse(saved, rows):
    """Return what is worse, by what was measured.

    Parameters
    ----------
    saved, rows : list of dict
        Rows of one part, as `benchmarks.measure.row` makes them.

    Returns
    -------
    dict of (str, int or None, str) to (float, float)
        The name of a row, its size and the alternative, to the saved and the new ratio.
    """
    before = ratios(saved)
    return {
        key: (before[key], ratio)
        for key, ratio in ratios(rows).items()
        if key in before and ratio > TOLERANCE * before[key]
    }


def ratios(rows):
    """Return the ratios that have a goal, by row, size and alternative."""
    return {
        (row["what"], row["at"], other): row["ratios"][
            f"{next(iter(row['ways']))} / {other}"
        ]
        for row in rows
        for other in row["limits"]
    }


def check(part, saved, measure_part):
    """Measure a part, again if something is worse; return what stays so as sentences.

    Parameters
    ----------
    part : str
    saved : list of dict
    measure_part : callable
        Takes no arguments and returns new rows.

    Returns
    -------
    list of str
    """
    found = worse(saved, measure_part())
    if found:
        print(f"{part}: {len(found)} ratios are worse; measuring it once more")
        again = worse(saved, measure_part())
        found = {key: found[key] for key in found.keys() & again.keys()}
    return [
        f"{what}{f', {at:,}' if at else ''}: {new:.3g} of {other}, saved {old:.3g}"
        for (what, at, other), (old, new) in sorted(found.items(), key=str)
    ]
