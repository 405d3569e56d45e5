"""Chapter 3: rotary frequencies for texts longer than those of the training.

Each method changes the frequencies of `lmviz.positions.rotary`, so that the angles in a
text `factor` times as long stay in the range that the model was trained on. The methods
differ in how much they slow down the fast pairs, which tell near tokens apart.
"""

from __future__ import annotations

import math
from typing import Literal

import torch

from .. import _validation
from . import _sinusoidal

_METHODS = ("linear", "ntk", "yarn", "llama3")
_TURNS = {"yarn": (32, 1), "llama3": (4, 1)}


def scaled_frequencies(
    width: int,
    method: Literal["linear", "ntk", "yarn", "llama3"],
    *,
    factor: float,
    trained_length: int | None = None,
    base: float = 10_000.0,
    turns: tuple[float, float] | None = None,
    whole_pairs: bool = True,
) -> torch.Tensor:
    r"""Return rotary frequencies for a text `factor` times the trained length.

    With the trained frequencies :math:`\theta_i = b^{-2i/d}`, the factor s and the
    trained length L, pair i completes :math:`r_i = L \, \theta_i / 2\pi` turns in
    training. Its new frequency is

    ============ ==================================================================
    ``"linear"`` :math:`\theta_i / s`: position interpolation
    ``"ntk"``    :math:`\theta_i \, s^{-2i/(d-2)}`, which is the larger base
                 :math:`b \, s^{d/(d-2)}`
    ``"yarn"``   :math:`\theta_i` for the pairs of at least 32 turns,
                 :math:`\theta_i / s` for those of less than one, and between them
                 a mean of the two with weights that are linear in i
    ``"llama3"`` the same with 4 turns, and weights that are linear in
                 :math:`r_i`
    ============ ==================================================================

    Parameters
    ----------
    width : int
        Number of dimensions d that are rotated; even.
    method : {"linear", "ntk", "yarn", "llama3"}
    factor : float
        The length of the text divided by the trained one, s; at least 1.
    trained_length : int, optional
        Number of positions L in training; needed by ``"yarn"`` and ``"llama3"``.
    base : float, default 10,000
        The base b of the trained frequencies.
    turns : (float, float), optional
        For ``"yarn"`` and ``"llama3"``, other limits: pairs of at least the first
        number of turns are kept, those of less than the second are slowed down by the
        whole factor. Default: those of the table.
    whole_pairs : bool, default True
        For ``"yarn"``, whether the ramp starts and ends at a pair. False (gpt-oss): at
        the exact, fractional index.

    Returns
    -------
    torch.Tensor, shape (width / 2,), float64
        In radians per position. YaRN also scales the attention scores; see
        `yarn_attention_factor`.

    Notes
    -----
    YaRN's paper states a ramp that is linear in :math:`r_i`. Its published code, which
    ``transformers`` and this function follow, makes the ramp linear in i instead, from
    the last pair of at least 32 turns to the first of less than one.

    ``"linear"``, ``"yarn"`` and ``"llama3"`` have the same names in ``transformers``,
    which has no fixed ``"ntk"``: its ``"dynamic"`` raises the base as the text grows.
    The rule of ``"llama3"`` is not in a paper. It is that of Meta's published code for
    Llama 3.1 (``apply_scaling``), with ``low_freq_factor`` 1 and ``high_freq_factor``
    4, as in that model's configuration.

    References
    ----------
    Chen et al., "Extending Context Window of Large Language Models via Positional
    Interpolation", 2023, section 2.3. Peng et al., "YaRN: Efficient Context Window
    Extension of Large Language Models", ICLR 2024, section 3 (3.1 describes the larger
    base, which bloc97 published on Reddit in 2023 as NTK-aware scaling).

    Examples
    --------
    >>> scaled_frequencies(4, "linear", factor=2)
    tensor([0.5000, 0.0050], dtype=torch.float64)
    >>> scaled_frequencies(4, "ntk", factor=2)
    tensor([1.0000, 0.0050], dtype=torch.float64)
    """
    _validation.choice(method, "method", _METHODS)
    _at_least_one(factor)
    trained = _sinusoidal.inverse_frequencies(width, base=base)
    slowed = trained / factor
    if method == "linear":
        return slowed
    pair = torch.arange(len(trained), dtype=torch.float64)
    if method == "ntk":
        if width < 4:
            raise ValueError(f"`width` must be at least 4 for 'ntk', got {width}")
        return trained * factor ** (-2 * pair / (width - 2))
    if trained_length is None:
        raise ValueError(f"`trained_length` must be given for {method!r}")
    _validation.integer(trained_length, "trained_length", 1)
    most, fewest = _turns(turns, _TURNS[method])
    if method == "yarn":
        first = _pair_of(most, width, trained_length, base)
        last = _pair_of(fewest, width, trained_length, base)
        if whole_pairs:
            first, last = math.floor(first), math.ceil(last)
        first, last = max(first, 0), min(last, width - 1)
        kept = 1 - (pair - first) / max(last - first, 0.001)
    else:
        completed = trained_length * trained / (2 * math.pi)
        kept = (completed - fewest) / (most - fewest)
    kept = kept.clamp(0, 1)
    return kept * trained + (1 - kept) * slowed


def _turns(turns, default):
    """Return the two limits, the larger one first."""
    if turns is None:
        return default
    try:
        most, fewest = map(float, turns)
    except (TypeError, ValueError):
        most = fewest = 0.0
    if not 0 < fewest < most < math.inf:
        raise ValueError(
            "`turns` must be two positive numbers, the larger one first, got "
            f"{turns!r:.60}"
        )
    return most, fewest


def _pair_of(turns, width, trained_length, base):
    """Return the index, a float, of the pair that completes so many turns."""
    return width * math.log(trained_length / (turns * 2 * math.pi)) / 2 / math.log(base)


def yarn_attention_factor(factor: float) -> float:
    r"""Return the factor by which YaRN multiplies rotated queries and keys.

    .. math:: 0.1 \ln s + 1

    Both are multiplied, so every score grows by its square. The softmax gets sharper,
    which makes up for the larger number of keys.

    Parameters
    ----------
    factor : float
        The length of the text divided by the trained one, s; at least 1.

    Returns
    -------
    float

    References
    ----------
    Peng et al., "YaRN: Efficient Context Window Extension of Large Language Models",
    ICLR 2024, section 3.4.

    Examples
    --------
    >>> round(yarn_attention_factor(4), 4)
    1.1386
    """
    _at_least_one(factor)
    return 0.1 * math.log(factor) + 1


def _at_least_one(factor):
    number = isinstance(factor, int | float) and not isinstance(factor, bool)
    if not number or not 1 <= factor < math.inf:
        raise ValueError(f"`factor` must be a number of at least 1, got {factor!r:.60}")
