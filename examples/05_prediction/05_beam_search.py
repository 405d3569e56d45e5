r"""
Beam search, and why the most likely text is dull
=================================================

Greedy decoding takes the most likely token at each step, which need not lead to the
most likely text. Can we find that text, and would we want it? After this lesson you can
write beam search, compare it with the optimum, and say for which tasks it is right.
"""

# %%
# Two steps on paper
# ------------------
# Let the first token be A, B or C with the probabilities 0.44, 0.3 and 0.26. The most
# likely second token has the probability 0.5 after A, 0.8 after B and 1 after C. Greedy
# decoding takes A and reaches 0.22. It never sees that C leads to 0.26.
#
# **Beam search** keeps the :math:`k` most likely sequences instead of one. These are
# its *beams*, and :math:`k` is its *width*. At each step, it extends every beam by
# every token and keeps the best :math:`k` of all extensions. It works with
# log-probabilities, whose sum over the tokens is the logarithm of the probability of
# the sequence:
#
# .. math::
#    \hat y = \underset{y}{\mathrm{argmax}}\; \ln p(y \mid x), \qquad
#    \ln p(y \mid x) = \sum_{t=1}^{n} \ln p(y_t \mid x, y_1, \dots, y_{t-1}) .
#
# The function takes the prompt's ids, :math:`x`, and a function from sequences to the
# log-probabilities of the next token. It also returns the history of its beams.
import torch


def search(log_probs, ids, n_tokens, width):
    """Return the beams (k, T), their log-probabilities (k,), and the kept steps."""
    beams, totals, history = ids[None], torch.zeros(1), []
    for _ in range(n_tokens):
        logs = log_probs(beams)  # (beams, V)
        scores = (totals[:, None] + logs).flatten()  # of every extension
        totals, best = scores.topk(min(width, len(scores)))
        parents, tokens = best // logs.shape[1], best % logs.shape[1]
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
second = {"": (0.40, 0.35, 0.25, 0), "AA": (1, 0, 0, 0), "B": (0.5, 0.5, 0, 0)}
nothing = torch.tensor([], dtype=torch.int64)
print("table   width  best  probability  in nats")
for name, table, n_tokens in (("first", first, 2), ("second", second, 3)):
    for width in (1, 2, 3):
        beams, totals, _ = search(from_table(table), nothing, n_tokens, width)
        letters, total = "".join("ABCD"[i] for i in beams[0]), totals[0]
        print(f"{name:6}  {width:<5}  {letters:4}  {total.exp():<11.3g}  {total:.3f}")

# %%
# In the first table, width 1 is greedy decoding (0.22), width 2 finds 0.24 by way of B,
# and width 3 keeps all first tokens, so it is exact: 0.26.
#
# A wider beam is not always better. In the second table, A (0.4) is followed by another
# A (0.3) and then by a certain token, so that greedy decoding reaches 0.12. B (0.35) is
# followed by two tokens of 0.5 each. At the second step both have :math:`0.35 \cdot 0.5
# = 0.175`, more than the 0.12 of A's extension, and fill a beam of width 2, whose best
# result is 0.0525. Beam search is a heuristic: a sequence that falls behind is lost.
#
# SmolLM2's beams
# ---------------
# We search for five tokens with a width of 3. ``prediction.beam_search`` in the package
# does the same with a KV cache (:doc:`lesson 5.4
# </lessons/05_prediction/04_kv_cache>`), and so does ``generate`` in ``transformers``
# with ``num_beams``. The score of a sequence of :math:`n` tokens is its log-probability
# divided by :math:`n^\alpha`, where :math:`\alpha` is the **length penalty** (Wu et
# al., 2016, use a related formula). It matters if sequences end at different lengths;
# here all have five tokens.
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
options |= {"return_dict_in_generate": True, "output_scores": True}
theirs = lm.module.generate(prompt[None], max_new_tokens=n_tokens, **options)
ours = prediction.beam_search(lm, prompt, n_tokens=n_tokens, n_beams=width)
print("log-probability  score   text")
for beam in ours:
    print(f"{beam.log_prob:<15.2f}  {beam.score:.3f}  {lm.decode(beam.ids)!r}")
