r"""
Beam search, and why the most likely text is dull
=================================================

Greedy decoding takes the most likely token at each step, which need not lead to the
most likely text. Can we find that text, and would we want it? After this lesson you can
write beam search, compare it with the optimum, and say which tasks it suits.
"""

# %%
# Two steps on paper
# ------------------
# Let the first token be A, B or C with probabilities 0.44, 0.3 and 0.26. The most
# likely second token has a probability of 0.5 after A, 0.8 after B and 1 after C.
# Greedy decoding takes A, for a total of 0.22. It never sees that C leads to 0.26.
#
# **Beam search** keeps the :math:`k` most likely sequences instead of one. These are
# the *beams*, and :math:`k` is the *beam width*. At each step, it extends every beam by
# every token and keeps the best :math:`k` of all extensions. Its aim is the most likely
# continuation :math:`\hat y` of a prompt :math:`x`. It works with log-probabilities,
# whose sum over the tokens is the logarithm of the probability of the sequence:
#
# .. math::
#    \hat y = \underset{y}{\mathrm{argmax}}\; \ln p(y \mid x), \qquad
#    \ln p(y \mid x) = \sum_{t=1}^{n} \ln p(y_t \mid x, y_1, \dots, y_{t-1}) .
#
# Our function takes the prompt's ids and a function that gives the log-probabilities of
# the token after each sequence. We apply it to this example and to a second one.

# sphinx_gallery_start_ignore
import lmviz

lmviz.print_anywhere()
# sphinx_gallery_end_ignore
import torch


def search(log_probs, ids, n_tokens, width):
    """Return the beams (k, T), their log-probabilities (k,), and the kept steps."""
    beams, totals, history = ids[None], torch.zeros(1), []
    for _ in range(n_tokens):
        logs = log_probs(beams)  # (beams, V)
        scores = (totals[:, None] + logs).flatten()  # of every extension
        totals, best = scores.topk(min(width, len(scores)))
        size = logs.shape[1]  # V; an index in `scores` is beam * V + token
        parents, tokens = best // size, best % size
        beams = torch.cat([beams[parents], tokens[:, None]], dim=1)
        history.append((parents, tokens, totals))
    return beams, totals, history


def from_table(table, other=(0.30, 0.25, 0.25, 0.20)):
    """Return log-probabilities of A, B, C and D, given the letters so far."""
    return lambda beams: torch.tensor(
        [table.get("".join("ABCD"[i] for i in row), other) for row in beams]
    ).log()


first = {"": (0.44, 0.30, 0.26, 0), "A": (0.5, 0.5, 0, 0), "B": (0.8, 0.2, 0, 0)}
first |= {"C": (1, 0, 0, 0)}
second = {"": (0.40, 0.35, 0.25, 0), "A": (0.30, 0.25, 0.25, 0.20)}
second |= {"AA": (1, 0, 0, 0), "B": (0.5, 0.5, 0, 0)}  # after all others: `other`
nothing = torch.tensor([], dtype=torch.int64)
print("table   width  best  probability  log-probability")
for name, table, n_tokens in (("first", first, 2), ("second", second, 3)):
    for width in (1, 2, 3):
        beams, totals, _ = search(from_table(table), nothing, n_tokens, width)
        letters, total = "".join("ABCD"[i] for i in beams[0]), totals[0]
        print(f"{name:6}  {width:<5}  {letters:4}  {total.exp():<11.3g}  {total:.3f}")

