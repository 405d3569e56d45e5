"""
Direct logit attribution: which head writes the answer
======================================================

A model adds up the outputs of its heads and MLPs, and computes the logits from the
sum. So which of them wrote “␣Paris”? After this lesson you can split a logit exactly
into the shares of all parts, and you know what such a share does not show.
"""

# %%
# Two parts on paper
# ------------------
# Let a head add (1, 1) to the residual stream, and an MLP (2, −1). Two tokens can
# follow, *blue* and *red*, whose columns of the unembedding are (2, 0) and (0, 2). The
# final norm divides the sum by its root mean square.

# sphinx_gallery_start_ignore
import lmviz

lmviz.print_anywhere()
# sphinx_gallery_end_ignore
import torch

parts = {"head": torch.tensor([1.0, 1.0]), "MLP": torch.tensor([2.0, -1.0])}
blue, red = torch.tensor([2.0, 0.0]), torch.tensor([0.0, 2.0])
total = sum(parts.values())
divisor = total.square().mean().sqrt()
print(f"sum {total.tolist()}, divisor {divisor:.3f}")
print("part   blue   red    difference")
for name, x in {**parts, "sum": total}.items():
    shares = [x @ token / divisor for token in (blue, red, blue - red)]
    print(f"{name:5}  {{:.3f}}  {{:6.3f}}  {{:.3f}}".format(*shares))
print(f"blue is {((blue - red) @ total / divisor).exp():.1f} times as likely as red")

# %%
# The logit of *blue*, 2.828, is the sum of 0.943 from the head and 1.886 from the MLP.
# Both are divided by the divisor of the *sum*, 2.121. Splitting a logit like this is
# called **direct logit attribution**. A log-probability cannot be split, because
# log-softmax is not linear. Does the head make *blue* more likely than *red*?
#
# .. admonition:: Answer
#    :class: dropdown
#
#    No. It raises both logits by 0.943, and this cancels in the softmax.
#
# Therefore we split the **logit difference**: the logit of the answer minus that of
# another token. It is the logarithm of the ratio of their probabilities. Here the
# difference is 2.828, a ratio of 16.9 to 1, and the head's share is 0.
#
# Every part of a model
# ---------------------
# The last state :math:`x` of a position is a sum of parts :math:`x_k`: its embedding,
# the output of each head (multiplied by its rows of :math:`W_O`), and that of each MLP.
# With the norm's gains :math:`g` and a token's column :math:`u` of the unembedding,
#
# .. math::
#    \text{logit} = \Big(\frac{x}{r} \odot g\Big) \cdot u
#    = \sum_{k} \underbrace{\frac{(x_k \odot g) \cdot u}{r}}_{\text{share of part } k} ,
#    \qquad r = \sqrt{\tfrac1d \|x\|^2 + \epsilon} .
#
# We *freeze* the divisor :math:`r` at its value for the whole sum. Then every step is
# linear, and the shares sum to the logit. For a logit difference, :math:`u` is the
# difference of two columns.
import lmviz
from lmviz import transformer

lm = lmviz.load("smollm2")
model = transformer.extract(lm)
norm, columns = model.final_norm, model.unembedding.weight  # columns: (d, V)


def attribute(model, ids, directions):
    """Return each part's share of each direction, at the last position."""
    parts = transformer.stream_contributions(model, ids)
    x = torch.stack([part[-1] for part in parts.values()])  # (parts, d)
    divisor = (x.sum(0).square().mean() + norm.eps).sqrt()
    return x / divisor * norm.weight @ directions


trace = lm.trace("The capital of France is")
paris, the = trace.logits[-1].topk(2).indices.tolist()
ours = attribute(model, trace.ids, columns[:, [paris]] - columns[:, [the]])
package = transformer.logit_attribution(model, trace.ids, paris, runner_up=the)
names = list(package)
print(len(names), "parts:", ", ".join(names[:3]), "…", names[-1])
logit_difference = trace.logits[-1, paris] - trace.logits[-1, the]
errors = ours.sum() - logit_difference, ours[:, 0] - torch.tensor([*package.values()])
error = max(float(error.abs().max()) for error in errors)
print(f"largest absolute difference from the model and the package: {error:.1e}")
assert error < 1e-4

# %%
# SmolLM2 has 301 parts: the embedding, nine heads in each of 30 layers, and 30 MLPs. A
# LayerNorm also subtracts the mean over the dimensions. This is linear, too: the mean
# of each part is subtracted from the part. Biases are further parts, as in the toy:
toy = lmviz.load("toy")
text = "Anna has a red ball . Tom has a blue kite . the kite Tom has is"
blue, red = (toy.token_id(word) for word in ("blue", "red"))
parts, logits = transformer.extract(toy), toy.trace(text).logits[-1]
split = transformer.logit_attribution(parts, toy.encode(text), blue, runner_up=red)
error = abs(sum(split.values()) - float(logits[blue] - logits[red]))
print(f"largest absolute difference from the toy's logits: {error:.1e}")

