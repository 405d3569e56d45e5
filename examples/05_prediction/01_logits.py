"""
From the last hidden state to the next token: logits and softmax
================================================================

After its last block, a language model has one vector for each token of the text. How
does the last of them become a probability for every token that could come next? By the
end of this lesson you can compute these probabilities from the model's own matrices,
and tell which row of the result predicts which token.
"""

# %%
# Two dimensions, three tokens
# ----------------------------
# A **causal language model** reads tokens from left to right and predicts the next one.
# It has one vector for each token, and a stack of blocks refines these vectors. This
# lesson begins after the last block, with the vector :math:`x` of the last token.
#
# 1. A **norm** brings :math:`x` to a standard length. Here it is RMSNorm, which divides
#    a vector by the root mean square of its entries.
# 2. The **unembedding** is a matrix :math:`W_U` with one column for each token of the
#    vocabulary. The dot product of the normalised vector with a token's column is the
#    token's score, its **logit**.
# 3. The **softmax** converts the logits into a **distribution**: positive numbers that
#    sum to one.
#
# With two dimensions and a vocabulary of three tokens, this can be done on paper.

# sphinx_gallery_start_ignore
import lmviz

lmviz.print_anywhere()
# sphinx_gallery_end_ignore
import torch


def rms_norm(x, eps=0.0):
    return x / (x.square().mean(-1, keepdim=True) + eps).sqrt()


def softmax(z):
    return z.exp() / z.exp().sum(-1, keepdim=True)


x = torch.tensor([[2.0, 4.0], [4.0, 8.0]])
w_u = torch.tensor([[1.0, 1.0, -1.0], [0.0, 1.0, 0.0]])
print("vector          RMSNorm         logits")
for row in x:
    steps = row, rms_norm(row), rms_norm(row) @ w_u
    cells = (", ".join(f"{value:.3f}" for value in step) for step in steps)
    print("  ".join(f"{cell:14}" for cell in cells))
print("probabilities:", *(f"{p:.3f}" for p in softmax(rms_norm(x[0]) @ w_u)))

# %%
# The second vector is twice the first, and everything after the norm is the same: the
# result depends on the direction of a vector, not on its length. The second token has
# the largest logit, 1.897, and a probability of 0.734. The third has a negative logit,
# −0.632, and still a probability of 0.058: a softmax never returns exactly zero.
#
# As equations, with a learned gain :math:`g` for each of the :math:`d` dimensions, a
# small :math:`\epsilon` that avoids a division by zero, and :math:`V` tokens in the
# vocabulary (:math:`\odot` multiplies entry by entry):
#
# .. math::
#    \begin{split}
#    \mathrm{RMSNorm}(x) &= g \odot \frac{x}{\sqrt{\frac1d \sum_k x_k^2 + \epsilon}}, \\
#    z &= \mathrm{RMSNorm}(x)\, W_U, \qquad
#    p_i = \frac{e^{z_i}}{\sum_{j=1}^{V} e^{z_j}} .
#    \end{split}
#
# The model's own tensors
# -----------------------
# The norm after the last block is called the **final norm**. The last hidden state that
# a library returns is already normalised, so we read the norm's input with a **hook**,
# a function that PyTorch calls when the norm runs. Then we compute the three steps
# ourselves. SmolLM2 uses RMSNorm. GPT-2 uses LayerNorm, which first subtracts the mean
# and also adds a learned bias (:doc:`lesson 5.9
# </lessons/05_prediction/09_whole_model>`). The code works for both.
import lmviz
from lmviz import prediction, transformer
from lmviz.transformer import architectures


def layer_norm(x, eps=0.0):
    return rms_norm(x - x.mean(-1, keepdim=True), eps)


lm = lmviz.load()
text = "The capital of France is"
family = architectures.architecture_of(lm.module.config)
caught = []  # the norm's input is a tuple; its first entry has the shape (1, T, d)
hook = lm.module.get_submodule(family.final_norm).register_forward_pre_hook(
    lambda _, inputs: caught.append(inputs[0][0])
)
trace = lm.trace(text)
hook.remove()

