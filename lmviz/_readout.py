"""Read logits from a state as a model does after its last block, whatever its family.

What follows the last block (a final norm, the unembedding, scales and soft caps of the
logits) has other names in each family, and some of it only its code knows. So the
model's own code runs, with blocks that return a given state in place of its own.
"""

import copy
import weakref
from contextlib import ExitStack

import torch

from ._layout import layout_of
from ._module import forward, text_config

_FOUND = weakref.WeakKeyDictionary()


class Readout:
    """The function from a state of the residual stream to logits.

    Parameters
    ----------
    module : torch.nn.Module
    ids : torch.Tensor, shape (T,)
        Of the text whose states are read.
    name : str
        The model's name, for the message of an error.

    Examples
    --------
    >>> import lmviz
    >>> lm = lmviz.load("toy")
    >>> trace = lm.trace("Anna has a")
    >>> readout = Readout(lm.module, trace.ids, "toy")
    >>> readout(trace.hidden_states[1]).shape == trace.logits.shape
    True
    """

    def __init__(self, module, ids, name):
        blocks = layout_of(module).blocks
        if blocks is None:
            raise _refusal(name, "has no list of blocks")
        self._ids = ids
        self._module = _with_given_blocks(module, blocks)
        self._given = self._module.get_submodule(blocks)
        if module not in _FOUND:
            try:
                _FOUND[module] = self._check(module, blocks)
            except (RuntimeError, TypeError, ValueError, AttributeError, LookupError):
                _FOUND[module] = None, float("inf")  # it needs more of its blocks
        self._n_outputs, difference = _FOUND[module]
        if not difference <= (1e-4 if module.dtype == torch.float32 else 0.02):
            raise _refusal(name, "does not yield its logits")

    def __call__(self, state) -> torch.Tensor:
        """Return the logits, (T, V), of a state, (T, d)."""
        return self._logits(self._ids, state[None])[0].float().cpu()

    def _logits(self, ids, state):
        given = state.to(self._module.device, self._module.dtype)
        if self._n_outputs is not None:
            given = (given, *[None] * (self._n_outputs - 1))
        for block in self._given:
            block.__dict__["given"] = given
        return forward(self._module, ids[None], use_cache=False).logits

    def _check(self, module, blocks):
        """Read the state after the last block, which must give the model's logits.

        Returns
        -------
        int or None
            The number of outputs of a block, None if it returns the state alone.
        float
            The largest difference, as a share of the largest logit.
        """
        ids = torch.arange(1, 6) % text_config(module).vocab_size
        outputs = []
        with ExitStack() as stack:
            for block in module.get_submodule(blocks):
                hook = block.register_forward_hook(
                    lambda *call: outputs.append(call[2])
                )
                stack.callback(hook.remove)
            expected = forward(module, ids[None], use_cache=False).logits
        last = outputs[-1]
        self._n_outputs = None if isinstance(last, torch.Tensor) else len(last)
        state = last if self._n_outputs is None else last[0]
        difference = (self._logits(ids, state) - expected).abs().max()
        return self._n_outputs, float(difference / expected.abs().max())


def _refusal(name, why):
    return ValueError(
        f"the logit lens cannot read the states of {name}: its code after the last "
        f"block, run on the state after that block, {why}; choose another model"
    )


class _Given(torch.nn.Module):
    """A block that returns what it is given, and has the attributes of another."""

    def __init__(self, block):
        super().__init__()
        self.__dict__["original"] = block  # not as a part, whose hooks would run

    def __getattr__(self, name):
        return getattr(self.__dict__["original"], name)

    def forward(self, *_, **__):
        return self.__dict__["given"]


def _with_given_blocks(module, path):
    """Copy the modules on a path, and put blocks that return a state at its end."""
    if not path:
        return torch.nn.ModuleList([_Given(block) for block in module])
    name, _, rest = path.partition(".")
    shallow = copy.copy(module)
    shallow._modules = dict(module._modules)
    shallow._modules[name] = _with_given_blocks(module._modules[name], rest)
    return shallow
