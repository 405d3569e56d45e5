"""The facts about a model that a page states together with its numbers."""

from dataclasses import dataclass

from .._module import text_config
from ..transformer import architectures


@dataclass(frozen=True)
class ModelCard:
    """The facts about a model: its origin, licence and sizes.

    Parameters
    ----------
    name, source, revision, license : str
        The short name, the origin of the files, their revision and their licence.
    parameters : int
        Number of parameters; tied weights are counted once.
    n_layers, n_heads, d_model, vocabulary : int
        L, H, d and V. H is 0 for a model without attention, such as Mamba.
    context : int or None
        Maximum number of tokens T, None if the model sets no limit.
    positions : str
        The type of positional encoding: ``"learned"``, ``"rotary"``, ``"ALiBi"``
        or ``"unknown"``.
    attention_layers : tuple of int, optional
        The layers with attention weights, counted from 0: all of most models, some of
        a hybrid, none of Mamba. None if the model does not tell.

    Examples
    --------
    >>> import lmviz
    >>> card = lmviz.load("toy").card
    >>> card.name, card.n_layers, card.context, card.positions
    ('toy', 3, 64, 'learned')
    """

    name: str
    source: str
    revision: str
    license: str
    parameters: int
    n_layers: int
    n_heads: int
    d_model: int
    vocabulary: int
    context: int | None
    positions: str
    attention_layers: tuple[int, ...] | None = None

    def __str__(self):
        """Return the card as one line."""
        layers = self.attention_layers
        partly = ""
        if layers is not None and len(layers) < self.n_layers:
            partly = f" (attention in {', '.join(map(str, layers)) or 'none'})"
        return (
            f"{self.name} ({self.source}; revision {self.revision}; licence "
            f"{self.license}): {self.parameters / 1e6:.3g}M parameters, "
            f"L={self.n_layers}{partly}, H={self.n_heads}, d={self.d_model}, "
            f"V={self.vocabulary}, context {self.context or 'unlimited'}, "
            f"{self.positions} positions"
        )


def card_of(source, module):
    """Return the card of a model.

    Parameters
    ----------
    source : lmviz.models._resolve.Source
    module : torch.nn.Module

    Returns
    -------
    ModelCard

    Examples
    --------
    >>> import lmviz
    >>> lm = lmviz.load("toy")
    >>> card_of(lm.source, lm.module) == lm.card
    True
    """
    from .._layout import attention_layers

    config = text_config(module)
    return ModelCard(
        name=source.name,
        source=source.origin,
        revision=source.revision,
        license=source.license,
        parameters=sum(weight.numel() for weight in module.parameters()),
        n_layers=config.num_hidden_layers,
        n_heads=_n_heads(config),
        d_model=config.hidden_size,
        vocabulary=config.vocab_size,
        context=getattr(config, "max_position_embeddings", None),
        positions=architectures.kind_of_positions(config),
        attention_layers=attention_layers(module),
    )


def _n_heads(config):
    """Return the number of heads of a layer, the largest one if layers differ."""
    try:
        return getattr(config, "num_attention_heads", 0)
    except Exception:  # transformers refuses to name one number
        layers = range(config.num_hidden_layers)
        return max(config.per_layer_config[i].num_attention_heads for i in layers)