norm, unembed = transformer.extract(lm).final_norm, transformer.unembedding(lm)
normalise = layer_norm if norm.centred else rms_norm  # centred: the mean is removed
bias = 0 if norm.bias is None else norm.bias
state = normalise(caught[0], norm.eps) * norm.weight + bias
logits = unembed(state)  # state @ unembed.weight, and a bias if there is one
print("last states:", tuple(state.shape), "  W_U:", tuple(unembed.weight.shape))
print("logits:", tuple(logits.shape))
for name, ours, theirs in (
    ("the model's last hidden state", state, trace.hidden_states[-1]),
    ("the model's logits", logits, trace.logits),
    ("the package's probabilities", softmax(logits), prediction.probabilities(logits)),
):
    difference = float((ours - theirs).abs().max())
    print(f"largest absolute difference from {name}: {difference:.1e}")
    assert difference < 1e-4

# %%
# The text has five tokens, so there are five vectors of 576 dimensions and five rows of
# 49,152 logits, one for each token of the vocabulary. In SmolLM2, :math:`W_U` is the
# embedding table, transposed (*weight tying*, :doc:`lesson 2.1
# </lessons/02_embeddings/01_embedding_table>`).
#
# The ten most likely tokens
# --------------------------
# The last row predicts the token after the text. In the second table, “all but ten” is
# the total probability of all tokens except the ten most likely ones.
probs = softmax(logits[-1])
top = probs.topk(10)
for token, p in zip(lm.tokens(top.indices), top.values.tolist(), strict=True):
    print(f"{token:12} {p:.3f}")
first, third = top.indices[[0, 2]]
gap = logits[-1, first] - logits[-1, third]
print(f"first logit minus third: {gap:.2f}; e to this power: {gap.exp():.0f}")
print(f"the first is {probs[first] / probs[third]:.0f} times as likely as the third")

texts = text, "Water boils at a temperature of", "She said that", "My name is"
print("first   second  all but ten  text")
for other in texts:
    best = softmax(lm.trace(other).logits[-1]).topk(10).values
    print(f"{best[0]:.3f}   {best[1]:.3f}   {1 - best.sum():.3f}        {other}")

# %%
import matplotlib.pyplot as plt
from lmviz import plots

_, ax = plt.subplots(figsize=(3.4, 3.6), layout="constrained")
title = f"After “{text}”"
plots.token_bars(lm.tokens(top.indices), top.values, title=title, ax=ax)
best, second = lm.tokens(top.indices[:2])
plots.caption(
    f"“{best}” gets {top.values[0]:.2f} of the probability. The second most likely "
    f"token, “{second}”, gets {top.values[1]:.2f}, and all tokens that are not shown "
    f"get {1 - top.values.sum():.2f} together.",
    alt=f"Eleven horizontal bars: the ten most likely tokens after “{text}”, and all "
    f"others. The first is {top.values[0] / top.values[1]:.0f} times as long as the "
    "second.",
)
plt.show()

# %%
# SmolLM2 gives “␣Paris” a probability of 0.773. A single logit means nothing, since
# adding the same number to all logits changes no probability. The difference between
# two logits is the logarithm of the ratio of their probabilities: “␣Paris” is 62 times
# as likely as “␣London”, the third token, since its logit is 4.13 higher.
#
# The ten tokens leave 0.097 for all others, more than the second token has. The size of
# this tail depends on the text: it is 0.020 after “Water boils at a temperature of” and
# 0.756 after “My name is”.
#
# Row i predicts token i + 1
# --------------------------
# Row :math:`i` of the logits, computed from tokens 0 to :math:`i`, predicts the next.
print("row  after the token  predicted     actual next token")
guesses = lm.tokens(trace.logits.argmax(-1))
for i, (token, guess) in enumerate(zip(trace.tokens, guesses, strict=True)):
    actual = trace.tokens[i + 1] if i + 1 < len(guesses) else "?"
    print(f"{i:<3}  {token:15}  {guess:12}  {actual}")

# %%
# The first prediction is a hyphen: a single word says little about the next one. To
# score a text, we must shift the logits by one position relative to the ids. Both have
# the same length, so a missing shift raises no error. We measure its effect on six
# passages of Python's manual, as the mean **log-probability** of a token in **nats**
# (units of the natural logarithm). The range over the passages follows in parentheses.
from lmviz.texts import python_manual

names = "assert", "for", "while", "lambda", "import", "with"
manual = (" ".join(python_manual()[name].split()) for name in names)
passages = torch.stack([lm.encode(page, truncate=32) for page in manual])
with torch.no_grad():
    outputs = lm.module(input_ids=passages)
print("outputs.logits:", tuple(outputs.logits.shape))


def at_ids(logits, ids):
    """Return the mean log-probability of ids (…, T), and its range over texts."""
    means = logits.log_softmax(-1).gather(-1, ids[..., None]).mean((1, 2))
    return f"{means.mean():.2f} nats ({means.min():.2f} to {means.max():.2f})"


