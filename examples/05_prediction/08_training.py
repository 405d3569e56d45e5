r"""
Training: next-token loss, gradients and learning
=================================================

A language model starts from random numbers and learns from text alone. How? In this
lesson you derive the gradient of the loss, see what it does to attention, and train a
small transformer on the page, on a language whose true probabilities are known.
"""

# %%
# One step on paper
# -----------------
# A vocabulary has three tokens, and the model gives them the logits :math:`z` = (2, 1,
# 0). Token 1 follows. The loss is its surprisal, :math:`\ell = -\ln p_1`, and the
# **gradient** is the vector of the derivatives of the loss. With the logarithm of the
# softmax, :math:`\ln p_t = z_t - \ln \sum_j e^{z_j}`,
#
# .. math::
#    \frac{\partial (-\ln p_t)}{\partial z_i}
#    = \frac{e^{z_i}}{\sum_j e^{z_j}} - y_i = p_i - y_i ,
#
# where :math:`y_i` is 1 for the token that followed and 0 for all others. **Gradient
# descent** subtracts the gradient, times a **learning rate**, here 1.
import torch

z = torch.tensor([2.0, 1.0, 0.0], requires_grad=True)
y = torch.tensor([0.0, 1.0, 0.0])
loss = -z.log_softmax(0)[1]
loss.backward()  # autograd computes the gradient
p = z.detach().softmax(0)
after = z.detach() - (p - y)
for name, values in {"p": p, "p - y": p - y, "z after the step": after}.items():
    print(f"{name}:", *(f"{value:.3f}" for value in values))
print(f"loss before {loss.item():.3f}, after {-after.log_softmax(0)[1]:.3f}")
off = (z.grad - (p - y)).abs().max()
print(f"p - y, largest absolute difference from autograd: {off:.1e}")

# %%
# The token that followed had the probability 0.245, and its gradient is −0.755, so its
# logit rises. The others fall by their own probabilities, 0.665 and 0.090. The loss
# falls from 1.408 to 0.596. The gradient is zero only if the prediction is right and
# certain; on average over a text, it is zero if the probabilities are the true ones.
#
# All positions at once
# ---------------------
# A text of :math:`T + 1` tokens gives :math:`T` predictions. The training loss is their
# mean, the cross-entropy,
#
# .. math:: \mathcal L = -\frac1T \sum_{t=1}^{T} \ln p(x_{t+1} \mid x_1, \dots, x_t) .
#
# The causal mask hides later tokens, so one forward pass computes all of them. Each
# prediction is conditioned on the text, not on the model's own earlier predictions
# (**teacher forcing**). *Backpropagation* (Rumelhart et al., 1986) applies the chain
# rule from the loss back to every parameter.
#
# What does it do to attention? Query :math:`i` has scores :math:`s_{ij}`, weights
# :math:`\alpha_{ij}` and the output :math:`o_i = \sum_j \alpha_{ij} v_j`, and
# :math:`g_i` is the gradient of the loss with respect to :math:`o_i`. The derivative of
# the softmax, :math:`\partial \alpha_{ik} / \partial s_{ij} = \alpha_{ik} (\delta_{jk}
# - \alpha_{ij})`, gives
#
# .. math::
#    \begin{split}
#    \frac{\partial o_i}{\partial s_{ij}} &= \alpha_{ij} v_j - \alpha_{ij} \sum_k
#    \alpha_{ik} v_k = \alpha_{ij} (v_j - o_i), \\
#    \frac{\partial \mathcal L}{\partial s_{ij}} &= \alpha_{ij}\, g_i \cdot (v_j - o_i).
#    \end{split}
#
# Descent moves against the gradient: if a step of the output towards value :math:`v_j`
# would lower the loss, the score of key :math:`j` rises. A check on random numbers:
scores, values = torch.randn(4, 4, requires_grad=True), torch.randn(4, 8)
weights = scores.softmax(-1)
(outputs := weights @ values).retain_grad()
torch.nn.functional.cross_entropy(outputs, torch.tensor([3, 0, 5, 1])).backward()
towards = values[None] - outputs[:, None]  # (i, j, d): v_j - o_i
ours = weights * (outputs.grad[:, None] * towards).sum(-1)
off = (ours - scores.grad).detach().abs().max()
print(f"scores, largest absolute difference from autograd: {off:.1e}")
assert off < 1e-6

