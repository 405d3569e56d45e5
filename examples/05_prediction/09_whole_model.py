r"""
The whole model from our own code
=================================

SmolLM2 is a decoder-only **transformer**: a stack of blocks of attention and MLP,
between an embedding and an unembedding matrix. This lesson writes out every step from
token ids to logits, and reproduces the model's own numbers.
"""

# %%
# The norm: removing the length
# -----------------------------
# Each block normalises its vectors before attention, and again before the MLP. SmolLM2
# uses **RMSNorm** (:doc:`lesson 5.1 </lessons/05_prediction/01_logits>`) with a learned
# gain :math:`g`. GPT-2's **LayerNorm** (Ba et al., 2016) first subtracts the mean
# :math:`\mu` of the entries, and finally adds a learned bias :math:`b`:
#
# .. math::
#    \begin{split}
#    \mathrm{RMSNorm}(x) &= g \odot \frac{x}{\sqrt{\frac1d \sum_i x_i^2 + \epsilon}}, \\
#    \mathrm{LayerNorm}(x) &= \mathrm{RMSNorm}(x - \mu) + b .
#    \end{split}

# sphinx_gallery_start_ignore
import lmviz

lmviz.print_anywhere()
# sphinx_gallery_end_ignore
import torch


def rms_norm(x, gain=1.0, eps=1e-5):
    return x * (x.square().mean(-1, keepdim=True) + eps).rsqrt() * gain


def layer_norm(x, gain=1.0, bias=0.0, eps=1e-5):
    return rms_norm(x - x.mean(-1, keepdim=True), gain, eps) + bias


for x in torch.tensor([[2.0, 4.0], [4.0, 8.0]]):
    for norm in (layer_norm, rms_norm):
        print(x.tolist(), norm.__name__, *(f"{y:.3f}" for y in norm(x)))

# %%
# For (2, 4), the mean square is :math:`(4 + 16)/2 = 10`, and dividing by
# :math:`\sqrt{10}` gives (0.632, 1.265). Twice the vector gives the same result, since
# RMSNorm removes the length. LayerNorm gives (−1.000, 1.000) for both.
#
# The MLP: project up, activate, project down
# -------------------------------------------
# The **MLP** (multilayer perceptron), or feed-forward network, projects the vector of
# each position up to :math:`d_\text{ff}` hidden units, applies a non-linear
# **activation function**, and projects back down. In SmolLM2, the activated projection,
# the **gate**, is multiplied by a second one (SwiGLU; Shazeer, 2020):
#
# .. math::
#    \mathrm{MLP}(x) = \bigl(\mathrm{SiLU}(x W_\text{gate}) \odot x W_\text{up}\bigr)
#    W_\text{down}, \qquad \mathrm{SiLU}(z) = \frac{z}{1 + e^{-z}} .
#
# Take an MLP with a single hidden unit. Its :math:`W_\text{gate}` computes dimension 0
# minus dimension 1, its :math:`W_\text{up}` copies dimension 0, and its
# :math:`W_\text{down}` writes three times the product to dimension 1.
from torch.nn.functional import silu


def mlp(x, gate, up, down):
    return (silu(x @ gate.T) * (x @ up.T)) @ down.T


gate, up, down = torch.tensor([[[1.0, -1.0]], [[1.0, 0.0]], [[0.0, 3.0]]])
for x in torch.tensor([[2.0, 1.0], [1.0, 2.0]]):
    activated, output = silu(x @ gate[0]), mlp(x, gate, up, down.T)[1]
    print(f"{x.tolist()}: gate {activated:.3f}, output {output:.3f}")

# %%
# For (2, 1), the gate is SiLU(1) = 0.731. Times 2 and times 3, that is 4.386. For
# :math:`(1, 2)` the gate is SiLU(−1) = −0.269, and the output is −0.807.
#
# Attention, written out
# ----------------------
# :doc:`Lesson 4.3 </lessons/04_attention/03_multi_head_attention>` derives multi-head
# attention, and :doc:`lesson 3.6 </lessons/03_positions/06_rotary>` the rotation
# :math:`R`. Nine query heads share three key/value heads: head :math:`h` uses the keys
# and values of :math:`k = \lfloor h/3 \rfloor`.
#
# .. math::
#    \begin{split}
#    A_h &= \mathrm{softmax}\bigl(R(x W_Q^h)\, R(x W_K^k)^\top /
#    \sqrt{d_\text{head}} + M\bigr), \\
#    \mathrm{Attn}(x) &= \bigl[A_0\, x W_V^0, \dots, A_8\, x W_V^2\bigr]\, W_O .
#    \end{split}
#
# The mask :math:`M` is minus infinity above the diagonal and zero elsewhere, and the
# brackets concatenate the heads. In the code, ``w`` holds the weights of one layer.
import lmviz
from lmviz import transformer

lm = lmviz.load("smollm2")
tensors, config = lm.module.state_dict(), lm.module.config
D_HEAD, BASE = config.head_dim, config.rope_parameters["rope_theta"]
layers = [
    {k.split(".", 3)[3]: v for k, v in tensors.items() if f"layers.{i}." in k}
    for i in range(config.num_hidden_layers)
]


