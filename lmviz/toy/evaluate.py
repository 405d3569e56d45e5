"""Hold the toy against the truth: every figure on stories that it has not seen."""

import itertools
import math

import torch

from .grammar import CONTEXT, KINDS, WORDS
from .language import stories

IDS = {word: i for i, word in enumerate(WORDS)}


def pad(texts):
    """Turn stories into one batch.

    Parameters
    ----------
    texts : list of sequences of str

    Returns
    -------
    ids : torch.Tensor of int, shape (B, CONTEXT)
    mask : torch.Tensor of bool, shape (B, CONTEXT - 1)
        True where the next word is part of the story.

    Raises
    ------
    ValueError
        If a story has a word that the toy does not know, or too many words.

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
            raise ValueError(f"story {row}: {unknown[0]!r:.60} is no word of the toy's")
        if len(words) > CONTEXT:
            raise ValueError(
                f"story {row} has {len(words)} words, wanted at most {CONTEXT}"
            )
        ids[row, : len(words)] = torch.tensor([IDS[word] for word in words])
        mask[row, : len(words) - 1] = True
    return ids, mask


def truth(told):
    """Write the true distributions of some stories as a tensor.

    Parameters
    ----------
    told : list of Story

    Returns
    -------
    torch.Tensor, shape (B, CONTEXT - 1, V)
        Zeros where a story is over.

    Examples
    --------
    >>> true = truth(list(itertools.islice(stories(0), 2)))
    >>> true.shape, true[0, 0].sum()
    (torch.Size([2, 63, 78]), tensor(1.))
    """
    true = torch.zeros(len(told), CONTEXT - 1, len(WORDS))
    for row, story in enumerate(told):
        for place, chances in enumerate(story.chances):
            for word, p in chances.items():
                true[row, place, IDS[word]] = p
    return true


def evaluate(module, *, n_stories=2000, seed="unseen", size=100):
    """Measure a model on stories whose combinations were kept out of training.

    Parameters
    ----------
    module : torch.nn.Module
        A causal language model over `lmviz.toy.grammar.WORDS`.
    n_stories : int, default 2000
    seed : int or str, default "unseen"
    size : int, default 100
        Stories in a batch.

    Returns
    -------
    dict of str to float
        ``"kl"``: the Kullback-Leibler divergence of the model's distribution from
        the true one, in nats per word; and for each of
        `lmviz.toy.grammar.KINDS` the share of questions to which the likeliest word
        is the answer, NaN where none was asked.

    Examples
    --------
    >>> import lmviz
    >>> found = evaluate(lmviz.load("toy").module, n_stories=20)
    >>> found["kl"] < 0.1, found["recall"] > 0.9
    (True, True)
    """
    source = stories(seed, unseen=True)
    divergence, n_words = 0.0, 0
    right, asked = dict.fromkeys(KINDS, 0), dict.fromkeys(KINDS, 0)
    for done in range(0, n_stories, size):
        told = list(itertools.islice(source, min(size, n_stories - done)))
        ids, mask = pad([story.words for story in told])
        with torch.no_grad():
            logs = module(input_ids=ids).logits[:, :-1].log_softmax(-1)
        true = truth(told)
        terms = torch.xlogy(true, true) - true * logs
        divergence += float(terms.sum(-1)[mask].sum())
        n_words += int(mask.sum())
        hits = logs.argmax(-1) == ids[:, 1:]
        for row, story in enumerate(told):
            for place, kind in enumerate(story.kinds):
                if kind is not None:
                    asked[kind] += 1
                    right[kind] += int(hits[row, place])
    shares = {kind: right[kind] / (asked[kind] or math.nan) for kind in KINDS}
    return {"kl": divergence / n_words, **shares}