[greedy] = prediction.beam_search(lm, prompt, n_tokens=n_tokens, n_beams=1)
print(f"greedy: {greedy.log_prob:.2f}, {lm.decode(greedy.ids)!r}")
assert theirs.sequences.equal(beams)
assert torch.tensor([beam.ids for beam in ours]).equal(beams[:, len(prompt) :])
scores = torch.stack([torch.tensor([b.score for b in ours]), theirs.sequences_scores])
difference = float((totals / n_tokens - scores).abs().max())
print(f"scores, largest absolute difference from the two libraries': {difference:.1e}")
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
    "The sequence that wins was third after the first step. Each column lists the "
    "sequences kept, by their last token and log-probability in nats; lines lead to "
    "the tokens that extend them, and the path of the winner is bold.",
    alt="A tree with three tokens in each of five columns, joined by lines.",
)
plt.show()

# %%
# The winner, “ made his way to the”, has the log-probability −4.84. Greedy decoding
# ends with −6.50, the third beam: a text that is five times less likely. “ began” was
# the most likely first token, but what follows “ made” is nearly certain.
#
# Against the optimum
# -------------------
# Whether beam search finds the most likely text can be checked on the toy (:doc:`its
# page </book/toy>`), whose vocabulary is small. A log-probability can only fall when a
# token is added. So any sequence that is already below the result of a beam search can
# be discarded, and if all others are kept, the search is exact. This is called *branch
# and bound*. We let stories continue for six words after two facts and a name, in 24
# stories with new combinations.
from itertools import islice

from lmviz.toy import language

toy = lmviz.load("toy")


def optimum(ids, n_tokens, bound):
    """Return the highest log-probability, which is at least the bound."""
    beams, totals = ids[None], torch.zeros(1)
    for _ in range(n_tokens):
        scores = totals[:, None] + next_token(toy)(beams)
        rows, tokens = (scores >= bound - 1e-3).nonzero(as_tuple=True)
        beams = torch.cat([beams[rows], tokens[:, None]], 1)
        totals = scores[rows, tokens]
    return beams[totals.argmax()], float(totals.max())


widths, found = (1, 2, 3), []
for story in islice(language.stories("beam", held_out=True), 24):
    ids = toy.encode(" ".join((*story.words[1:13], story.words[1])))
    searches = [search(next_token(toy), ids, 6, width) for width in widths]
    results = [float(totals[0]) for _, totals, _ in searches]
    text, best = optimum(ids, 6, max(results))
    found.append([*results, best])
found = torch.tensor(found)
print("width  optimum found  mean log-probability")
for i, width in enumerate(widths):
    times = int((found[:, i] > found[:, -1] - 1e-3).sum())
    print(f"{width:<5}  {times:2} of {len(found)}       {found[:, i].mean():.2f}")
print(f"exact optimum, mean log-probability: {found[:, -1].mean():.2f}")
for name, words in (("greedy", searches[0][0][0]), ("optimum", text)):
    print(f"last story, {name}: … {toy.decode(words[len(ids) - 1 :])}")

# %%
# Greedy decoding never finds the optimum, and width 2 finds it in 1 of 24 stories. The
# words explain why. After a name, “went” has the probability 0.4, “sings” and “still”
# 0.3 each in the toy's language. But “went” leads to one of five destinations and one
# of four moods, while all words after “still” are determined. A width of 2 keeps “went”
# and whichever of the two others the model puts first by a rounding of their tie. Width
# 3 keeps all three and finds the optimum every time. In longer texts no width is safe.
#
# Likely text is dull
# -------------------
# Is the most likely text what we want? We take four passages of Python's manual, give
# SmolLM2 32 tokens of each, and continue with 24 tokens: the manual's own, sampled
# ones, greedy ones and those of beam search. For each continuation we measure the mean
# surprisal under SmolLM2, and the share of its trigrams that occurred before in it.
from pydoc_data.topics import topics

names = ["assert", "for", "while", "import"]
passages = torch.stack(
    [lm.encode(" ".join(topics[name].split())[:1000])[10:66] for name in names]
)
prompts = passages[:, :32]
texts = {"the manual": passages[:, 32:]}
for name, more in {
    "sampled": {"do_sample": True, "top_k": 0},
    "greedy": {"do_sample": False},
    "beam search, 4": {"do_sample": False, "num_beams": 4},
}.items():
    more |= {"attention_mask": torch.ones_like(prompts), "pad_token_id": 0}
    both = lm.module.generate(prompts, min_new_tokens=24, max_new_tokens=24, **more)
    texts[name] = both[:, 32:]