def rotate(x):
    """Rotate the vectors of each head, (heads, T, d_head), by their position."""
    a, b = x.chunk(2, -1)
    theta = BASE ** (-torch.arange(D_HEAD // 2) / (D_HEAD // 2))
    angle = torch.arange(x.shape[1])[:, None] * theta  # (T, d_head / 2)
    cos, sin = angle.cos(), angle.sin()
    return torch.cat([a * cos - b * sin, b * cos + a * sin], -1)


def attend(x, w, causal=True):
    qkv = [x @ w[f"self_attn.{name}_proj.weight"].T for name in "qkv"]  # project
    q, k, v = (y.unflatten(-1, (-1, D_HEAD)).transpose(0, 1) for y in qkv)  # split
    q, k = rotate(q), rotate(k)  # (H, T, d_head), (H_kv, T, d_head)
    k, v = (y.repeat_interleave(len(q) // len(y), 0) for y in (k, v))  # share
    scores = q @ k.mT / D_HEAD**0.5  # (H, T_q, T_k)
    if causal:
        scores += torch.full(scores.shape[1:], -torch.inf).triu(1)  # mask
    mixed = scores.softmax(-1) @ v  # (H, T, d_head)
    return mixed.transpose(0, 1).flatten(1) @ w["self_attn.o_proj.weight"].T  # (T, d)


for name, tensor in {"tensor of layer 0": torch.empty(0), **layers[0]}.items():
    print(f"{name:32}  {tuple(tensor.shape) if len(tensor) else 'shape'}")

# %%
# Shapes are (out, in), so the code transposes the matrices. The nine query heads have
# 576 dimensions together, the three key/value heads 192, and the MLP 1,536 units.
#
# The block, and the model
# ------------------------
# Attention and the MLP each *add* their output to the residual stream, the vector that
# each position carries through all blocks:
#
# .. math::
#    x' = x + \mathrm{Attn}(\mathrm{norm}_1(x)), \qquad
#    x'' = x' + \mathrm{MLP}(\mathrm{norm}_2(x')) .
#
# This is a **pre-norm** block, as in GPT-2: it never normalises the stream itself. The
# original transformer was *post-norm*: it normalised each sum, :math:`\mathrm{norm}(x +
# \mathrm{Attn}(x))`. Such models are harder to train (Xiong et al., 2020). The options
# of ``block`` are for the section “Wrong models that run”.


def block(x, w, norm=rms_norm, parallel=False, causal=True):
    attended = attend(norm(x, w["input_layernorm.weight"]), w, causal)
    seen = norm(x if parallel else x + attended, w["post_attention_layernorm.weight"])
    matrices = (w[f"mlp.{name}_proj.weight"] for name in ("gate", "up", "down"))
    return x + attended + mlp(seen, *matrices)


def stream(ids, **mistake):
    states = [tensors["model.embed_tokens.weight"][ids]]
    for w in layers:
        states.append(block(states[-1], w, **mistake))
    return torch.stack(states)  # (L + 1, T, d)


def unembed(x):
    return rms_norm(x, tensors["model.norm.weight"]) @ tensors["lm_head.weight"].T


# %%
import matplotlib.pyplot as plt

from lmviz import plots

_, ax = plt.subplots(figsize=(3.4, 3.8), layout="constrained")
arrow = {"arrowstyle": "->", "color": "0.5", "lw": 1.5}
ax.annotate("", (1, 10.6), (1, -0.4), arrowprops=arrow | {"lw": 3})
for start, name in ((0, "attention"), (5, "MLP")):
    for y, text in ((1, "norm"), (2.5, name)):
        box = {"boxstyle": "round,pad=0.4", "fc": "none", "ec": plots.COLORS["weight"]}
        ax.text(3.6, start + y, text, ha="center", va="center", bbox=box)
    for x1, y1, x2, y2 in ((1, 0.2, 3.2, 1), (3.6, 1.5, 3.6, 2), (3.6, 3, 1, 3.8)):
        ax.annotate("", (x2, start + y2), (x1, start + y1), arrowprops=arrow)
    ax.text(0.6, start + 3.8, "+", ha="center", va="center", fontsize=16)
for y, state in enumerate(("x", "x′", "x″")):
    ax.text(0.6, 5 * y, state, ha="center", va="center")
ax.set(title="One block", xlim=(0.2, 4.8), ylim=(-0.6, 10.8))
ax.axis("off")
plots.caption(
    "Attention and the MLP read a normalised copy and add their outputs to the "
    "stream. The thick arrow is the residual stream. Each branch leaves it, passes "
    "through a norm, and is added back.",
    alt="A thick vertical arrow, the residual stream. Two branches leave it and return "
    "to it at a plus sign: norm and attention, then norm and MLP.",
)
plt.show()

# %%
# Comparison with the model
# -------------------------
# The package's ``extract`` and ``logits`` do the same for any supported model, such as
# the toy: a small GPT-2 with LayerNorm, learned positions, and an MLP without a gate.
text = "The dog chased the ball because it was excited. The old man opened the door and"
ids, toy = lm.encode(text), lmviz.load("toy")
with torch.no_grad():
    theirs = lm.module(input_ids=ids[None]).logits[0]  # a batch of one text
    toys = toy.module(input_ids=ids[None] % 78).logits[0]  # ids of its 78 words
states = stream(ids)
ours = unembed(states[-1])
same = int((ours.argmax(-1) == theirs.argmax(-1)).sum())
print(f"same most likely token at {same} of {len(ids)} positions")
differences = {
    "ours": ours - theirs,
    "the package's": transformer.logits(transformer.extract(lm), ids) - theirs,
    "toy, the package's": transformer.logits(transformer.extract(toy), ids % 78) - toys,
}
for name, off in differences.items():
    print(f"{name}, largest absolute difference from the model: {off.abs().max():.0e}")
    assert off.abs().max() < 1e-3

# %%
# The logits differ by rounding only; the most likely token is the same at all 17
# positions.
#
# Wrong models that run
# ---------------------
# Three mistakes leave all shapes as they are, so no error is raised. *LayerNorm*: the
# blocks also subtract the mean. *Parallel*: the MLP reads :math:`x` instead of
# :math:`x'`, as in GPT-NeoX. *No mask*: queries attend to later tokens. We print the
# error of state 1, the output of block 0, relative to its length; the surprisal
# (negative log-probability) per token of three passages, as the mean, lowest and
# highest; and the most likely token after “The capital of France is”.
passages = [
    "Water boils at a lower temperature on a mountain, because the air presses less "
    "strongly on its surface. Cooking an egg therefore takes longer up there.",
    "To sort a list, the program compares neighbours and swaps them if they are in the "
    "wrong order. It repeats this until nothing is left to swap.",
    "The museum is open every day except Monday. Tickets cost ten euros, and children "
    "under the age of twelve can visit the museum for free.",
]
mistakes = {"none": {}, "LayerNorm": {"norm": layer_norm}}
mistakes |= {"parallel": {"parallel": True}, "no mask": {"causal": False}}
prompt = lm.encode("The capital of France is")
print("mistake    state 1 error  mean  lowest  highest  next token")
for name, mistake in mistakes.items():
    off = (stream(ids, **mistake)[1] - states[1]).norm() / states[1].norm()
    values = []
    for passage in map(lm.encode, passages):
        log_probs = unembed(stream(passage, **mistake)[-1, :-1]).log_softmax(-1)
        values.append(-log_probs.gather(1, passage[1:, None]).mean().item())
    [token] = lm.tokens(unembed(stream(prompt, **mistake)[-1, -1:]).argmax(-1))
    low, mean, high = min(values), sum(values) / len(values), max(values)
    print(f"{name:9}  {off:<13.2f}  {mean:.2f}  {low:<6.2f}  {high:<7.2f}  {token}")
change = (stream(ids, causal=False) - states)[:3, -1].norm(dim=-1)
print("no mask, change of states 0 to 2, last position:", *change.numpy().round(2))

# %%
# With *LayerNorm*, the surprisal rises only from 3.56 to 3.70 nats, and the answer is
# still “Paris”: the mean that it subtracts is small here. State 1 reveals the mistake,
# with an error of 0.03. The *parallel* model fails, at 8.72 nats. Without the mask, the
# surprisal falls to 0.98, but the model has not improved: each position attends to the
# very token that it should predict. At the end of the prompt, where there is no such
# token, it fails. The last position attends to all tokens, with or without the mask. Is
# its vector the same?
#
# .. admonition:: Answer
#    :class: dropdown
#
#    Only in states 0 and 1. Block 0 changed state 1 of the *earlier* positions, since
#    they attended to later tokens. Block 1 reads those states, so state 2 differs.
#
# Summary
# -------
# - SmolLM2 consists of an embedding, a stack of pre-norm blocks, a final norm and an
#   unembedding. Only attention moves information between positions.
# - Our code reproduces SmolLM2's logits up to rounding. A wrong model may still make
#   plausible predictions, so compare its states and logits with a reference.
#
# Exercises
# ---------
# How can we fold the gains of all norms into the matrices that follow them?
#
# .. admonition:: Answer
#    :class: dropdown
#
#    Multiply column :math:`i` of the stored Q, K, V, gate, up and unembedding matrices
#    by :math:`g_i`. Copy the unembedding first: it is also the embedding table.
#
# Further reading
# ---------------
# - Vaswani et al., *Attention Is All You Need* (NIPS 2017), section 3.
# - Ba, Kiros and Hinton, *Layer Normalization* (2016).
# - Shazeer, *GLU Variants Improve Transformer* (2020).
# - Xiong et al., *On Layer Normalization in the Transformer Architecture* (ICML 2020).
# - Touvron et al., *LLaMA: Open and Efficient Foundation Language Models* (2023).
