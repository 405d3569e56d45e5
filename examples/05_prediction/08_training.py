r"""
Training a language model
=========================

A language model starts from random parameters and learns from text alone. How? In this
lesson you derive the gradient of the loss, see its effect on attention, and train a
small transformer on a language whose true probabilities are known.
"""

# %%
# One step on paper
# -----------------
# A vocabulary has the tokens 0, 1 and 2. The model gives them the logits :math:`z` =
# (2, 1, 0), with the softmax :math:`p`, and token 1 follows. The loss is its surprisal,
# :math:`-\ln p_1`. The **gradient** is the vector of the derivatives of the loss. Since
# :math:`\ln p_t = z_t - \ln \sum_j e^{z_j}`,
#
# .. math::
#    \frac{\partial (-\ln p_t)}{\partial z_i}
#    = \frac{e^{z_i}}{\sum_j e^{z_j}} - y_i = p_i - y_i ,
#
# where :math:`y_i` is 1 for the token that followed and 0 for all others. **Gradient
# descent** subtracts the gradient, multiplied by a **learning rate**, from the
# parameters. Here the logits are the parameters, and the learning rate is 1.

# sphinx_gallery_start_ignore
import lmviz

lmviz.print_anywhere()
# sphinx_gallery_end_ignore
import torch
from torch.nn.functional import cross_entropy, rms_norm

z = torch.tensor([2.0, 1.0, 0.0], requires_grad=True)
y = torch.tensor([0.0, 1.0, 0.0])
loss = -z.log_softmax(0)[1]
loss.backward()  # autograd computes the gradient
p = z.detach().softmax(0)
after = z.detach() - (p - y)
for name, values in {"p": p, "p - y": p - y, "z after the step": after}.items():
    print(f"{name}:", *(f"{value:.3f}" for value in values))
assert torch.allclose(z.grad, p - y)
print(f"loss before {loss.item():.3f}, after {-after.log_softmax(0)[1]:.3f}")

# %%
# The token that followed had the probability 0.245, and its entry of the gradient is
# −0.755, so its logit rises. The other logits fall, by 0.665 and 0.090, the
# probabilities of their tokens. The loss falls from 1.408 to 0.596. A single gradient
# is zero only if the prediction is right and certain. The *mean* gradient is zero for
# true probabilities: if :math:`p_i = 0.7`, it is :math:`0.7\,(0.7-1) + 0.3\cdot0.7=0`.
#
# All positions at once
# ---------------------
# A text of :math:`T + 1` tokens gives :math:`T` predictions. The training loss is their
# mean surprisal, the cross-entropy,
#
# .. math:: \mathcal L = -\frac1T \sum_{t=1}^{T} \ln p(x_{t+1} \mid x_1, \dots, x_t) .
#
# The causal mask hides later tokens, so one forward pass computes all predictions. Each
# is conditioned on the text itself, not on the model's own earlier predictions
# (**teacher forcing**). *Backpropagation* (Rumelhart et al., 1986) then computes the
# gradient for every parameter: it applies the chain rule backwards from the loss.
#
# How does a training step change attention? Query :math:`i` has scores :math:`s_{ij}`,
# weights :math:`\alpha_{ik} = e^{s_{ik}} / Z` with :math:`Z = \sum_j e^{s_{ij}}`, and
# an output :math:`o_i = \sum_k \alpha_{ik} v_k`. Let :math:`g_i` be the gradient of the
# loss with respect to :math:`o_i`. The quotient rule and the chain rule give
#
# .. math::
#    \begin{split}
#    \frac{\partial \alpha_{ik}}{\partial s_{ij}} &= \frac{\delta_{jk}\, e^{s_{ik}} Z -
#    e^{s_{ik}} e^{s_{ij}}}{Z^2} = \alpha_{ik} (\delta_{jk} - \alpha_{ij}), \\
#    \frac{\partial o_i}{\partial s_{ij}} &= \sum_k \alpha_{ik} (\delta_{jk} -
#    \alpha_{ij})\, v_k = \alpha_{ij} (v_j - o_i), \\
#    \frac{\partial \mathcal L}{\partial s_{ij}} &= \alpha_{ij}\, g_i \cdot (v_j - o_i),
#    \end{split}
#
# where :math:`\delta_{jk}` is 1 if :math:`j = k` and 0 otherwise. If moving the output
# towards the value :math:`v_j` lowers the loss, descent raises the score of key
# :math:`j`. We check the formula with a random gradient :math:`g`.
scores, values = torch.randn(4, 4, requires_grad=True), torch.randn(4, 8)
weights, g = scores.softmax(-1), torch.randn(4, 8)
(outputs := weights @ values).backward(g)
ours = weights * (g[:, None] * (values - outputs[:, None])).sum(-1)  # sum over d
off = (ours - scores.grad).detach().abs().max()
print(f"scores, largest absolute difference from autograd: {off:.1e}")
assert off < 1e-5