# %%
# In the first table, width 1 is greedy decoding (0.22), width 2 finds 0.24 through B,
# and width 3 keeps all first tokens, so it is exact: 0.26.
#
# A wider beam is not always better. In the second table, greedy decoding takes A (0.4),
# A (0.3), and a third token that is certain, with a product of 0.12. B (0.35) is
# followed by A or B with 0.5 each. BA and BB have a probability of :math:`0.35 \cdot
# 0.5 = 0.175`, more than AA, and are the only sequences that a width of 2 keeps. Their
# next token has a probability of at most 0.3, so the result is 0.0525. A width of 3
# also keeps AA, and finds 0.12 again. A sequence once dropped is lost.
#
# Beam search with SmolLM2
# ------------------------
# We search for five tokens with a width of 3. Our package's ``beam_search`` does the
# same with a KV cache (:doc:`lesson 5.4 </lessons/05_prediction/04_kv_cache>`), and so
# does ``generate`` in ``transformers`` with ``num_beams``. Both give a sequence of
# :math:`n` tokens a score, its log-probability divided by :math:`n^\alpha`, where
# :math:`\alpha` is the **length penalty** (Wu et al., 2016, use a related formula).
# Despite its name, it favours long sequences: a log-probability is negative, so
# dividing it by a larger number raises it.
import lmviz
from lmviz import prediction

lm = lmviz.load("smollm2")
prompt = lm.encode("The old man opened the door and")
n_tokens, width = 5, 3


def next_token(model):
    return lambda beams: model.module(beams).logits[:, -1].log_softmax(-1)


beams, totals, history = search(next_token(lm), prompt, n_tokens, width)
options = {"num_beams": width, "num_return_sequences": width, "length_penalty": 1.0}
options |= {"attention_mask": torch.ones_like(prompt)[None], "pad_token_id": 0}
theirs = lm.module.generate(prompt[None], max_new_tokens=n_tokens, **options)
ours = prediction.beam_search(lm, prompt, n_tokens=n_tokens, n_beams=width)
print("log-probability  score   text")
for beam in ours:
    print(f"{beam.log_prob:<15.2f}  {beam.score:.3f}  {lm.decode(beam.ids)!r}")
assert search(next_token(lm), prompt, n_tokens, 1)[0].equal(beams[2:])  # greedy
assert theirs.equal(beams)
assert torch.tensor([beam.ids for beam in ours]).equal(beams[:, len(prompt) :])
scores = torch.tensor([beam.score for beam in ours])
difference = float((totals / n_tokens - scores).abs().max())
print(f"scores, largest absolute difference from the package's: {difference:.1e}")
assert difference < 1e-4

# %%
import matplotlib.pyplot as plt

from lmviz import plots

path = [0]  # the row of the winner at each step, from the last to the first
for parents, _, _ in history[:0:-1]:
    path.append(int(parents[path[-1]]))
_, ax = plt.subplots(figsize=(7.68, 2.6), layout="constrained")
for step, (parents, tokens, values) in enumerate(history):
    for row in range(width):
        wins = row == path[n_tokens - 1 - step]
        colour = plots.COLORS["weight"] if wins else "0.6"
        ends = [int(parents[row]) if step else 1, row]
        ax.plot([step + 0.38, step + 0.7], ends, color=colour, lw=2.5 if wins else 1)
        label = f"{lm.tokens([tokens[row]])[0]}  {values[row]:.1f}"
        ax.text(step + 0.73, row, label, va="center", weight=700 if wins else 400)
ax.text(-0.05, 1, "… and", va="center")
ax.set(xlim=(-0.1, n_tokens + 0.4), ylim=(width - 0.5, -0.5), yticks=range(width))
ax.set(title="Three beams, five steps", xlabel="step", xticks=range(1, n_tokens + 1))
ax.set(ylabel="rank", yticklabels=range(1, width + 1))
plots.make_legible(ax)
plots.caption(
    "The winning sequence was third after the first step. Each column shows the "
    "sequences that are kept, each with its last token and log-probability in nats. "
    "Lines join each token to those that extend it; the path of the winner is bold.",
    alt="A tree with three tokens in each of five columns, joined by lines. The bold "
    "path begins in the third row and ends in the first.",
)
plt.show()

