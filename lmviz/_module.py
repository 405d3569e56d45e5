"""Run a causal model of transformers, wherever it is and whatever wraps it."""


def text_config(module):
    """Return the config of a model's text part, which is all of it in most models.

    Examples
    --------
    >>> import lmviz
    >>> module = lmviz.load("toy").module
    >>> text_config(module) is module.config
    True
    """
    return module.config.get_text_config(decoder=True)


def forward(module, ids, **options):
    """Run a model without gradients and return its output, which stays on its device.

    Parameters
    ----------
    module : torch.nn.Module
    ids : torch.Tensor of int, shape (B, T)
        They are moved to the model's device.
    **options
        Arguments of the model's own ``forward``.

    Examples
    --------
    >>> import lmviz, torch
    >>> module = lmviz.load("toy").module
    >>> forward(module, torch.tensor([[0, 21]])).logits.shape
    torch.Size([1, 2, 78])
    """
    import torch

    with torch.no_grad():
        return module(input_ids=ids.to(module.device), **options)