# %%
# By state: the running sum
# -------------------------
# We take twelve countries and two logit differences: the capital minus “␣the”, the
# runner-up for France, and the capital minus the mean of the eleven other capitals.
countries = "France Italy Germany Spain Japan Russia Portugal Greece China England"
capitals = "Paris Rome Berlin Madrid Tokyo Moscow Lisbon Athens Beijing London"
countries, capitals = f"{countries} Austria Egypt", f"{capitals} Vienna Cairo"
prompts = [lm.encode(f"The capital of {name} is") for name in countries.split()]
cities = [lm.token_id(f" {name}") for name in capitals.split()]
contrast = (12 * torch.eye(12) - 1) / 11  # row n: 1 at capital n, -1/11 at the others
own = columns[:, cities]
minus_others = own @ contrast
pairs = torch.stack([own - columns[:, [the]], minus_others], 2)  # (d, 12, 2)


def attribute_all(model):
    """Return the embedding's shares, (12, 1, 2), and the layers', (12, 30, 10, 2)."""
    every = zip(prompts, pairs.unbind(1), strict=True)
    shares = torch.stack([attribute(model, ids, u) for ids, u in every])
    return shares[:, :1], shares[:, 1:].unflatten(1, (30, 10))


embedding, layers = attribute_all(model)
running = torch.cat([embedding, layers.sum(2)], dim=1).cumsum(1)  # (12, states, 2)
print("state  minus “␣the”  minus other capitals")
for state in (0, 20, 23, 24, 27, 30):
    print("{:5}  {:12.2f}  {:8.2f}".format(state, *running[:, state].mean(0).tolist()))
states = torch.stack([x[-1] for x in transformer.stream(model, prompts[0])])
rms = (states.square().mean(1, keepdim=True) + norm.eps).sqrt()
error = (norm(states) @ pairs[:, 0] * rms / rms[-1] - running[0]).abs().max()
print(f"largest absolute difference from the rescaled logit lens: {error:.1e}")

# %%
# The logit lens (:doc:`lesson 5.11 </lessons/05_prediction/11_logit_lens>`) gives the
# same sums, but divides by the root mean square of each state instead of the last one.
#
# Up to state 23 the sum moves *away* from all capitals, to −15.45 against “␣the”.
# Layer 23 alone raises the second difference from 0.10 to 4.39, half of its final 8.62.
#
# By layer: attention and MLPs
# ----------------------------
attends, mlps = layers[:, :, :9].sum(2), layers[:, :, 9]  # nine heads, then the MLP
rows = {"MLPs 21 and 22": mlps[:, 21:23].sum(1)}
rows |= {"MLPs 27 to 29": mlps[:, 27:].sum(1), "attention 23": attends[:, 23]}
rows["other MLPs"] = mlps.sum(1) - rows["MLPs 21 and 22"] - rows["MLPs 27 to 29"]
print("part            minus “␣the”    minus other capitals")
for name, x in rows.items():
    cells = [f"{m:6.2f} ± {sd:.2f}" for m, sd in zip(x.mean(0), x.std(0), strict=True)]
    print(f"{name:14}", *cells, sep="  ")

# %%
import matplotlib.pyplot as plt

from lmviz import plots

_, axes = plt.subplots(1, 2, figsize=(7.68, 3.2), layout="constrained")
for column, label, style in (
    (0, "minus “the”", "--"),
    (1, "minus other capitals", "-"),
):
    axes[0].plot(running[..., column].mean(0), style, label=label)
for values, label, style in ((attends, "attention", "-"), (mlps, "MLP", "--")):
    axes[1].plot(values[..., 1].mean(0), style, label=label)
axes[0].set(title="Running sum of shares", xlabel="state", ylabel="logit difference")
axes[1].set(title="Minus other capitals, by layer", xlabel="layer", ylabel="share")
for ax in axes:
    ax.axhline(0, color="0.7", lw=0.8)
    ax.legend()
plots.caption(
    "The attention of layer 23 writes which capital it is. Left: the sum of the shares "
    "up to each state, for both logit differences. Right: the shares of each layer's "
    "attention and MLP in the second difference. Means over 12 countries.",
    alt="Left, two curves over 31 states. The one against “the” falls to about −15 at "
    "state 23 and then rises to 2; the one against other capitals is zero until state "
    "23, jumps to 4 and rises to 9. Right, attention peaks at layer 23, with 3.6.",
)
plt.show()

# %%
# In the first difference, the last three MLPs have a share of 12.69, and MLPs 21 and 22
# have −4.94. In the second, these shares are 1.75 and −0.03: the MLPs push *all*
# capitals up or down. Which capital it is depends most on the attention of layer 23,
# with 3.59 ± 1.09 (mean and standard deviation); the other MLPs together have 2.13.
#
# By head: 23.4 writes the capital
# --------------------------------
# We print the heads with the highest and the lowest mean shares of the second
# difference. As a control, we use prompts that name no country or ask for no capital.
from lmviz import attention

