"""What a model is, in the few facts that a page needs."""

from dataclasses import dataclass

from ..transformer import architectures as families


@dataclass(frozen=True)
class ModelCard:
    """What a page says about the model that produced its numbers.

    Parameters
    ----------
    name, source, revision, licence : str
        The short name, where the files came from, which revision, which licence.
    parameters : int
        Number of weights, tied ones counted once.
    n_layers, n_heads, d_model, vocabulary : int
        L, H, d and V.
    context : int or None
        The largest T, None where the model sets no limit.
    positions : str
        How the model knows the order: ``"learned"``, ``"rotary"``, ``"ALiBi"``
        or ``"unknown"``.

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
    licence: str
    parameters: int
    n_layers: int
    n_heads: int
    d_model: int
    vocabulary: int
    context: int | None
    positions: str

    def __str__(self):
        """Say it in one line."""
        return (
            f"{self.name} ({self.source}; revision {self.revision}; licence "
            f"{self.licence}): {self.parameters / 1e6:.3g}M parameters, "
            f"L={self.n_layers}, H={self.n_heads}, d={self.d_model}, "
            f"V={self.vocabulary}, context {self.context or 'unlimited'}, "
            f"{self.positions} positions"
        )


def card_of(source, module):
    """Write the card of a model.

    Parameters
    ----------
    source : lmviz.models._resolve.Source
        Where it was loaded from.
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
    config = module.config
    return ModelCard(
        name=source.name,
        source=source.origin,
        revision=source.revision,
        licence=source.licence,
        parameters=sum(weight.numel() for weight in module.parameters()),
        n_layers=config.num_hidden_layers,
        n_heads=config.num_attention_heads,
        d_model=config.hidden_size,
        vocabulary=config.vocab_size,
        context=getattr(config, "max_position_embeddings", None),
        positions=families.kind_of_positions(config),
    )
