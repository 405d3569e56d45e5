"""
Calibration: predicted against true probabilities
=================================================

Do a model's predictions with probability 0.9 come true nine times out of ten? After
this lesson you can draw a reliability diagram, measure the calibration error against
its baseline, and split a loss into the uncertainty of the text and the model's error.
"""

# %%
# Calibration on paper
# --------------------
# A model is **calibrated** if, of all its predictions with probability :math:`p`, a
# share :math:`p` comes true. To test this, we sort predictions into bins by their
# probability, the *confidence*. In each bin we compare the mean confidence with the
# *accuracy*, the share that came true. The mean absolute gap, weighted by the number
# :math:`n_b` of predictions in a bin, is the **expected calibration error** (ECE),
#
# .. math::
#    \text{ECE} = \sum_b \frac{n_b}{n} \,
#    \big| \text{accuracy}_b - \text{confidence}_b \big| .

# sphinx_gallery_start_ignore
import lmviz

lmviz.print_anywhere()
# sphinx_gallery_end_ignore
import torch


def bins(probs, correct, n_bins=10):
    """Return the count, mean confidence and accuracy of each bin that isn't empty."""
    which = (probs * n_bins).ceil().long().clamp(min=1)  # bin b: (b-1)/10 < p <= b/10
    parts = [which == b for b in which.unique()]
    rows = [[x.sum(), probs[x].mean(), correct[x].float().mean()] for x in parts]
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
# Five predictions have a confidence of 0.55 and an accuracy of 0.60, a gap of 0.05. The
# five with a confidence of 0.95 are right no more often, a gap of 0.35: here the model
# is **overconfident**. The ECE is the mean of the two gaps, 0.20.
#
# Even the truth has a calibration error
# --------------------------------------
# The toy was trained on stories whose true probabilities are known (:doc:`the toy model
# </book/toy>`). On 300 held-out stories, we compare the truth, the toy, and the toy at
# temperature 0.5 (:doc:`lesson 5.2 </lessons/05_prediction/02_sampling>`). The
# prediction is always the most likely word. The baseline is a calibrated predictor with
# the same confidences: each of its predictions comes true with exactly its probability.
# We simulate it 50 times and print the mean and the standard deviation of its ECE.
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


print("predictor     ECE     if calibrated, mean ± deviation")
compare("truth", truth, came)
compare("toy", logits.softmax(-1), came)
compare("toy, T = 0.5", (logits / 0.5).softmax(-1), came)
confidence, top = logits.softmax(-1).max(-1)
package = prediction.expected_calibration_error(confidence, top == came)
difference = abs(calibration_error(confidence, top == came) - package)
print(f"largest absolute difference from the package: {difference:.1e}")
assert difference < 1e-4

# %%
# The truth itself has an ECE of 0.0020: a finite sample never matches the probabilities
# exactly, and absolute gaps don't cancel. Its baseline is 0.0032 ± 0.0011; the truth is
# below it by chance. So an ECE means something only in comparison with its baseline.
# The toy's ECE of 0.0034 is close to its baseline of 0.0037. At temperature 0.5 the ECE
# is 0.0364, eight times the baseline.
#
# Entropy, cross-entropy, divergence
# ----------------------------------
# Calibration is not everything. A model that always predicts the overall word
# frequencies is calibrated, but knows little. The loss measures both calibration and
# knowledge. Let :math:`p` be the true distribution of the next word :math:`w`, and
# :math:`q` the model's. The expected surprisal is the **cross-entropy**. With
# :math:`\ln q_w = \ln p_w - \ln (p_w / q_w)`,
#
# .. math::
#    \begin{split}
#    -\sum_w p_w \ln q_w &= -\sum_w p_w \ln p_w + \sum_w p_w \ln \frac{p_w}{q_w} \\
#    \text{cross-entropy} &= \text{entropy} + \text{divergence} .
#    \end{split}
#
# The **entropy** of the truth is the uncertainty that no model can avoid. The
# **Kullback-Leibler divergence** is the error of this model. It is never negative, and
# zero only if :math:`q = p`.
log_q = logits.log_softmax(-1)
entropy = -torch.xlogy(truth, truth).sum(-1)
cross_entropy = -(truth * log_q).sum(-1)
divergence = cross_entropy - entropy
theirs = torch.nn.functional.kl_div(log_q, truth, reduction="none").sum(-1)
assert (divergence - theirs).abs().max() < 1e-4
parts = {"entropy": entropy, "divergence": divergence, "cross-entropy": cross_entropy}
parts["loss of the toy"] = -log_q.gather(1, came[:, None])
parts["loss of the truth"] = -truth.gather(1, came[:, None]).log()
print(f"quantity           nats per word, mean of {len(truth):,}")
for name, values in parts.items():
    print(f"{name:17}  {values.mean():.4f}")

# %%
# Of the cross-entropy of 0.5666 nats, 0.5657 are entropy and 0.0009 divergence: nearly
# all of the toy's loss is uncertainty in the stories. A measured loss, the mean
# surprisal of the words that followed, estimates the cross-entropy from a sample. That
# is why the loss of the truth, 0.5653, can be below its entropy. On real text, where
# :math:`p` is unknown, the loss doesn't show how low it could be.
#
# Temperature and calibration
# ---------------------------
# A temperature below 1 makes a model more certain, one above 1 less certain. It never
# changes which word is the most likely. The divergence is in nats per word.
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
    "The toy is closest to the truth at temperature 1, by both measures. Left: its "
    "divergence from the truth. Right: its expected calibration error. Both are shown "
    "at nine temperatures, with logarithmic vertical axes.",
    alt="Two V-shaped curves over temperatures from 0.5 to 2, both with their lowest "
    "point at 1, marked by a vertical line.",
)
plt.show()