by_head = layers[:, :, :9, 1]  # (12, L, H)
mean, sd = by_head.mean(0), by_head.std(0)
print("head   mean     sd  lowest  highest")
for layer, head, _ in attention.strongest(mean, 3) + attention.strongest(-mean, 2):
    low, high = by_head[:, layer, head].aminmax()
    cells = mean[layer, head], sd[layer, head], low, high
    print("{}.{}  {:5.2f}  {:5.2f}  {:6.2f}  {:7.2f}".format(layer, head, *cells))
for text in ("capital of success", "opposite of hot", "flag of France"):
    every = attribute(model, lm.encode(f"The {text} is"), minus_others)
    control = every[names.index("head 23.4")]
    size = control.abs().mean()
    print(f"The {text} is: Paris {control[0]:.2f}, mean absolute share {size:.2f}")


# %%
# Head 23.4 has the largest share of all heads: 2.74 ± 0.73, positive for each country.
# It attends to the country (:doc:`lesson 4.11
# </lessons/04_attention/11_attention_is_not_explanation>`); now we know what it writes.
# Without a country, its mean absolute share over the twelve capitals is at most 0.05.
# After “The flag of France is”, it gives Paris 0.88, although no capital is asked for.
#
# Head 29.0 writes *against* the capital, with a share of −1.53. Wang et al. (2023)
# found such heads in GPT-2 small and called them negative name movers.
#
# Direct effect and total effect
# ------------------------------
# A share is a **direct effect**: the amount that a part itself adds to the logit. But
# later parts also read its output. The **total effect** includes these paths, and is
# measured by ablation. We zero-ablate four heads, and three random ones as a control.
# If there were only direct effects, the difference would change by minus the share.
def differences():
    with torch.no_grad():
        logits = lm.module(torch.stack(prompts)).logits[:, -1, cities]
    return (logits @ contrast).diagonal()


whole, changes = differences(), {}
torch.manual_seed(1)
random = [divmod(int(i), 9) for i in torch.randint(270, (3,))]
print("head  predicted  measured")  # predicted: minus the share
for head in [(23, 4), (29, 1), (29, 0), (12, 0), *random]:
    with attention.ablate_heads(lm, head):
        changes[head] = change = differences() - whole
    cells = -mean[head], change.mean(), change.std()
    print("{}.{}  {:9.2f}  {:5.2f} ± {:.2f}".format(*head, *cells))

# %%
# The measured effects are larger or smaller than predicted. To see why, we set the rows
# of :math:`W_O` of head 23.4 to zero and attribute again: *other* shares change.
from dataclasses import replace

block = model.blocks[23]
weight = block.attention.output.weight.clone()
weight[4 * 64 : 5 * 64] = 0  # head 4, 64 rows per head
output = replace(block.attention.output, weight=weight)
block = replace(block, attention=replace(block.attention, output=output))
blocks = [*model.blocks[:23], block, *model.blocks[24:]]
first, after = attribute_all(replace(model, blocks=blocks))
change = (after - layers)[..., 1].mean(0)  # (layers, parts)
error = (first - embedding)[..., 1].mean() + change.sum() - changes[23, 4].mean()
print(f"largest absolute difference from the ablation: {error.abs():.1e}")
assert error.abs() < 1e-4
for layer, head in ((23, 4), (29, 1), (29, 0)):
    print(f"change in the share of head {layer}.{head}: {change[layer, head]:.2f}")
print(f"change in the shares of all MLPs: {change[:, 9].sum():.2f}")
print(f"all others: {change[:, :9].sum() - change[23, 4] - change[29, :2].sum():.2f}")

# %%
# Of the total effect of −6.00, only −2.74 is direct. The share of the MLPs changes by
# −2.65 and that of head 29.1 by −1.20, because they read the output of head 23.4. That
# of head 29.0, which writes against the capital, changes by 1.05 and makes up for part
# of the loss (the hydra effect; McGrath et al., 2023). All others change by −0.46. Head
# 12.0 has only a total effect, −0.79; as a control, one random head has 0.34.
#
# Summary
# -------
# - With the divisor of the final norm frozen, a logit is exactly the sum of the shares
#   of all parts. In a logit difference, changes that all logits share cancel.
# - In SmolLM2 the late MLPs raise capitals above other words; head 23.4 writes which
#   capital it is, with a share of 2.74 in a difference of 8.62.
# - A share is a direct effect; an ablation includes the paths through later parts.
#
# Exercises
# ---------
# Can a part whose share of every logit is nearly 0 matter through the divisor?
#
# .. admonition:: Answer
#    :class: dropdown
#
#    Yes. If it makes the state longer, the divisor grows, all logits shrink, and the
#    prediction becomes less certain.
#
# Further reading
# ---------------
# - Elhage et al., *A Mathematical Framework for Transformer Circuits* (2021).
# - Wang, Variengien, Conmy, Shlegeris and Steinhardt, *Interpretability in the Wild: a
#   Circuit for Indirect Object Identification in GPT-2 small* (ICLR 2023).
# - McGrath, Rahtz, Kramár, Mikulik and Legg, *The Hydra Effect: Emergent Self-repair in
#   Language Model Computations* (2023).
