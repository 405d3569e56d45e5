r"""
The MLP as key-value memory: facts in weights
=============================================

“The capital of France is” does not name the capital, so “␣Paris” must come from the
weights. In SmolLM2, three quarters of a block's weights are in its MLP. After this
lesson you can read an MLP as a key-value memory, inspect a unit, and trace a fact.
"""

# %%
# One unit on paper
# -----------------
# A **unit** of an MLP is one dimension of its inner layer. It has two vectors: it reads
# its input with its *key* :math:`k`, and writes along its *value* :math:`v`. Let the
# key be (1, −1), the value (0, 3), and the activation function GELU.

# sphinx_gallery_start_ignore
import lmviz

lmviz.print_anywhere()
# sphinx_gallery_end_ignore
from functools import partial

import torch
from torch.nn import functional

key, value = torch.tensor([1.0, -1.0]), torch.tensor([0.0, 3.0])
print("input   read  activation  written (second entry)")
for x in (torch.tensor([2.0, 1.0]), torch.tensor([1.0, 2.0])):
    read = x @ key
    out = (active := functional.gelu(read)) * value
    print(f"({x[0]:.0f}, {x[1]:.0f})  {read:+.0f}    {active:+.3f}      {out[1]:.3f}")

# %%
# The input (2, 1) matches the key: their dot product is 1, the activation is 0.841, and
# the unit writes (0, 2.524). For (1, 2) the dot product is −1, and it writes
# (0, −0.476). A unit always writes along one direction; the input decides how much.
#
# Keys and values
# ---------------
# The keys are the columns of the up-projection, and the values are the rows of the
# down-projection. Without biases, an MLP is a sum over its units:
#
# .. math::
#    \mathrm{MLP}(x) = \sum_i \phi(x \cdot k_i)\, v_i .
#
# Here :math:`x` is the normalised state after attention. The sum resembles attention
# over fixed keys and values, with :math:`\phi` in place of the softmax: a **key-value
# memory** (Geva et al., 2021). In a gated MLP such as SmolLM2's, a unit has two keys,
# and its activation is :math:`\phi(x \cdot g_i)\,(x \cdot u_i)`.
import lmviz
from lmviz import transformer

lm = lmviz.load("smollm2")
model, module = transformer.extract(lm), lm.module.model
trace = lm.trace("The capital of France is")


def units(block, state):
    """Return activations (T, units) of an MLP, given the state before its block."""
    x = block.mlp.norm(state + transformer.attend(block.attention, state))
    if block.mlp.gate is None:
        return functional.gelu(block.mlp.up(x), approximate="tanh")
    return functional.silu(block.mlp.gate(x)) * block.mlp.up(x)


block, state = model.blocks[10], trace.hidden_states[10]
active, values = units(block, state), block.mlp.down.weight  # (T, units), (units, d)
written = torch.zeros_like(state, dtype=torch.double)
for i, value in enumerate(values):
    written += active[:, i, None] * value  # each unit writes along its value
after = state + transformer.attend(block.attention, state)
layer = module.layers[10]
difference = (written - layer.mlp(layer.post_attention_layernorm(after))).abs().max()
print(f"largest absolute difference from the model's own: {difference:.1e}")
assert difference < 1e-4

# %%
# Inspecting one unit
# -------------------
# The MLP of layer 2 of the toy has 384 units. We average the activation of each unit
# over all occurrences of a word in fifty stories, and take the unit that best separates
# the six animals from all other words. Its value, multiplied by the final norm's gains
# and the output matrix, shows which logits it raises (:doc:`lesson 5.11
# </lessons/05_prediction/11_logit_lens>`).
import itertools

from lmviz.toy import evaluate, grammar, language

toy = lmviz.load("toy")
block = (parts := transformer.extract(toy)).blocks[2]
sums, counts = torch.zeros(78, 384), torch.zeros(78, 1)  # one row for each word
for story in itertools.islice(language.stories("lesson", held_out=True), 50):
    ids = torch.tensor([evaluate.IDS[word] for word in story.words])[: toy.context]
    sums.index_add_(0, ids, units(block, toy.trace(ids).hidden_states[2]))
    counts.index_add_(0, ids, torch.ones(len(ids), 1))
mean = sums / counts.clamp(min=1)
animals = [evaluate.IDS[word] for word in grammar.ANIMALS]
others = [word for word in range(78) if word not in animals]
gap = mean[animals].amin(0) - mean[others].amax(0)  # lowest animal - highest other
unit = int(gap.argmax())
print(f"{int((gap > 0).sum())} of 384 units are highest at the six animals")
value = block.mlp.down.weight[unit]
raises = value * parts.final_norm.weight @ parts.unembedding.weight
for title, scores in {"active at": mean[:, unit], "raises": raises}.items():
    top = scores.topk(8)
    words = zip(toy.tokens(top.indices), top.values, strict=True)
    print(f"unit {unit} {title}:", *(f"{word} {score:.1f}" for word, score in words))

