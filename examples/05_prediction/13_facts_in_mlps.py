r"""
The MLP as key-value memory: facts in weights
=============================================

“The capital of France is” contains no capital, so “␣Paris” must come from the weights.
In SmolLM2, three quarters of a block's weights are in its MLP. After this lesson you
can read an MLP as a memory of keys and values, open a unit, and trace a fact.
"""

# %%
# One unit on paper
# -----------------
# A **unit** of an MLP is one dimension of its inner layer. It has a *key* :math:`k`, by
# which it reads its input, and a *value* :math:`v`, which it writes. Let the key be
# (1, −1), the value (0, 3), and the activation function GELU.
import torch
from torch.nn import functional

key, value = torch.tensor([1.0, -1.0]), torch.tensor([0.0, 3.0])
print("input   read  activation  written")
for x in (torch.tensor([2.0, 1.0]), torch.tensor([1.0, 2.0])):
    read = x @ key
    out = (active := functional.gelu(read)) * value
    given, written = "({:.0f}, {:.0f})".format(*x), f"(0, {out[1]:.3f})"
    print(f"{given}  {read:+.0f}    {active:+.3f}      {written}")

# %%
# The input (2, 1) matches the key: the product is 1, GELU makes it 0.841, and the unit
# writes (0, 2.524). The input (1, 2) has the product −1, and the unit writes a little
# of the opposite, (0, −0.476). A unit always writes in one direction; the input decides
# how much. These are three activation functions in use:
import matplotlib.pyplot as plt

from lmviz import plots

_, ax = plt.subplots(figsize=(3.4, 2.6), layout="constrained")
grid = torch.linspace(-4, 3, 141)
for name, style in (("GELU", "-"), ("SiLU", "--"), ("ReLU", ":")):
    ax.plot(grid, getattr(functional, name.lower())(grid), style, label=name)
ax.set(title="Activation functions", xlabel="product with the key", ylabel="activation")
ax.legend()
plots.caption(
    "All three activation functions are near zero for keys that don't match. For large "
    "products, they are nearly the identity.",
    alt="Three curves from −4 to 3: close to zero on the left, with a shallow dip of "
    "GELU and SiLU before 0, and rising to about 3 on the right.",
)
plt.show()

# %%
# Keys and values
# ---------------
# An MLP is a sum over its units. The projection up holds the keys as columns, the
# projection down the values as rows (biases aside):
#
# .. math::
#    \mathrm{MLP}(x) = \sum_i \phi(x \cdot k_i)\, v_i .
#
# This looks like attention over a fixed set of keys and values, with :math:`\phi` in
# place of the softmax: a **key-value memory** (Geva et al., 2021). In a gated MLP, as
# in SmolLM2, :math:`\phi(x \cdot g_i)\,(x \cdot u_i)` multiplies :math:`v_i`. Here
# :math:`x` is the normalised stream after attention. We compute the sum for layer 10.
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
written = torch.zeros(len(trace.ids), lm.d_model, dtype=torch.double)
for i, value in enumerate(values):
    written += active[:, i, None] * value  # each unit writes its own direction
after = state + transformer.attend(block.attention, state)
package, layer = transformer.feed_forward(block.mlp, after), module.layers[10]
own = layer.mlp(layer.post_attention_layernorm(after))
for name, other in (("the package's", package), ("the model's own", own)):
    difference = float((written - other).abs().max())
    print(f"largest absolute difference from {name}: {difference:.1e}")
    assert difference < 1e-4

# %%
# Open a unit
# -----------
# In the toy, a unit can be read completely. We average the activation of one unit, 298
# in layer 2, over each word of a hundred stories. Its value, through the final norm's
# weights and the unembedding, gives the logits that it raises.
import itertools

from lmviz.toy import evaluate, language

toy = lmviz.load("toy")
parts, unit = transformer.extract(toy), 298
sums, counts = torch.zeros(2, len(evaluate.IDS))
for story in itertools.islice(language.stories("lesson", held_out=True), 100):
    ids = torch.tensor([evaluate.IDS[word] for word in story.words])[: toy.context]
    state = toy.trace(ids).hidden_states[2]
    sums.index_add_(0, ids, units(parts.blocks[2], state)[:, unit])
    counts.index_add_(0, ids, torch.ones(len(ids)))
mean = sums / counts.clamp(min=1)
raised = parts.blocks[2].mlp.down.weight[unit] * parts.final_norm.weight
raised = raised @ parts.unembedding.weight
for title, scores in {"on after": mean, "raises": raised - raised.mean()}.items():
    found = zip(toy.tokens(scores.topk(8).indices), scores.topk(8).values, strict=True)
    print(f"{title}:", *(f"{word} {score:.1f}" for word, score in found))