# %%
# The winner, “made his way to the”, has a log-probability of −4.84. The greedy text is
# the third beam, with −6.50: it is less likely by a factor of :math:`e^{1.66} = 5.3`.
# “began” is the most likely first token, but only just, and the tokens after “made” are
# more predictable than those after “began”.
#
# Against the optimum
# -------------------
# Does beam search find the most likely text? We can check this on the :doc:`toy
# </book/toy>`, a small model of a made-up language. Adding a token can't raise a
# log-probability. So a sequence that is already less likely than the result of a beam
# search can't win, and may be discarded. If all others are kept, the search is exact.
# This method is called *branch and bound*. We continue 24 stories by six words. Each
# begins with two facts and a name, in combinations that were not in the training data.
from itertools import islice

from lmviz.toy import language

toy = lmviz.load("toy")


def optimum(ids, n_tokens, bound):
    """Return the highest log-probability, which is at least the bound."""
    beams, totals = ids[None], torch.zeros(1)
    for _ in range(n_tokens):
        scores = totals[:, None] + next_token(toy)(beams)
        rows, tokens = (scores >= bound - 1e-3).nonzero(as_tuple=True)  # rounding
        beams = torch.cat([beams[rows], tokens[:, None]], 1)
        totals = scores[rows, tokens]
    return float(totals.max())


widths, found = (1, 2, 3), []
for story in islice(language.stories("beam", held_out=True), 24):
    ids = toy.encode(" ".join((*story.words[1:13], story.words[1])))
    searches = [search(next_token(toy), ids, 6, width) for width in widths]
    results = [float(totals[0]) for _, totals, _ in searches]
    found.append([*results, optimum(ids, 6, max(results))])
found = torch.tensor(found)
print("width  optimum found  mean log-probability")
for i, width in enumerate(widths):
    times = int((found[:, i] > found[:, -1] - 1e-3).sum())
    print(f"{width:<5}  {times:2} of {len(found)}       {found[:, i].mean():.2f}")

# %%
# Greedy decoding never finds the optimum, and width 2 finds it in 1 of 24 stories. The
# toy's language explains why. After a name, “went” has a probability of 0.4, “sings”
# and “still” 0.3 each. But “went” is followed by one of five destinations and one of
# four moods, while all words after “still” are determined. A width of 2 keeps “went”
# and one of the other two. Those two are equally likely in the language, but the model
# nearly always prefers “sings” by a small margin. Width 3 keeps all three, and always
# finds the optimum.
#
# Likely text is dull
# -------------------
# We give SmolLM2 32 tokens from each of four passages of Python's manual, and compare
# three continuations of 24 tokens: the manual's own, that of greedy decoding, and that
# of beam search. For each we measure the mean surprisal of a token under SmolLM2, with
# its range over the passages, and the share of 4-grams that are repetitions
# (:doc:`lesson 5.3 </lessons/05_prediction/03_generation>`).
#
# We also measure the surprisal of ending the text, before and after the continuation.
# In SmolLM2, ``<|im_end|>`` ends a turn of a chat, and ``<|endoftext|>`` a document.
# The passages are not part of a chat, so we use ``<|endoftext|>``.
from lmviz.texts import python_manual

names = ["assert", "for", "while", "import"]
pages = [lm.encode(" ".join(python_manual()[name].split())[:1000]) for name in names]
texts = {"the manual": torch.stack([page[10:66] for page in pages])}
prompts = texts["the manual"][:, :32]
options = {"attention_mask": torch.ones_like(prompts), "pad_token_id": 0}
options |= {"min_new_tokens": 24, "max_new_tokens": 24, "do_sample": False}
texts["greedy"] = lm.module.generate(prompts, **options)
texts["beam search, 4"] = lm.module.generate(prompts, num_beams=4, **options)
end = lm.token_id("<|endoftext|>")
print("continuation    nats per token  range         repeated 4-grams")
for name, ids in texts.items():
    logs = lm.module(ids).logits[:, 31:].log_softmax(-1)
    new = ids[:, 32:]
    surprisal = -logs[:, :-1].gather(2, new[:, :, None])[..., 0]
    at_once, later = -logs[:, 0, end], -logs[:, -1, end]
    means = surprisal.mean(1)
    grams = new.unfold(1, 4, 1)  # (4 passages, 21, 4)
    repeated = 1 - sum(len(row.unique(dim=0)) for row in grams) / (4 * 21)
    low, mean, high = means.min(), means.mean(), means.max()
    print(f"{name:14}  {mean:<14.2f}  {low:.2f} to {high:.2f}  {repeated:.0%}")