# %%
# A small transformer
# -------------------
# Our model has learned positions and two blocks. Each block normalises the vectors
# :math:`x` of the :doc:`residual stream </book/terms>`, without learned gains, and adds
# the output of two attention heads: :math:`x \leftarrow x + \mathrm{Attention}
# (\mathrm{norm}(x))\, W_O`. There are no MLPs (:doc:`lesson 5.9
# </lessons/05_prediction/09_whole_model>` adds them). The unembedding of the normalised
# last state gives the logits. The model learns the :doc:`toy's language </book/toy>`
# from stories; held-out stories combine names, colours and things in new ways.
from itertools import islice

import lmviz
from lmviz.toy import evaluate, grammar, language

toy = lmviz.load("toy")
V, T, D, H = toy.card.vocabulary, 32, 32, 2


def random_parameters():
    torch.manual_seed(0)
    shapes = {"tokens": (V, D), "positions": (T, D), "unembedding": (D, V)}
    shapes |= {f"W_{name}{layer}": (D, D) for layer in (0, 1) for name in "QKVO"}
    draws = {k: 0.1 * torch.randn(s, dtype=torch.float64) for k, s in shapes.items()}
    return {k: draw.requires_grad_() for k, draw in draws.items()}


def forward(w, ids):
    n, maps = ids.shape[1], []
    mask = torch.full((n, n), -torch.inf).triu(1)
    x = w["tokens"][ids] + w["positions"][:n]  # (B, T, D): B texts
    for layer in (0, 1):
        y = rms_norm(x, (D,), eps=1e-5)
        qkv = (y @ w[f"W_{name}{layer}"] for name in "QKV")
        q, k, v = (z.unflatten(-1, (H, -1)).transpose(1, 2) for z in qkv)  # split heads
        maps.append((q @ k.mT / (D // H) ** 0.5 + mask).softmax(-1))  # (B, H, T_q, T_k)
        heads = (maps[-1] @ v).transpose(1, 2).flatten(2)  # side by side: (B, T, D)
        x = x + heads @ w[f"W_O{layer}"]
    return rms_norm(x, (D,), eps=1e-5) @ w["unembedding"], maps  # logits: (B, T, V)


def loss_of(logits, ids):
    return cross_entropy(logits.flatten(0, 1), ids[:, 1:].flatten())


def train(texts, steps):
    w = random_parameters()
    optimizer = torch.optim.AdamW(w.values(), lr=0.01)
    for step in range(steps + 1):
        if step:  # yield the parameters before training, and after each step
            batch = texts[torch.randint(len(texts), (16,))]
            optimizer.zero_grad()
            loss_of(forward(w, batch[:, :-1])[0], batch).backward()
            optimizer.step()
        yield step, w


# %%
# Training repeats four steps: take a *batch* of 16 texts, predict, compute the loss and
# its gradient, and change all parameters a little. *AdamW* (Kingma and Ba, 2015;
# Loshchilov and Hutter, 2019) averages the gradients of recent steps and divides each
# entry by its recent root mean square, so parameters with small gradients move as fast
# as others. It also shrinks all parameters slightly (*weight decay*, the W).
#
# Baselines and learning curves
# -----------------------------
# We compare the loss with four baselines. One is uniform over all words. The others
# predict from counts in the training stories: of words, of pairs of successive words
# (*bigrams*), and of such pairs at each position. No model has a lower expected loss
# than the *truth*, the true probabilities, whose loss is their entropy. We train on 64
# stories for 400 steps, and on 8,000 for 800.
learned = list(islice(language.stories("lesson"), 8_000))
truth = list(islice(language.stories("lesson", held_out=True), 200))
seen = evaluate.pad([story.words for story in learned])[0][:, : T + 1]
unseen = evaluate.pad([story.words for story in truth])[0][:, : T + 1]
counts = torch.full((T, V, V), 0.01)  # of a position, a word and the next word
where = torch.arange(T).expand(len(seen), T), seen[:, :-1], seen[:, 1:]
counts.index_put_(where, torch.tensor(1.0), accumulate=True)
pairs, table = counts.sum(0), counts.log()[torch.arange(T), unseen[:, :-1]]
entropies = [language.entropy(probs) for story in truth for probs in story.probs[:T]]
baselines = {
    "uniform": loss_of(torch.zeros(table.shape), unseen).item(),
    "words": loss_of(pairs.sum(0).log().expand(table.shape), unseen).item(),
    "bigrams": loss_of(pairs.log()[unseen[:, :-1]], unseen).item(),
    "word, position": loss_of(table, unseen).item(),
    "truth": sum(entropies) / len(entropies),
}
print(*(f"{name}: {value:.2f} nats;" for name, value in baselines.items()))
curves = {64: [], 8_000: []}
print("stories  step  loss  held out  greedy text")
for texts, steps in ((seen[:64], 400), (seen, 800)):
    for step, w in train(texts, steps):
        if step in (0, 3, 10, 30, 60, 100, 200, 400, 800):
            with torch.no_grad():
                both = texts[:200], unseen
                losses = [loss_of(forward(w, x[:, :-1])[0], x).item() for x in both]
                text = toy.encode("Anna has a")
                for _ in range(12):
                    best = forward(w, text[None])[0][0, -1:].argmax(-1)
                    text = torch.cat([text, best])
            curves[len(texts)].append((step, *losses))
            cells = f"{len(texts):7}", f"{step:4}", *(f"{x:.2f}" for x in losses)
            print("{}  {}  {}  {:8} ".format(*cells), *toy.tokens(text[1:]))

# %%
import matplotlib.pyplot as plt

from lmviz import plots

_, ax = plt.subplots(figsize=(3.4, 3.6), layout="constrained")
styles = {(64, 1): "C1:", (64, 2): "C1--", (8_000, 2): "C0-"}
for (n, column), style in styles.items():
    data = curves[n][1:]
    label = f"{n:,} stories, " + ("held out" if column == 2 else "training")
    ax.plot([c[0] for c in data], [c[column] for c in data], style, label=label)
for name, value in baselines.items():
    ax.axhline(value, color="0.5", lw=1)
    x = 3 if value < 2 else 200
    ax.annotate(name, (x, value), (0, 2), textcoords="offset points")
ax.set(title="Learning curves", xscale="log", ylim=(0, 4.8))
ax.set(xlabel="training step", ylabel="loss (nats per word)")
ax.legend(loc="right", bbox_to_anchor=(1, 0.64))
plots.caption(
    "The loss falls below all baselines and approaches the entropy. The curves show "
    "the loss during training, the grey lines the baselines and the entropy (truth). "
    "With 64 training stories, the held-out loss rises again.",
    alt="Three falling curves. The solid one, for 8,000 stories, ends above the line "
    "of the truth. For 64 stories, the training loss falls below it; the held-out loss "
    "rises again.",
)
plt.show()

# %%
# At step 0, the model is slightly worse than a uniform guess, at 4.54 against 4.36
# nats, since its random preferences are wrong. At step 30, its loss of 1.41 nats is
# below that of the bigrams, 1.51, and it generates sentences. Even a loss of 1.10 nats
# needs no attention, as the baseline of word and position shows; a lower one does.
# After 800 steps, the loss is 0.89; the truth has 0.68 in these first 32 words. The
# last text is grammatical, but two people have the same *brown ball*, which no story
# allows.
#
# In 100 passes over only 64 stories, the loss on these falls to 0.21 nats, far below
# the entropy, and on held-out stories it rises from 1.29 to 2.36. The model has
# memorised random choices that no other story repeats; this is called **overfitting**.
# With 8,000 stories, in less than two passes, training and held-out loss are equal.
#
# A head before and after
# -----------------------
# Pronouns agree with a name several words earlier: “Anna went to the park with her …”.
# The table shows the share of pronouns predicted correctly, and each head's weight on
# this name, averaged over the queries that predict a pronoun. A weight is not an
# effect, so we also ablate each head by setting its rows of :math:`W_O` to zero.
names = {*grammar.WOMEN, *grammar.MEN}
asked = []
for number, story in enumerate(truth):
    for t in [t for t in range(T) if story.kinds[t] == "agreement"]:
        last = max(j for j in range(t + 1) if story.words[j] in names)
        asked.append((number, t, last))
i, t, name = torch.tensor(asked).T
cases = {"before training": random_parameters(), "after training": w}
for layer, head in ((0, 0), (0, 1), (1, 0), (1, 1)):
    matrix = w[f"W_O{layer}"].detach().clone()
    matrix[head * D // H : (head + 1) * D // H] = 0
    cases[f"without {layer}.{head}"] = {**w, f"W_O{layer}": matrix}
print("model            right  head 0.0  head 0.1  head 1.0  head 1.1")
for label, parameters in cases.items():
    with torch.no_grad():
        logits, maps = forward(parameters, unseen[:, :-1])
    right = (logits[i, t].argmax(-1) == unseen[i, t + 1]).float().mean()
    weights = [f"{x:8.2f}" for layer in maps for x in layer[i, :, t, name].mean(0)]
    print(f"{label:15}  {right:5.0%}", *weights, sep="  ")
base = (table[i, t].argmax(-1) == unseen[i, t + 1]).float().mean()
print(f"{len(t)} pronouns, baseline {base:.0%}, even weight {(1 / (t + 1)).mean():.2f}")

# %%
# Before training, each head attends evenly, with a weight of about 0.05 on the name.
# After training, all 169 predictions are right, and head 1.1 has over half of its
# weight on the name. Ablating it has the largest effect, but leaves more right than the
# baseline of word and position, 49%; layer 0 is needed, too. The gradient explains this
# weight: the name's value made the right pronoun more likely, so its score rose.
#
# Summary
# -------
# - The loss is the mean surprisal of the next token, at all positions at once; its
#   gradient with respect to the logits is :math:`p - y`.
# - The score of a key rises if moving the output towards its value lowers the loss.
# - Compare a loss with baselines. Only held-out text reveals overfitting.
#
# Exercises
# ---------
# A head is saturated: its weight on one key is 1. What are the gradients of its scores?
#
# .. admonition:: Answer
#    :class: dropdown
#
#    All are zero: :math:`v_j - o_i` is zero for that key, and :math:`\alpha_{ij}` for
#    the others. To avoid this, scores are divided by :math:`\sqrt{d_\text{head}}`.
#
# Further reading
# ---------------
# - Rumelhart, Hinton and Williams, *Learning representations by back-propagating
#   errors* (Nature 1986).
# - Kingma and Ba, *Adam: A Method for Stochastic Optimization* (ICLR 2015).
# - Loshchilov and Hutter, *Decoupled Weight Decay Regularization* (ICLR 2019).