# %%
# Of the 384 units, 11 are more active at each of the six animals than at any other
# word. The best is unit 203: its mean activation is 5.6 to 7.9 at animals, and at most
# 0.4 at other words. An activation of 1 raises *chased*, *found*, *saw* and *pushed* by
# 2.7 to 2.8, before the norm's division: exactly the verbs that follow an animal in the
# toy's grammar. Unit 203 was chosen for this; most are less readable.
#
# In SmolLM2, we read the unit of layer 29 that writes the longest vector at the last
# token, and then add up the outputs of the strongest units.
paris = lm.token_id(" Paris")
block, state = model.blocks[29], trace.hidden_states[29]
each = units(block, state)[-1, :, None] * block.mlp.down.weight  # (units, d)
order = each.norm(dim=1).argsort(descending=True)
raised = each[order[0]] * model.final_norm.weight @ model.unembedding.weight
rank = int((raised >= raised[paris]).sum())
print(f"raises {', '.join(lm.tokens(raised.topk(3).indices))}; rank of Paris: {rank}")
before = (state + transformer.attend(block.attention, state))[-1]
for k in (0, 50, 1536):
    x = model.final_norm(before + each[order[:k]].sum(0))
    p = model.unembedding(x).softmax(-1)[paris]
    print(f"with the {k} strongest units: Paris {p:.2f}")

# %%
# The strongest unit raises fragments of words; Paris has rank 1,674. The 50 strongest
# raise the probability of Paris from 0.10 to 0.48, all to 0.77: many units write it.
#
# Causal tracing: what suffices
# -----------------------------
# In **causal tracing** (Meng et al., 2022), noise of three standard deviations
# *corrupts* the embedding of the subject, here the country. Then the clean outputs of a
# few layers are *restored* at one position. If the answer's probability recovers, these
# outputs suffice. We take six countries; each prompt has five tokens, with the country
# at position 3. A *hook* is a function that PyTorch calls after a module has run. Ours
# stores the output, and can replace it at one position.
facts = {"France": "Paris", "Germany": "Berlin", "Korea": "Seoul", "Italy": "Rome"}
facts |= {"Spain": "Madrid", "Japan": "Tokyo"}
answers = torch.tensor([lm.token_id(f" {city}") for city in facts.values()])
edits, outputs, handles = {}, {}, []


def edit(key, _module, _inputs, output):  # output: (N, T, d)
    for position, new in edits.get(key, {}).items():
        output[:, position] = new[:, position]
    outputs[key] = output.clone()


for i, layer in enumerate(module.layers):
    ends = {"MLP": layer.mlp.down_proj, "attention": layer.self_attn.o_proj}
    for part, matrix in ends.items():  # the matrices that compute the outputs
        handles.append(matrix.register_forward_hook(partial(edit, (part, i))))


def embed(texts):
    return module.embed_tokens(torch.stack([lm.encode(text) for text in texts]))


def run(x, part="MLP", layers=(), position=3, new=None):
    """Return the answers' log-probabilities, after replacing a part's outputs."""
    edits.update({(part, i): {position: new[part, i]} for i in layers})
    logits = lm.module(inputs_embeds=x, logits_to_keep=1).logits[:, -1]
    edits.clear()
    return logits.log_softmax(-1)[torch.arange(len(x)), answers]


x = embed([f"The capital of {name} is" for name in facts])
known, clean = run(x), dict(outputs)
torch.manual_seed(0)
corrupted = x.clone()
corrupted[:, 3] += 3 * module.embed_tokens.weight.std() * torch.randn(6, lm.d_model)
noisy = run(corrupted).exp()
print("clean:", *(f"{p:.2f}" for p in known.exp()), f"noisy: {noisy.mean():.4f}")
groups = {"0 alone": [0]}
groups |= {f"{i} to {i + 4}": range(i, i + 5) for i in range(0, 30, 5)}
print("layers    MLP, country  MLP, “of”  attention, last")
restored, places = {}, (("MLP", 3), ("MLP", 2), ("attention", 4))
for name, layers in groups.items():
    found = [run(corrupted, part, layers, t, clean).exp() for part, t in places]
    restored[name] = cells = [float((p - noisy).mean()) for p in found]
    print("{:8}  {:<+12.2f}  {:<+9.2f}  {:+.2f}".format(name, *cells))

# %%
import matplotlib.pyplot as plt

from lmviz import plots

_, ax = plt.subplots(figsize=(3.4, 2.9), layout="constrained")
at = torch.arange(len(groups))
for column, label in ((0, "MLP, country"), (2, "attention, last token")):
    values = [cells[column] for cells in restored.values()]
    ax.barh(at + 0.2 * column - 0.2, values, height=0.4, label=label)