# %%
# Both measures are lowest at 1, the temperature at which the model was trained. The
# accuracy is the same in all rows, so it doesn't measure calibration. Why is the toy
# less well calibrated at a temperature of 0.5?
#
# .. admonition:: Answer
#    :class: dropdown
#
#    Where a story may go on with any of several names or colours, a low temperature
#    moves probability to the most likely one, but doesn't make it occur more often.
#
# Real text
# ---------
# For SmolLM2 the true probabilities are unknown, but the next tokens are known, which
# is enough for a *reliability diagram*, a plot of accuracy against confidence. We take
# ten passages of Python's manual, and predict each token that follows at least eight
# others. On the first five passages we find the temperature with the lowest loss
# (**temperature scaling**; Guo et al., 2017), and test it on the other five. The losses
# are in nats.
from lmviz.texts import python_manual

lm, topics = lmviz.load(), python_manual()
names = "assignment class dict global raise augassign context-managers for import while"
tables, came, gaps = [], [], []
for name in names.split():
    passage = lm.encode(" ".join(topics[name].split())[:1000], truncate=True)[:168]
    tables.append(lm.trace(passage, keep="logits").logits[8:-1])
    came.append(passage[9:])
    log_q = tables[-1].log_softmax(-1)
    confidence, top = log_q.exp().max(-1)
    loss = -log_q.gather(1, came[-1][:, None]).mean()
    entropy = -(log_q.exp() * log_q).sum(-1).mean()
    right = (top == came[-1]).double().mean()
    gaps.append([loss - entropy, right - confidence.mean()])
halves = [(torch.cat(tables[i : i + 5]), torch.cat(came[i : i + 5])) for i in (0, 5)]
print("T     loss, first  loss, second")
for temperature in (0.8, 0.9, 1.0, 1.05, 1.1, 1.25):
    losses = []
    for scores, followed in halves:
        log_q = (scores / temperature).log_softmax(-1)
        losses.append(-log_q.gather(1, followed[:, None]).mean())
    print(f"{temperature:4}  {losses[0]:11.3f}  {losses[1]:12.3f}")

probs, came = torch.cat(tables).softmax(-1), torch.cat(came)
print("predictor     ECE     if calibrated, mean ± deviation")
compare("SmolLM2", probs, came)
confidence, top = probs.max(-1)
gaps = torch.tensor(gaps)
mean, error = gaps.mean(0), gaps.std(0) / len(gaps) ** 0.5  # over passages
print(f"{len(came)} predictions; accuracy - confidence {mean[1]:.3f} ± {error[1]:.3f}")
print(f"surprisal - entropy {mean[0]:.2f} ± {error[0]:.2f} nats", end=", ")
print(f"positive in {(gaps[:, 0] > 0).sum()} of {len(gaps)} passages")
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
    "The most likely tokens of SmolLM2 are nearly calibrated on this text. Left: "
    "accuracy against confidence in ten bins, with standard errors; a calibrated model "
    "is on the diagonal. Right: the number of predictions in each bin.",
    alt="Left, ten points with error bars close to the diagonal, the upper ones "
    "slightly below it. Right, ten bars, the highest from 0.1 to 0.3.",
)
plt.show()

# %%
# All ten bins are within two standard errors of the diagonal (accuracy = confidence),
# although six of the upper seven lie below it. The ECE of 0.0298 is close to that of a
# calibrated model, 0.0258 ± 0.0043. But the ECE ignores the sign of a gap. The mean
# signed gap over the passages is −0.015 ± 0.006 (standard error): SmolLM2 is slightly
# overconfident.
#
# These measures use only the most likely token. Another test needs no bins and uses the
# whole distribution: a calibrated model's mean surprisal equals its mean entropy. On
# average, SmolLM2's surprisal exceeds its entropy by 0.16 ± 0.04 nats, and it is higher
# in 8 of 10 passages. Temperature scaling agrees only in part: on the first passages
# 1.05 is best, but on the others it doesn't lower the loss (2.894 instead of 2.892).
#
# So SmolLM2 is nearly calibrated here, even though it was tuned to follow instructions.
# Such tuning can harm calibration: GPT-4's ECE on multiple-choice questions rose from
# :math:`0.007` to :math:`0.074` with reinforcement learning (OpenAI, 2023). Our result
# is for a manual that may have been in the training data. It says nothing about chats.
#
# Summary
# -------
# - In a calibrated model, predictions with probability :math:`p` come true in a share
#   :math:`p` of the cases. The ECE measures this; its baseline isn't zero.
# - Cross-entropy is entropy plus divergence: the uncertainty of the text, and the error
#   of the model. Of the toy's 0.5666 nats, only 0.0009 are divergence.
# - On Python's manual SmolLM2 is slightly overconfident: its surprisal is 0.16 nats
#   above its entropy.
#
# Exercises
# ---------
# After every text, a model predicts the word frequencies of the language. What are its
# ECE and its divergence?
#
# .. admonition:: Answer
#    :class: dropdown
#
#    The ECE is zero, up to chance: the most frequent word is as frequent as predicted.
#    The divergence is large: the model ignores the preceding words.
#
# Further reading
# ---------------
# - Guo, Pleiss, Sun and Weinberger, *On Calibration of Modern Neural Networks* (ICML
#   2017).
# - Naeini, Cooper and Hauskrecht, *Obtaining Well Calibrated Probabilities Using
#   Bayesian Binning* (AAAI 2015).
# - Kullback and Leibler, *On Information and Sufficiency* (1951).
# - OpenAI, *GPT-4 Technical Report* (2023).
