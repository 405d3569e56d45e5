"""Compare the toy with the true distribution on stories held out from training."""

from __future__ import annotations

import itertools
import math
from typing import TYPE_CHECKING

import torch

from .grammar import CONTEXT, KINDS, WORDS
from .language import stories

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..models import LanguageModel
    from .language import Story

IDS = {word: i for i, word in enumerate(WORDS)}


def pad(texts: list[Sequence[str]]) -> tuple[torch.Tensor, torch.Tensor]:
    """Pad stories to the context and stack them into one batch.

    Parameters
    ----------
    texts : list of sequences of str

    Returns
    -------
    ids : torch.Tensor of int, shape (B, CONTEXT)
    mask : torch.Tensor of bool, shape (B, CONTEXT - 1)
        True where there is a next word in the story.

    Examples
    --------
    >>> ids, mask = pad([["<story>", "Anna", "has"]])
    >>> ids.shape, mask.shape, int(mask.sum())
    (torch.Size([1, 64]), torch.Size([1, 63]), 2)
    """
    ids = torch.zeros(len(texts), CONTEXT, dtype=torch.int64)
    mask = torch.zeros(len(texts), CONTEXT - 1, dtype=torch.bool)
    for row, words in enumerate(texts):
        if unknown := [word for word in words if word not in IDS]:
            raise ValueError(
                f"story {row} must have words of the toy's vocabulary only, got "
                f"{unknown[0]!r:.60}"
            )
        if len(words) > CONTEXT:
            raise ValueError(
                f"story {row} must have at most {CONTEXT} words, got {len(words)}"
            )
        ids[row, : len(words)] = torch.tensor([IDS[word] for word in words])
        mask[row, : len(words) - 1] = True
    return ids, mask


def true_probs(batch: list[Story]) -> torch.Tensor:
    """Return the true distributions of some stories as a tensor.

    Parameters
    ----------
    batch : list of Story

    Returns
    -------
    torch.Tensor, shape (B, CONTEXT - 1, V)
        Zeros after the end of a story.

    Examples
    --------
    >>> probs = true_probs(list(itertools.islice(stories(0), 2)))
    >>> probs.shape, probs[0, 0].sum()
    (torch.Size([2, 63, 78]), tensor(1.))
    """
    tensor = torch.zeros(len(batch), CONTEXT - 1, len(WORDS))
    for row, story in enumerate(batch):
        for position, probs in enumerate(story.probs):
            for word, p in probs.items():
                tensor[row, position, IDS[word]] = p
    return tensor


def evaluate(
    lm: LanguageModel | torch.nn.Module,
    *,
    n_stories: int = 2000,
    seed: int | str = "unseen",
    batch_size: int = 100,
) -> dict[str, float]:
    r"""Evaluate a model on stories whose combinations were held out from training.

    Parameters
    ----------
    lm : LanguageModel or torch.nn.Module
        A causal language model over `lmviz.toy.grammar.WORDS`.
    n_stories : int, default 2000
    seed : int or str, default "unseen"
    batch_size : int, default 100
        Number of stories in a batch.

    Returns
    -------
    dict of str to float
        ``"kl"``: the Kullback-Leibler divergence
        :math:`D(p_\text{true} \,\|\, p_\text{model})` in nats per word, averaged over
        positions; and for each of `lmviz.toy.grammar.KINDS` the accuracy: the fraction
        of its questions for which the most likely word is the answer (NaN if there are
        none).

    Examples
    --------
    >>> import lmviz
    >>> result = evaluate(lmviz.load("toy"), n_stories=20)
    >>> result["kl"] < 0.1, result["recall"] > 0.9
    (True, True)
    """
    module = getattr(lm, "module", lm)
    source = stories(seed, held_out=True)
    divergence, n_words = 0.0, 0
    n_correct, n_asked = dict.fromkeys(KINDS, 0), dict.fromkeys(KINDS, 0)
    for done in range(0, n_stories, batch_size):
        batch = list(itertools.islice(source, min(batch_size, n_stories - done)))
        ids, mask = pad([story.words for story in batch])
        with torch.no_grad():
            log_probs = module(input_ids=ids).logits[:, :-1].log_softmax(-1)
        true = true_probs(batch)
        terms = torch.xlogy(true, true) - true * log_probs
        divergence += float(terms.sum(-1)[mask].sum())
        n_words += int(mask.sum())
        correct = log_probs.argmax(-1) == ids[:, 1:]
        for row, story in enumerate(batch):
            for position, kind in enumerate(story.kinds):
                if kind is not None:
                    n_asked[kind] += 1
                    n_correct[kind] += int(correct[row, position])
    accuracy = {kind: n_correct[kind] / (n_asked[kind] or math.nan) for kind in KINDS}
    return {"kl": divergence / n_words, **accuracy}