ax.set(title="Clean outputs restored", xlabel="rise in probability", ylabel="layers")
ax.set_yticks(at, groups)
ax.invert_yaxis()
ax.legend(loc="lower right")
plots.caption(
    "The MLP of layer 0 alone restores the answer. Each bar is the mean rise in the "
    "answer's probability if the clean outputs of these layers are restored.",
    alt="Bars for layer 0 and six groups of five layers. At the country, the MLP of "
    "layer 0 has 0.63, and layers 5 to 9 a short bar. At the last token, only the "
    "attention of layers 20 to 24 has a short bar.",
)
plt.show()

# %%
# The table shows by how much the probability of the answer rises. Without noise, the
# six probabilities are 0.38 to 0.80; with it, the mean is 0.0028. At the country, the
# MLP of layer 0 restores 0.63, nearly all, and layers 5 to 9 restore 0.15. The control,
# MLPs at “of”, restores nothing. At the last token, attention in layers 20 to 24
# restores 0.17: a head there moves the country to the last token (:doc:`lesson 4.14
# </lessons/04_attention/14_activation_patching>`).
#
# Ablation: what is needed
# ------------------------
# In the clean run, we replace outputs at the country by zeros, or by those for the
# *same* or *another* country in the prompt “The people of France are”. We measure the
# change in the answer's log-probability (nats).
lm.module(inputs_embeds=embed([f"The people of {name} are" for name in facts]))
donors = {"zeros": {key: 0 * out for key, out in outputs.items()}}
donors["same"] = dict(outputs)
donors["another"] = {key: out.roll(1, 0) for key, out in outputs.items()}
tests = {f"MLP {name}": ("MLP", layers) for name, layers in groups.items()}
tests["attention 0 to 4"] = ("attention", range(5))
print("replaced          zeros  same   another")
for name, test in tests.items():
    cells = [float((run(x, *test, 3, new) - known).mean()) for new in donors.values()]
    print("{:16}  {:+.2f}  {:+.2f}  {:+.2f}".format(name, *cells))
for handle in handles:
    handle.remove()

# %%
# MLP 0 writes which country is named: outputs for the same country change nothing, but
# those for another one change the answer's log-probability by −9.04 nats. The noise had
# removed the name, and MLP 0 restores it; the capital need not be stored there. Zeros
# in attention 0 to 4 have an effect of −3.36, but outputs from the other prompt have
# none: these zeros only take the model off-distribution. Zeros in MLPs 5 to 9 have an
# effect of −0.84. Do these MLPs look up the capital?
#
# .. admonition:: Answer
#    :class: dropdown
#
#    No: those for *another* country have an effect of only −0.08, so these MLPs write
#    something that the countries share.
#
# So no group of later MLPs alone holds the capital. Meng et al. found the largest
# effect in the *middle* MLPs of GPT-2 XL. Hase et al. (2023) found that causal tracing
# does not predict where a fact is best edited.
#
# Summary
# -------
# - An MLP is a sum over units: each reads with its key and writes along its value.
# - Causal tracing shows what suffices for an answer, and ablation what is needed.
# - In SmolLM2, the MLP of layer 0 writes which country is named.
#
# Exercises
# ---------
# A gated unit has the keys :math:`g_i, u_i`. Show that it can also write :math:`-v_i`.
#
# .. admonition:: Answer
#    :class: dropdown
#
#    Its factor :math:`x \cdot u_i` can be negative. With :math:`g_i = (1, 1)` and
#    :math:`u_i = (1, -1)`, the inputs (2, 1) and (1, 2) give opposite outputs.
#
# Further reading
# ---------------
# - Geva, Schuster, Berant and Levy, *Transformer Feed-Forward Layers Are Key-Value
#   Memories* (EMNLP 2021).
# - Geva, Caciularu, Wang and Goldberg, *Transformer Feed-Forward Layers Build
#   Predictions by Promoting Concepts in the Vocabulary Space* (EMNLP 2022).
# - Dai, Dong, Hao, Sui, Chang and Wei, *Knowledge Neurons in Pretrained Transformers*
#   (ACL 2022).
# - Meng, Bau, Andonian and Belinkov, *Locating and Editing Factual Associations in GPT*
#   (NeurIPS 2022).
# - Hase, Bansal, Kim and Ghandeharioun, *Does Localization Inform Editing? Surprising
#   Differences in Causality-Based Localization vs. Knowledge Editing in Language
#   Models* (NeurIPS 2023).
# - Geva, Bastings, Filippova and Globerson, *Dissecting Recall of Factual Associations
#   in Auto-Regressive Language Models* (EMNLP 2023).