print("first passage, beam search:", repr(lm.decode(new[0])))
print("surprisal in passage  1     2     3     4")
print("end at once         ", *(f"{x:.1f}" for x in at_once), sep="  ")
print("beam search, then end", *(f"{x:.1f}" for x in surprisal.sum(1) + later), sep=" ")

# %%
# The manual's tokens have a mean surprisal of 2.76 nats, greedy tokens 0.72, and those
# of beam search 0.49, so beam search does find more likely text. But 48% of its 4-grams
# are repetitions (greedy decoding 24%, the manual 2%), since a phrase that has occurred
# once is likely to occur again. Holtzman et al. (2020) call this *degeneration*: human
# text does not consist of the most likely words.
#
# The most likely complete text of any length is called the *mode*. It can be even
# worse. Ending at once has a surprisal of 10.7 to 14.1 nats; the text of beam search
# followed by the end has 22.6 to 31.4. So the empty continuation is more likely in
# every passage. In a translation model, Stahlberg and Byrne (2019) found an empty mode
# for over half of the sentences. Wide beams approach the mode, and beyond some width
# translations get worse; dividing scores by the length helps only in part (Koehn and
# Knowles, 2017). Beam search suits tasks in which the input almost determines the
# output, such as translation or speech recognition. Stories and conversation need
# sampling (:doc:`lesson 5.2 </lessons/05_prediction/02_sampling>`).
#
# Summary
# -------
# - Beam search keeps the :math:`k` most likely sequences at each step. As a rule, it
#   finds more likely texts than greedy decoding, but it is not exact.
# - The most likely text of a language model can be repetitive or even empty.
# - Search when one answer is right; sample when many are.
#
# Exercises
# ---------
# 1. Which width guarantees the optimum for :math:`n` tokens?
# 2. In *speculative decoding* (Leviathan et al., 2023), a small model drafts a token
#    :math:`i`, drawn from its distribution :math:`q`. The large model, with the
#    distribution :math:`p`, accepts it with probability :math:`\min(1, p_i/q_i)`. After
#    a rejection, it draws from the positive part of :math:`p - q`, divided by its sum.
#    With :math:`p = (0.8, 0.2)` and :math:`q = (0.5, 0.5)`, how likely is token 1?
#
# .. admonition:: Answer
#    :class: dropdown
#
#    1. :math:`V^{n-1}`: no sequence is dropped before the last step.
#    2. Token 1 is drafted with probability 0.5 and always accepted (:math:`0.8 > 0.5`).
#       Token 2 is drafted with 0.5 and rejected with :math:`1 - 0.2/0.5 = 0.6`. The
#       positive part of :math:`p - q = (0.3, -0.3)`, divided by its sum, is
#       :math:`(1, 0)`: token 1 again. In total :math:`0.5 + 0.5 \cdot 0.6 = 0.8 = p_1`.
#
# Further reading
# ---------------
# - Holtzman, Buys, Du, Forbes and Choi, *The Curious Case of Neural Text Degeneration*
#   (ICLR 2020).
# - Stahlberg and Byrne, *On NMT Search Errors and Model Errors: Cat Got Your Tongue?*
#   (EMNLP 2019).
# - Koehn and Knowles, *Six Challenges for Neural Machine Translation* (Workshop on
#   Neural Machine Translation 2017), on wide beams.
# - Wu et al., *Google's Neural Machine Translation System: Bridging the Gap between
#   Human and Machine Translation* (2016), section 7.
# - Leviathan, Kalman and Matias, *Fast Inference from Transformers via Speculative
#   Decoding* (ICML 2023).
