"""
Calibration: predicted against true probabilities
=================================================

Does what a model predicts with probability 0.9 happen nine times out of ten? After this
lesson you can draw a reliability diagram, measure the calibration error against its
baseline, and split a loss into what no model can know and what this model doesn't.
"""

# %%
# Calibration on paper
# --------------------
# A model is **calibrated** if, of all its predictions with probability :math:`p`, a
# share :math:`p` comes true. To test this, we sort predictions into bins by their
# probability, the *confidence*. In each bin we compare the mean confidence with the
# *accuracy*, the share that came true. The mean gap, weighted by the number of
# predictions :math:`n_b` in a bin, is the **expected calibration error** (ECE),
#
# .. math::
#    \text{ECE} = \sum_b \frac{n_b}{n} \,
#    \big| \text{accuracy}_b - \text{confidence}_b \big| .
import torch


def bins(probs, correct, n_bins=10):
    """Return the count, mean confidence and accuracy of each bin that isn't empty."""
    which = (probs * n_bins).ceil().long().clamp(min=1)
    rows = []
    for b in which.unique():
        inside = which == b
        rows.append(
            [inside.sum(), probs[inside].mean(), correct[inside].float().mean()]
        )
    return torch.tensor(rows)


def calibration_error(probs, correct):
    count, confidence, accuracy = bins(probs, correct).T
    return float((count * (accuracy - confidence).abs()).sum() / len(probs))


probs = torch.tensor([0.55] * 5 + [0.95] * 5)
correct = torch.tensor([True, True, True, False, False] * 2)
print("count  confidence  accuracy  gap")
for count, confidence, accuracy in bins(probs, correct).tolist():
    gap = abs(accuracy - confidence)
    print(f"{count:5.0f}  {confidence:10.2f}  {accuracy:8.2f}  {gap:.2f}")
print(f"ECE {calibration_error(probs, correct):.2f}")

# %%
# Five predictions with 0.55 are right in 0.60 of the cases, a gap of 0.05. Five with
# 0.95 are right no more often, a gap of 0.35; the model is **overconfident** there. The
# ECE is the mean of the two, 0.20.
#
# Even the truth has a calibration error
# --------------------------------------
# The toy was trained on stories whose true probabilities are known (:doc:`the toy model
# </book/toy>`). On 300 stories that were kept out of the training, we compare the
# truth, the toy, and the toy at temperature 0.5 (:doc:`lesson 5.2
# </lessons/05_prediction/02_sampling>`). A prediction is the most likely word. The
# baseline is a calibrated predictor with the same confidences: each of its predictions
# comes true with exactly its probability. We draw this 50 times.
import itertools

import lmviz
from lmviz import prediction
from lmviz.toy import evaluate, language

toy = lmviz.load("toy")
stories = list(itertools.islice(language.stories("lesson", held_out=True), 300))
ids, exists = evaluate.pad([story.words for story in stories])
truth = evaluate.true_probs(stories)[exists]  # (words, V)
came = ids[:, 1:][exists]
with torch.no_grad():
    logits = toy.module(ids).logits[:, :-1][exists]


def compare(name, probs, came):
    """Print the ECE of the most likely tokens, and that of a calibrated predictor."""
    confidence, top = probs.max(-1)
    error = prediction.expected_calibration_error(confidence, top == came)
    chance = torch.Generator().manual_seed(0)
    draws = torch.rand(50, len(confidence), generator=chance) < confidence
    base = [prediction.expected_calibration_error(confidence, draw) for draw in draws]
    base = torch.tensor(base)
    print(f"{name:12}  {error:.4f}  {base.mean():.4f} ± {base.std():.4f}")


print("predictor     ECE     if calibrated")
compare("truth", truth, came)
compare("toy", logits.softmax(-1), came)
compare("toy, T = 0.5", (logits / 0.5).softmax(-1), came)
confidence, top = logits.softmax(-1).max(-1)
package = prediction.expected_calibration_error(confidence, top == came)
difference = abs(calibration_error(confidence, top == came) - package)
print(f"largest absolute difference from the package: {difference:.1e}")
assert difference < 1e-4