print("row i against token i + 1:", at_ids(outputs.logits[:, :-1], passages[:, 1:]))
print("row i against token i:    ", at_ids(outputs.logits, passages))
uniform = -torch.tensor(float(lm.card.vocabulary)).log()
print(f"uniform guess: {uniform:.2f} nats")

# %%
# With the shift, the mean log-probability is −3.99 nats. Without it, the value falls to
# −10.60, close to a uniform guess (−10.80), as few tokens are followed by themselves.
#
# ``lm.module`` is a ``transformers`` model, whose logits have the axes [batch, seq,
# vocab]. The following lines predict a token with the published weights in half
# precision. The book's copy has 4-bit weights and computes in single precision.
#
# .. code-block:: python
#
#    model = AutoModelForCausalLM.from_pretrained("HuggingFaceTB/SmolLM2-135M-Instruct")
#    logits = model(input_ids).logits  # [batch, seq, vocab]
#    next_id = logits[:, -1].argmax(-1)
#
# Two details that change the result
# ----------------------------------
# *The final norm.* A library's last hidden state must not be normalised again.
#
# *The token at the beginning.* Some tokenizers put a **BOS token** (beginning of
# sequence) before every text. SmolLM2's doesn't. Its configuration names a BOS token,
# ``<|im_start|>``, but in this model it opens a turn of a chat (:doc:`lesson 1.8
# </lessons/01_tokenization/08_special_tokens_and_chat_templates>`). Another token,
# ``<|endoftext|>``, separates the documents of the training data. We try each of them.
again = normalise(state[-1], norm.eps) * norm.weight + bias
twice = softmax(unembed(again))[first]
print(f"{best} with one final norm: {probs[first]:.3f}, with two: {twice:.3f}")

bos = lm.module.config.bos_token_id
document = lm.tokenizer.token_to_id("<|endoftext|>")
for start in (i for i in (bos, document) if i is not None):
    p = softmax(lm.trace([start, *trace.ids.tolist()]).logits[-1])
    with torch.no_grad():
        rows = lm.module(torch.nn.functional.pad(passages, (1, 0), value=start)).logits
    print(f"{lm.tokens([start])[0]} in front: {best} {p[first]:.3f}; ", end="")
    print("the passages:", at_ids(rows[:, 1:-1], passages[:, 1:]))

# %%
# When the norm is applied twice, the probability of “␣Paris” falls from 0.773 to 0.005.
# With ``<|im_start|>`` in front of the text it is 0.749, with ``<|endoftext|>`` 0.806.
# Averaged over the passages, such a token matters little (−4.02 and −3.96 nats instead
# of −3.99). Still, always state whether one was used. This book uses none.
#
# Why can't the logits of row 0 depend on the second token?
#
# .. admonition:: Answer
#    :class: dropdown
#
#    The :doc:`causal mask </lessons/04_attention/02_causal_mask>` hides later tokens.
#
# Summary
# -------
# - The final norm rescales the last state, the unembedding turns it into a logit for
#   each token, and the softmax converts the logits into probabilities.
# - A difference between two logits is the logarithm of a ratio of probabilities.
# - Row :math:`i` of the logits predicts token :math:`i + 1`.
#
# Exercises
# ---------
# 1. A bug doubles every logit. Which tokens become more likely?
# 2. A model without blocks computes :math:`z = e\, W_U` from the embedding :math:`e` of
#    the last token (we ignore the norm). On which tokens of the text can its prediction
#    depend? How does weight tying restrict it (:math:`W_U = E^\top`, where :math:`E` is
#    the embedding table)?
#
# .. admonition:: Answer
#    :class: dropdown
#
#    1. The ratio of any two probabilities is squared. So the most likely token gains,
#       and the least likely one loses; a token in between can do either.
#    2. Only on the last token. At best, the model approximates a table of *bigrams*:
#       the probability of each token after each other token (Elhage et al., 2021). With
#       tying, the logits form the symmetric matrix :math:`E E^\top`: “York” would score
#       as high after “New” as “New” after “York”.
#
# Further reading
# ---------------
# - Radford, Narasimhan, Salimans and Sutskever, *Improving Language Understanding by
#   Generative Pre-Training* (2018), section 3.1, equation 2.
# - Zhang and Sennrich, *Root Mean Square Layer Normalization* (NeurIPS 2019).
# - Elhage et al., *A Mathematical Framework for Transformer Circuits* (2021), on models
#   without blocks.
