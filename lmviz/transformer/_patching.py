"""Activation patching: replace states of one run by those of another."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from .. import _validation
from .architectures import architecture_of

if TYPE_CHECKING:
    from .._types import ArrayLike, Ids
    from ..models import LanguageModel


@contextmanager
def patch_stream(
    lm: LanguageModel, states: ArrayLike, *, layer: int, positions: int | Ids
) -> Iterator[None]:
    """Replace the residual stream that enters a block within a ``with`` block.

    Blocks before this one compute what they always do. This block and all later ones
    continue with the given states at the chosen positions.

    Parameters
    ----------
    lm : lmviz.LanguageModel
        Its family must be in `lmviz.transformer.architectures`.
    states : torch.Tensor, shape (..., T, d)
        The states of another run that enter this block, such as
        ``trace.hidden_states[layer]``. With leading axes, they are those of a batch.
    layer : int
        The block whose input is patched, from 0 to L - 1.
    positions : int or list of int
        The positions to patch, from 0 to T - 1.

    References
    ----------
    Vig et al., "Investigating Gender Bias in Language Models Using Causal Mediation
    Analysis", NeurIPS 2020; Meng et al., "Locating and Editing Factual Associations in
    GPT", NeurIPS 2022, section 2.

    Examples
    --------
    The state of "Italy" in place of that of "France" changes the answer:

    >>> import lmviz
    >>> lm = lmviz.load("smollm2")
    >>> twin = lm.trace("The capital of Italy is").hidden_states
    >>> with patch_stream(lm, twin[10], layer=10, positions=3):
    ...     trace = lm.trace("The capital of France is")
    >>> lm.tokens([trace.logits[-1].argmax()])
    ['␣Rome']
    """
    module = _validation.module_of(lm)
    config = module.config
    n_layers = config.num_hidden_layers
    layer = _validation.integer(layer, "layer", 0, n_layers - 1)
    shape = ("...", "T", config.hidden_size)
    states = _validation.float_tensor(states, "states", shape)
    positions = _positions(positions, states.shape[-2])

    def replace(_, inputs):
        x = inputs[0].clone()
        if x.shape[1] != states.shape[-2]:
            raise ValueError(
                "`states` must have one row for each token of the text, which has "
                f"{x.shape[1]}, got {states.shape[-2]}"
            )
        x[:, positions] = states[..., positions, :].to(x)
        return (x, *inputs[1:])

    blocks = module.get_submodule(architecture_of(config).blocks)
    handle = blocks[layer].register_forward_pre_hook(replace)
    try:
        yield
    finally:
        handle.remove()


def _positions(positions, n):
    """Return positions as a list; a single one becomes a list of one."""
    if hasattr(positions, "tolist"):
        positions = positions.tolist()
    if not isinstance(positions, list | tuple | range):
        positions = [positions]
    return [_validation.integer(i, "positions", 0, n - 1) for i in positions]
