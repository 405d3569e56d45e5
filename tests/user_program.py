"""A small program of a user, which type checkers accept in their strict modes."""
# pyright: strict

from pathlib import Path

import lmviz
from lmviz import attention, corpus, embeddings, plots, prediction, transformer, views

TEXT = "Anna has a red ball . Tom has a blue kite ."


def strongest_heads(
    lm: lmviz.LanguageModel, texts: list[str]
) -> list[tuple[int, int, float]]:
    scores = corpus.head_scores(lm, texts, progress=False)
    return attention.strongest(scores["induction"], 3)


def next_tokens(lm: lmviz.LanguageModel, trace: lmviz.Trace) -> dict[str, float]:
    probs = prediction.probabilities(trace.logits[-1], temperature=0.8)
    top = probs.topk(3).indices
    return {lm.tokens([i])[0]: float(probs[i]) for i in top}


def draw(lm: lmviz.LanguageModel, trace: lmviz.Trace, folder: Path) -> None:
    layer, head, _ = strongest_heads(lm, [TEXT, f"{TEXT} {TEXT}"])[0]
    ax = plots.attention_map(trace.attentions[layer, head], trace.tokens, scale="log1p")
    figure = ax.get_figure(root=True)
    assert figure is not None
    figure.savefig(folder / "head.png")  # pyright: ignore[reportUnknownMemberType]
    views.attention(trace.attentions, trace.tokens).save(folder / "heads.html")
    # What models return, and lists, are arrays, too.
    views.attention(list(trace.attentions), list(trace.tokens))
    plots.heatmap([[1.0, 0.0], [0.5, 0.5]], xticklabels=["a", "b"])


def rebuilt(lm: lmviz.LanguageModel, text: str) -> float:
    model = transformer.extract(lm)
    ids = lm.encode(text)
    difference = transformer.logits(model, ids) - lm.trace(ids).logits
    table = transformer.token_table(lm)
    names: list[str] = lm.tokens(embeddings.nearest_neighbors(table, int(ids[0]))[0])
    print(*names)
    return float(difference.abs().max())


def main(folder: Path) -> dict[str, float]:
    lm = lmviz.load("toy")
    trace = lm.trace(TEXT)
    draw(lm, trace, folder)
    print(rebuilt(lm, TEXT), lm.generate(TEXT, n_tokens=2, k=1))
    with attention.ablate_heads(lm, (0, 1)):
        print([step.id for step in prediction.generate(lm, [0, 1, 2], n_tokens=1)])
    return next_tokens(lm, trace)