# %%
# The unit is on after animals: 14.4 after *bird*, and below that after all six. It
# raises *found*, *chased*, *pushed* and *saw* by 5.8 each: exactly the verbs that
# follow an animal in the toy's grammar. Its key says “this is an animal”, its value
# “now comes one of these”.
#
# SmolLM2 is not so tidy. For its MLPs at “␣France” we count how many units, the
# strongest first, come within a tenth of the output, and read the strongest unit.
for layer in (0, 10, 20, 25, 29):
    block = model.blocks[layer]
    active, values = units(block, trace.hidden_states[layer])[3], block.mlp.down.weight
    each = active[:, None] * values
    order = each.norm(dim=1).argsort(descending=True)
    rest = (each[order].cumsum(0) - each.sum(0)).norm(dim=1) / each.sum(0).norm()
    needed = int((rest > 0.1).nonzero().max()) + 2
    top = each[order[0]] * model.final_norm.weight @ model.unembedding.weight
    words = " ".join(lm.tokens(top.topk(4).indices))
    print(f"layer {layer}: {needed} of {len(values)} units; strongest raises {words}")

# %%
# It takes 622 of 1536 units in layer 0, 889 in layer 10 and 235 in the last layer, so
# no small set does the work. The strongest raise fragments, or “␣are” and “␣were”; none
# of them raises “␣Paris”. So we turn from single units to whole layers.
#
# Causal tracing
# --------------
# Meng et al. (2022) *corrupt* the embedding of a subject with noise of three standard
# deviations, and *restore* clean outputs in a few layers. Outputs that restore the
# probability of the answer suffice for it. The reverse test sets outputs to zero in the
# clean run, and shows which are needed. We take five facts that SmolLM2 knows, with
# two draws of noise each, and change the outputs of the MLPs, or of attention, of a
# group of layers at one position. The subject is at position 3, the last token at 4.
facts = {"The capital of France is": " Paris", "The capital of Germany is": " Berlin"}
facts |= {"The capital of Korea is": " Seoul", "The people of France speak": " French"}
facts |= {"The opposite of hot is": " cold"}
ids = torch.stack([lm.encode(text) for text in facts]).repeat_interleave(2, 0)
answers = [lm.token_id(word) for word in facts.values()]
answers = torch.tensor(answers).repeat_interleave(2)
torch.manual_seed(0)
embeddings = module.embed_tokens(ids)
noise = 3 * module.embed_tokens.weight.std() * torch.randn(len(ids), lm.d_model)
corrupted = embeddings.clone()
corrupted[:, 3] += noise
names = {"0": range(1), "1 to 5": range(1, 6), "6 to 10": range(6, 11)}
names |= {"11 to 20": range(11, 21), "21 to 29": range(21, 30)}
kinds, clean = ("mlp", "self_attn"), {}


def run(embeddings, kind="mlp", layers=(), position=None, outputs=None):
    """Return the answers' log-probabilities, with outputs replaced (None: by zeros)."""
    hooks = []
    for layer in layers:

        def edit(_, inputs, output, layer=layer):
            x, *more = output if isinstance(output, tuple) else (output,)
            x = x.clone()
            x[:, position] = outputs[kind, layer][:, position] if outputs else 0
            return (x, *more) if more else x

        part = getattr(module.layers[layer], kind)
        hooks.append(part.register_forward_hook(edit))
    logits = lm.module(inputs_embeds=embeddings, logits_to_keep=1).logits[:, -1]
    for hook in hooks:
        hook.remove()
    return logits.log_softmax(-1).gather(1, answers[:, None])[:, 0]


hooks = []
for kind, layer in itertools.product(kinds, range(lm.n_layers)):

    def keep(_, inputs, output, key=(kind, layer)):
        clean[key] = output[0] if isinstance(output, tuple) else output

    hooks.append(getattr(module.layers[layer], kind).register_forward_hook(keep))
base = run(embeddings)
for hook in hooks:
    hook.remove()
noisy = run(corrupted).exp()
print(
    "known:", *(f"{p:.2f}" for p in base[::2].exp()), f"corrupted: {noisy.mean():.2f}"
)
print(
    "test      layers    MLP, subject  attention, subject  MLP, last  attention, last"
)
results = {"restored": [], "ablated": []}
for test, (name, group) in itertools.product(results, names.items()):
    row = []
    for position, kind in itertools.product((3, 4), kinds):
        if test == "restored":
            found = run(corrupted, kind, group, position, clean).exp() - noisy
        else:
            found = run(embeddings, kind, group, position) - base
        row.append(float(found.mean()))
    results[test].append(row)
    form = "{:<+12.2f}  {:<+18.2f}  {:<+9.2f}  {:+.2f}"
    print(f"{test:8}  {name:8}  {form.format(*row)}")