surprisal = {}
print("continuation    nats per token  range         repeated trigrams")
for name, ids in texts.items():
    logs = lm.module(torch.cat([prompts, ids], 1)).logits[:, 31:-1].log_softmax(-1)
    surprisal[name] = -logs.gather(2, ids[:, :, None])[..., 0]
    means, rows = surprisal[name].mean(1), ids.tolist()
    different = sum(len({*zip(row, row[1:], row[2:], strict=False)}) for row in rows)
    spread = f"{means.min():.2f} to {means.max():.2f}"
    repeated = 1 - different / (22 * len(rows))
    print(f"{name:14}  {means.mean():<14.2f}  {spread:12}  {repeated:.0%}")
print("first passage, beam search:", repr(lm.decode(ids[0])))
ending = -lm.module(prompts).logits[:, -1].log_softmax(-1)[:, 0]  # <|endoftext|>
print(f"surprisal of ending at once: {ending.min():.1f} to {ending.max():.1f} nats")
print(f"of the manual's text: at least {surprisal['the manual'].sum(1).min():.1f} nats")

# %%
_, ax = plt.subplots(figsize=(6.08, 3.0), layout="constrained")
for (name, values), style in zip(surprisal.items(), ("-", ":", "--", "-"), strict=True):
    if name != "sampled":
        smooth = values.mean(0).unfold(0, 5, 1).mean(-1)
        ax.plot(range(3, 23), smooth, style, label=name)
ax.set(title="Surprisal along the continuation", xlabel="token", ylabel="nats")
ax.legend()
plots.caption(
    "Text that was searched for is far more predictable than human text, at every "
    "token. Mean surprisal over four passages and five neighbouring tokens.",
    alt="Three curves over the tokens. That of the manual is highest, the greedy one "
    "far below it, and that of beam search lowest.",
)
plt.show()

# %%
# The manual's words have a mean surprisal of 2.76 nats, greedy tokens of 0.72, and
# those of beam search 0.49: it does find more likely text. But half of its trigrams
# (51%) are repetitions, in the manual 5%; a phrase that occurred once is likely to
# occur again. Holtzman et al. (2020) call this *degeneration*: human text is not made
# of its most likely words. Sampled text repeats hardly anything, but here its surprisal
# is above the manual's, which is why sampling is truncated (:doc:`lesson 5.2
# </lessons/05_prediction/02_sampling>`).
#
# The mode, the most likely text of any length, can be worse. The surprisal of ending
# the text at once is at most 14.1 nats, that of the manual's continuations at least
# 28.2. So saying nothing is more likely than any of them. Stahlberg and Byrne (2019)
# searched translation models exactly: for over half of the sentences, the mode was
# empty. Wide beams approach it, so that quality falls with the width (*beam search
# curse*). A positive length penalty counters this. Beam search is right where the input
# almost determines the output, as in translation or speech recognition, and wrong for
# stories and conversation.
#
# Summary
# -------
# - Beam search keeps the :math:`k` most likely sequences at each step. As a rule, it
#   finds more likely texts than greedy decoding, but it is not exact.
# - The most likely text of a language model is repetitive or even empty.
# - Search where one answer is right; sample where many are.
#
# Exercises
# ---------
# *Speculative decoding* (Leviathan et al., 2023) lets a small model draft tokens, each
# drawn from its distribution :math:`q`. The large model, with the distribution
# :math:`p`, accepts token :math:`i` with the probability :math:`\min(1, p_i/q_i)`, and
# otherwise draws from :math:`\max(0, p - q)`, normalised. Let :math:`p = (0.8, 0.2)`
# and :math:`q = (0.5, 0.5)`. With which probability is the first token the result?
#
# .. admonition:: Answer
#    :class: dropdown
#
#    Drafted and accepted: :math:`0.5`. Second drafted, rejected and replaced by the
#    first: :math:`0.5\,(1 - 0.2/0.5) = 0.3`. The sum is :math:`p_1`: the result is an
#    exact sample of the large model.
#
# Further reading
# ---------------
# - Holtzman, Buys, Du, Forbes and Choi, *The Curious Case of Neural Text Degeneration*
#   (ICLR 2020).
# - Stahlberg and Byrne, *On NMT Search Errors and Model Errors: Cat Got Your Tongue?*
#   (EMNLP 2019).
# - Wu et al., *Google's Neural Machine Translation System: Bridging the Gap between
#   Human and Machine Translation* (2016), section 7.
# - Leviathan, Kalman and Matias, *Fast Inference from Transformers via Speculative
#   Decoding* (ICML 2023).
