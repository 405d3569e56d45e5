"""What the figure of the front page shows: a text on its way through the model."""

from dataclasses import dataclass

import lmviz
from lmviz import attention, prediction, transformer

# The first that the model's tokenizer can encode; the second is in the toy's language.
TEXTS = "The capital of France is", "Anna has a red"
# More tokens have no room side by side.
MOST_TOKENS = 8
CANDIDATES = 4


@dataclass(frozen=True)
class Position:
    """What the model computes at one token.

    Parameters
    ----------
    candidates : list of (str, float)
        The most likely next tokens and their probabilities.
    lens : list of L + 1 str
        The most likely next token by the logit lens, before layer 0 and after each.
    ranks : list of L + 1 int
        The rank that the logit lens gives the final prediction; 1 is the top.
    weights : list of float
        The attention weights of the chosen head, for this token and those before it.
    """

    candidates: list
    lens: list
    ranks: list
    weights: list


@dataclass(frozen=True)
class Journey:
    """A text on its way through the model.

    The chosen head is the one whose zero ablation lowers the probability of the
    prediction most, to ``without_head``.
    """

    tokens: list
    ids: list
    positions: list
    layer: int
    head: int
    n_layers: int
    n_heads: int
    vocab_size: int
    without_head: float

    @classmethod
    def from_dict(cls, data):
        """Return the journey that `dataclasses.asdict` made a dict of."""
        positions = [Position(**each) for each in data["positions"]]
        return cls(**{**data, "positions": positions})


def compute(lm: lmviz.LanguageModel) -> Journey | None:
    """Run the model on a text it can read; None if it can read none of them."""
    text = next((text for text in TEXTS if fits(lm, text)), None)
    if text is None:
        return None
    trace, model = lm.trace(text), transformer.extract(lm)
    lens = prediction.logit_lens(
        trace.hidden_states, model.final_norm, model.unembedding
    )
    answer = int(trace.logits[-1].argmax())
    effects = attention.head_effects(lm, text, answer)
    [(layer, head, lowered)] = attention.strongest(-effects, 1)
    positions = [
        position(lm, lens[:, q], trace.attentions[layer, head, q, : q + 1])
        for q in range(len(trace.tokens))
    ]
    log_prob = float(trace.logits[-1].log_softmax(-1)[answer])
    n_layers, n_heads = effects.shape
    return Journey(
        tokens=list(trace.tokens),
        ids=trace.ids.tolist(),
        positions=positions,
        layer=layer,
        head=head,
        n_layers=n_layers,
        n_heads=n_heads,
        vocab_size=lens.shape[-1],
        without_head=float((effects.new_tensor(log_prob - lowered)).exp()),
    )


def fits(lm, text):
    try:
        return 2 <= len(lm.ids(text)) <= MOST_TOKENS
    except ValueError:  # a word that is not in the toy's vocabulary
        return False


def position(lm, lens, weights):
    """Return what the model computes at one position, from its (L + 1, V) logits."""
    probs, ids = lens[-1].softmax(-1).topk(min(CANDIDATES, lens.shape[-1]))
    final = lens[:, ids[:1]]
    return Position(
        candidates=list(zip(lm.tokens(ids.tolist()), probs.tolist(), strict=True)),
        lens=lm.tokens(lens.argmax(-1).tolist()),
        ranks=((lens > final).sum(-1) + 1).tolist(),
        weights=weights.tolist(),
    )