control = run(corrupted, "mlp", range(11), 2, clean).exp() - noisy
print(f"restored, MLPs 0 to 10 at “of”: {control.mean():+.2f}")
outputs = clean["mlp", 0][::2, 3]  # France, Germany, Korea, France, hot
for name, other in (("France in another text", 3), ("Germany", 1)):
    cosine = functional.cosine_similarity(outputs[0], outputs[other], 0)
    print(f"cosine of MLP 0 at France and at {name}: {cosine:.3f}")

# %%
_, axes = plt.subplots(1, 2, figsize=(6.08, 2.7), sharey=True, layout="constrained")
for ax, test, sign in zip(axes, results, (1, -1), strict=True):
    for column, name in enumerate(("MLPs", "attention")):
        values = [sign * row[column] for row in results[test]]
        at = [i + 0.4 * column - 0.2 for i in range(len(values))]
        ax.barh(at, values, height=0.4, label=name)
    ax.set(title=f"{test.capitalize()} at the subject", xlabel="loss (nats)")
axes[0].set(xlabel="probability restored", ylabel="layers")
axes[0].set_yticks(range(len(names)), names)
axes[0].invert_yaxis()
axes[1].legend(loc="lower right")
plots.caption(
    "At the subject, the MLP of layer 0 restores the answer. Left, the probability "
    "restored with noise; right, the loss of log-probability with zeros.",
    alt="Two panels of bars for five groups of layers. Left, one long bar for the MLP "
    "of layer 0. Right, the longest bar is the MLP of layer 0, then attention of "
    "layers 1 to 5, then the MLPs of layers 6 to 20.",
)
plt.show()

# %%
# The five answers have probabilities from 0.23 to 0.80, and next to none with noise. At
# the subject, the MLP of layer 0 alone restores 0.63, nearly all, and attention
# nothing. But the facts need not be stored there. At “␣France”, the output of this MLP
# is nearly the same in another question (cosine 0.996; with “␣Germany” 0.675). It says
# which token this is, which the noise had removed. To restore an output shows that it
# *suffices*, here because it contains the name. The control, MLPs at “of”, restores
# nothing.
#
# Ablation shows what is needed. At the subject, zeros in the MLPs of layers 6 to 10
# have an effect of −1.58 nats, like those of layers 11 to 20; in attention there, at
# most −0.13. In layers 1 to 5 it is attention, which can read “capital of”: −3.69. So
# after attention has read the question, MLPs process the subject. At the last token
# MLPs are needed in most layers, and attention in layers 21 to 29, among them the head
# that moves the country (:doc:`lesson 4.14
# </lessons/04_attention/14_activation_patching>`).
#
# Meng et al. found a peak at the subject's last token in the *middle* MLPs of GPT-2 XL.
# SmolLM2 has no such peak: after layer 0, a group restores at most 0.08. Their subjects
# have several tokens, so layer 0 cannot know them; ours have one.
#
# If the text itself states the fact, as in :doc:`lesson 4.13
# </lessons/04_attention/13_in_context_retrieval>`, heads copy it from there:
# *in-context retrieval*, as opposed to *retrieval from weights*. Did we find that MLPs
# store facts?
#
# .. admonition:: Answer
#    :class: dropdown
#
#    Not quite: they are needed at the subject, and more so at the last token. No unit
#    or layer was found that holds a fact for itself.
#
# Summary
# -------
# - An MLP is a sum over units, each with a key that reads and a value that it writes.
# - A unit of the toy is readable; in SmolLM2, an output takes hundreds of units.
# - Causal tracing shows what suffices, ablation what is needed. In SmolLM2, the MLP of
#   layer 0 restores the name; the MLPs of layers 6 to 20 at the subject are needed.
#
# Exercises
# ---------
# Two gated units have keys :math:`g_i, u_i`. Can one of them write :math:`-v_i`?
#
# .. admonition:: Answer
#    :class: dropdown
#
#    Yes: :math:`x \cdot u_i` can be negative while :math:`\phi(x \cdot g_i)` is large.
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
# - Geva, Bastings, Filippova and Globerson, *Dissecting Recall of Factual Associations
#   in Auto-Regressive Language Models* (EMNLP 2023).