# %%
# Since :math:`s_{ij} = q_i \cdot k_j / \sqrt{d_\text{head}}`, the query then moves
# towards the keys whose scores should rise, and these keys move towards the query.
#
# A small transformer
# -------------------
# Our model has two layers of attention with two heads each, no MLP, learned positions,
# and norms without gains. It learns the :doc:`toy's language </book/toy>`: stories in
# which the probability of every word is known. Held-out stories have combinations of
# names, colours and things that don't occur in training.
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


def norm(x):
    return x * (x.square().mean(-1, keepdim=True) + 1e-5).rsqrt()


def forward(w, ids):
    n, maps = ids.shape[1], []
    mask = torch.full((n, n), -torch.inf).triu(1)
    x = w["tokens"][ids] + w["positions"][:n]
    for layer in (0, 1):
        qkv = (norm(x) @ w[f"W_{name}{layer}"] for name in "QKV")
        q, k, v = (y.unflatten(-1, (H, -1)).transpose(1, 2) for y in qkv)
        maps.append((q @ k.mT / (D // H) ** 0.5 + mask).softmax(-1))
        x = x + (maps[-1] @ v).transpose(1, 2).flatten(2) @ w[f"W_O{layer}"]
    return norm(x) @ w["unembedding"], maps  # (B, T, V); (B, H, T_q, T_k) in each layer


def loss_of(logits, ids):
    return torch.nn.functional.cross_entropy(logits.flatten(0, 1), ids[:, 1:].flatten())


def train(texts, steps):
    w = random_parameters()
    optimizer = torch.optim.AdamW(w.values(), lr=0.01)
    for step in range(steps + 1):
        if step:  # yield the parameters before training, and after each step
            batch = texts[torch.randint(len(texts), (16,))]
            loss = loss_of(forward(w, batch[:, :-1])[0], batch)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        yield step, w


print(f"{sum(w.numel() for w in random_parameters().values()):,} parameters, {V} words")

# %%
# The loop is all of it: take a *batch* of 16 texts, predict, compute the loss and its
# gradient, change the 14,208 parameters a little, repeat. *Stochastic gradient descent*
# (SGD) subtracts the batch's gradient times the learning rate. *AdamW* (Kingma and Ba,
# 2015; Loshchilov and Hutter, 2019) averages gradients over steps and divides each
# entry by its typical size, so that parameters with small gradients move as fast as
# others. GPT (Radford et al., 2018) and SmolLM2 were trained with this loss and Adam.
#
# Rungs of the learning curve
# ---------------------------
# A loss needs a scale. We compute the loss of four predictors on held-out stories: all
# words equally likely, :math:`\ln V`; the frequency of each word; its frequency after
# the previous word (bigrams); and the truth, whose loss is the entropy of the language.
# No model can do better on average. Then we train twice: on 8,000 stories, and on 64.
learned = list(islice(language.stories("lesson"), 8_000))
truth = list(islice(language.stories("lesson", held_out=True), 200))
seen = evaluate.pad([story.words for story in learned])[0][:, : T + 1]
unseen = evaluate.pad([story.words for story in truth])[0][:, : T + 1]
pairs = torch.full((V, V), 0.01)  # counts; no pair is impossible
pairs.index_put_((seen[:, :-1], seen[:, 1:]), torch.tensor(1.0), accumulate=True)
frequencies = pairs.sum(0).log().expand(*unseen[:, 1:].shape, V)
entropies = [language.entropy(probs) for story in truth for probs in story.probs[:T]]
rungs = {
    "uniform": loss_of(torch.zeros(frequencies.shape), unseen).item(),
    "words": loss_of(frequencies, unseen).item(),
    "bigrams": loss_of(pairs.log()[unseen[:, :-1]], unseen).item(),
    "truth": sum(entropies) / len(entropies),
}
print(*(f"{name}: {value:.2f} nats;" for name, value in rungs.items()))
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
    label = f"{n:,} stories, " + ("held out" if column == 2 else "their own")
    ax.plot([c[0] for c in data], [c[column] for c in data], style, label=label)
for name, value in rungs.items():
    ax.axhline(value, color="0.5", lw=1)
    x = 3 if value < 2 else 200
    ax.annotate(name, (x, value), (0, 2), textcoords="offset points")
ax.set(title="Learning curves", xscale="log", ylim=(0, 4.8))
ax.set(xlabel="training step", ylabel="loss (nats per word)")
ax.legend(loc="right", bbox_to_anchor=(1, 0.64))
plots.caption(
    "The loss passes word frequencies, then bigrams, and approaches the entropy. Loss "
    "after each step; grey lines: the four predictors. With 64 stories, the loss on "
    "held-out stories rises again.",
    alt="Three curves fall from above 4 nats. The solid one ends above the line of the "
    "truth. With 64 stories, one falls below that line; the held-out one rises again.",
)
plt.show()

# %%
# At step 0, the model is slightly worse than a uniform guess, at 4.54 against 4.36
# nats, as its random preferences are wrong. By step 10 it knows which words are
# frequent. At step 30, with 1.41 nats, it is below the bigrams, 1.50, and writes
# sentences. The rest is slow, since it requires attention to words far back: after 800
# steps the loss is 0.89, and the truth 0.68. The sentences are grammatical, but both
# people have the same ball, which no story allows.
#
# With only 64 stories, the loss on these falls to 0.21, far below the entropy, and on
# held-out stories it rises from 1.29 to 2.36. The model has memorised random choices
# that no other story repeats: **overfitting**. With 8,000 stories, the two are equal.
#
# Could the model get below the bigrams without attention?
#
# .. admonition:: Answer
#    :class: dropdown
#
#    Hardly: each prediction would depend on the current word and its position alone.
#
# A head before and after
# -----------------------
# Pronouns agree with a name several words before: “Anna went to the park with her …”.
# We measure each head's mean weight on this name, from the queries that predict a
# pronoun. The baseline is an even head, with equal weights on all keys.
names = {*grammar.WOMEN, *grammar.MEN}
asked = []
for number, story in enumerate(truth):
    for t in [t for t in range(T) if story.kinds[t] == "agreement"]:
        last = max(j for j in range(t + 1) if story.words[j] in names)
        asked.append((number, t, last))
i, t, name = torch.tensor(asked).T
print(f"{len(asked)} pronouns; even weight on the name: {(1 / (t + 1)).mean():.2f}")
for label, parameters in (("before", random_parameters()), ("after", w)):
    with torch.no_grad():
        logits, maps = forward(parameters, unseen[:, :-1])
    right = (logits[i, t].argmax(-1) == unseen[i, t + 1]).float().mean()
    weights = [f"{x:.2f}" for layer in maps for x in layer[i, :, t, name].mean(0)]
    print(label, f"training: {right:.0%} right; heads 0.0, 0.1, 1.0, 1.1:", *weights)

# %%
# Before training, each head has a weight of 0.04 or 0.05 on the name, like an even
# head. Afterwards head 1.1 has 0.58, the others have 0.06 or less, and all 169 pronouns
# are right. The loss never mentions attention. But the value of the name made the right
# pronoun more likely, so step by step its score rose.
#
# Summary
# -------
# - The loss is the mean surprisal of the next token, at all positions at once; its
#   gradient with respect to the logits is :math:`p - y`.
# - A score rises if a step towards the key's value lowers the loss.
# - Read a loss against rungs: uniform, word frequencies, bigrams, the entropy. Only
#   held-out text reveals overfitting.
#
# Exercises
# ---------
# A saturated head has a weight of 1 on one key. What are the gradients of its scores?
#
# .. admonition:: Answer
#    :class: dropdown
#
#    All zero: :math:`v_j - o_i` is zero for that key, and :math:`\alpha_{ij}` for the
#    others. That is why scores are divided by :math:`\sqrt{d_\text{head}}`.
#
# Further reading
# ---------------
# - Rumelhart, Hinton and Williams, *Learning representations by back-propagating
#   errors* (Nature 1986).
# - Kingma and Ba, *Adam: A Method for Stochastic Optimization* (ICLR 2015).
# - Loshchilov and Hutter, *Decoupled Weight Decay Regularization* (ICLR 2019).
# - Radford et al., *Improving Language Understanding by Generative Pre-Training*
#   (2018).