# %%
# The truth itself has an ECE of 0.0020: a finite sample never matches its probabilities
# exactly, and the absolute values don't cancel. So an ECE means something only beside
# its baseline. The toy's, 0.0034, is what a calibrated predictor would have. At
# temperature 0.5 it is 0.0364, eight times the baseline.
#
# Entropy, cross-entropy, divergence
# ----------------------------------
# Calibration is not all. A model that always predicts the overall word frequencies is
# calibrated, and knows little. The loss measures both. Let :math:`p` be the true
# distribution of the next word and :math:`q` the model's. The expected surprisal is the
# **cross-entropy**; expand :math:`\ln q_w = \ln p_w - \ln (p_w / q_w)`:
#
# .. math::
#    \begin{split}
#    -\sum_w p_w \ln q_w &= -\sum_w p_w \ln p_w + \sum_w p_w \ln \frac{p_w}{q_w} \\
#    \text{cross-entropy} &= \text{entropy} + \text{divergence} .
#    \end{split}
#
# The **entropy** of the truth is what no model can know. The **Kullback-Leibler
# divergence** is the model's own part. It is never negative, and zero only for the
# truth.
log_q = logits.log_softmax(-1)
entropy = -torch.xlogy(truth, truth).sum(-1)
cross_entropy = -(truth * log_q).sum(-1)
divergence = cross_entropy - entropy
theirs = torch.nn.functional.kl_div(log_q, truth, reduction="none").sum(-1)
difference = float((divergence - theirs).abs().max())
print(f"largest absolute difference from PyTorch's divergence: {difference:.1e}")
assert difference < 1e-4
parts = {"entropy": entropy, "divergence": divergence, "cross-entropy": cross_entropy}
parts["loss of the toy"] = -log_q.gather(1, came[:, None])
parts["loss of the truth"] = -truth.gather(1, came[:, None]).log()
print(f"quantity           nats per word, mean of {len(truth):,}")
for name, values in parts.items():
    print(f"{name:17}  {values.mean():.4f}")

# %%
# Of the cross-entropy of 0.5666 nats, 0.5657 are entropy and 0.0009 divergence: nearly
# all of the toy's loss is uncertainty in the stories. The measured loss, the mean
# surprisal of the words that came, estimates the cross-entropy. It can't go to zero,
# and on real text, where :math:`p` is unknown, it doesn't say how low it could go.
#
# The temperature of the truth
# ----------------------------
# A temperature below 1 makes a model more certain, one above 1 less. It never changes
# which word is the most likely.
temperatures = (0.5, 0.7, 0.8, 0.9, 1.0, 1.1, 1.25, 1.5, 2.0)
by_temperature = []
print("T     divergence  ECE     accuracy")
for temperature in temperatures:
    log_q = (logits / temperature).log_softmax(-1)
    confidence, top = log_q.exp().max(-1)
    error = prediction.expected_calibration_error(confidence, top == came)
    distance = (-(truth * log_q).sum(-1) - entropy).mean().item()
    right = (top == came).double().mean()
    by_temperature.append((distance, error))
    print(f"{temperature:4}  {distance:10.4f}  {error:.4f}  {right:.4f}")

# %%
import matplotlib.pyplot as plt

from lmviz import plots

_, axes = plt.subplots(1, 2, figsize=(6.08, 2.7), layout="constrained")
titles = {"Divergence from the truth": "nats per word", "Calibration error": "ECE"}
for column, (ax, (title, unit)) in enumerate(zip(axes, titles.items(), strict=True)):
    ax.plot(temperatures, [row[column] for row in by_temperature], marker="o")
    ax.axvline(1, color="0.7", lw=0.8)
    ax.set(title=title, xlabel="temperature", ylabel=unit, yscale="log")
plots.caption(
    "Temperature 1 is closest to the truth, by both measures. Divergence of the toy "
    "from the truth and its expected calibration error at nine temperatures, on "
    "logarithmic axes.",
    alt="Two V-shaped curves over temperatures from 0.5 to 2, both with their lowest "
    "point at 1, marked by a vertical line.",
)
plt.show()

# %%
# Both measures are lowest at 1, the temperature at which the model was trained. The
# accuracy is the same in all rows: it can't see any of this. Why does a temperature of
# 0.5 harm the toy although many of its answers are certain?
#
# .. admonition:: Answer
#    :class: dropdown
#
#    Where a name or a colour is free, several words are possible. A low temperature
#    moves their probability to the most likely one, which is no more likely in truth.
#
# Real text
# ---------
# For SmolLM2 the truth is unknown, but what followed is known: enough for a reliability
# diagram. We take ten passages of Python's manual, and predict each token after at
# least eight others. On the first half of the passages we fit the temperature with the
# lowest loss (**temperature scaling**; Guo et al., 2017), and test it on the second.
from pydoc_data.topics import topics

lm = lmviz.load()
names = "assignment class dict global raise augassign context-managers for import while"
tables, came = [], []
for name in names.split():
    passage = lm.encode(" ".join(topics[name].split())[:1000], truncate=True)[:168]
    tables.append(lm.trace(passage, keep="logits").logits[8:-1])
    came.append(passage[9:])
halves = [(torch.cat(tables[i : i + 5]), torch.cat(came[i : i + 5])) for i in (0, 5)]
print("T     loss, first  loss, second  ECE, second half")
for temperature in (0.8, 0.9, 1.0, 1.05, 1.1, 1.25):
    losses = []
    for scores, followed in halves:
        log_q = (scores / temperature).log_softmax(-1)
        losses.append(-log_q.gather(1, followed[:, None]).mean())
    confidence, top = log_q.max(-1)
    error = prediction.expected_calibration_error(confidence.exp(), top == followed)
    print(f"{temperature:4}  {losses[0]:11.3f}  {losses[1]:12.3f}  {error:.3f}")

probs, came = torch.cat(tables).softmax(-1), torch.cat(came)
print("predictor     ECE     if calibrated")
compare("SmolLM2", probs, came)
confidence, top = probs.max(-1)
right = (top == came).double()
print(f"{len(came)} predictions, mean confidence {confidence.mean():.3f}", end=", ")
print(f"accuracy {right.mean():.3f} ± {right.std() / len(right) ** 0.5:.3f}")
table = prediction.reliability(confidence, top == came)
deviation = (table.accuracy * (1 - table.accuracy) / table.counts).sqrt()
print("confidence  accuracy  standard error  count")
for row in zip(table.confidence, table.accuracy, deviation, table.counts, strict=True):
    print("{:10.2f}  {:8.2f}  {:14.2f}  {:5}".format(*(x.item() for x in row)))

# %%
_, axes = plt.subplots(1, 2, figsize=(6.08, 3), layout="constrained")
points = torch.stack([table.confidence, table.accuracy, deviation])
axes[0].plot([0, 1], [0, 1], color="0.7", lw=0.8)
axes[0].errorbar(*points.tolist(), fmt="o", ms=4)
axes[0].set(title="Reliability diagram", xlabel="confidence", ylabel="accuracy")
axes[1].bar((table.edges[:-1] + 0.05).tolist(), table.counts.tolist(), width=0.09)
axes[1].set(title="Predictions per bin", xlabel="confidence", ylabel="count")
plots.caption(
    "SmolLM2 is nearly calibrated on this text. Left: accuracy against confidence in "
    "ten bins, with standard errors; a calibrated model is on the line. Right: the "
    "number of predictions in each bin.",
    alt="Left, ten points with error bars close to the diagonal, the upper ones "
    "slightly below it. Right, ten bars, the highest from 0.1 to 0.3.",
)
plt.show()

# %%
# All ten bins are within two standard errors of the line. From 0.35 on, six of seven
# are below it, but only by a little: the mean confidence is 0.433, the accuracy 0.418 ±
# 0.012. The ECE of 0.0298 is that of a calibrated model with as few predictions, 0.0258
# ± 0.0043. On the first half of the passages, temperature 1.05 fits best. On the second
# it helps neither the loss (2.894 instead of 2.892) nor the ECE.
#
# So SmolLM2 is calibrated here, as far as 1573 predictions can tell. That isn't a
# matter of course: it was tuned to follow instructions, and OpenAI (2023) reports that
# GPT-4 lost calibration when it was. But our text is a manual, without the chat
# template. About SmolLM2's answers in a chat, the diagram says nothing.
#
# Summary
# -------
# - In a calibrated model, predictions with probability :math:`p` come true in a share
#   :math:`p` of the cases. The ECE measures this; its baseline isn't zero.
# - Cross-entropy is entropy plus divergence: what no model can know, and what this
#   model has not learned. The toy's divergence is 0.0009 of 0.5666 nats.
# - Temperature 1 is closest to the truth, for the toy and nearly so for SmolLM2.
#
# Exercises
# ---------
# A model predicts the word frequencies of the language after every text. What are its
# ECE and its divergence?
#
# .. admonition:: Answer
#    :class: dropdown
#
#    The ECE is zero, up to chance: the most frequent word comes as often as predicted.
#    The divergence is large: the model ignores what the text says about the next word.
#
# Further reading
# ---------------
# - Guo, Pleiss, Sun and Weinberger, *On Calibration of Modern Neural Networks* (ICML
#   2017).
# - Naeini, Cooper and Hauskrecht, *Obtaining Well Calibrated Probabilities Using
#   Bayesian Binning* (AAAI 2015).
# - Kullback and Leibler, *On Information and Sufficiency* (1951).
# - OpenAI, *GPT-4 Technical Report* (2023).
