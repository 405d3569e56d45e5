"""
Encoders and cross-attention
============================

In GPT and SmolLM2 a token attends to itself and to earlier tokens of its own text. What
changes if it may also attend to later tokens, or to another text? After this lesson you
can implement cross-attention, tell three masks apart, and read a translator's map.
"""

# %%
# Two queries, three keys
# -----------------------
# In **cross-attention** the queries come from one text, and the keys and values from
# another. Let the rows of :math:`Y` be the :math:`T_q` vectors of the *target*, the
# text being written, and those of :math:`X` the :math:`T_k` vectors of the *source*:
#
# .. math::
#    A = \mathrm{softmax}\!\left(
#    \frac{(Y W_Q)\,(X W_K)^\top}{\sqrt{d_\text{head}}} \right), \qquad
#    \text{output} = A\, (X W_V) .
#
# For :math:`Y = X` this is self-attention. Cross-attention needs no mask, since the
# source is complete. The example has two queries and three keys.

# sphinx_gallery_start_ignore
import lmviz

lmviz.print_anywhere()
# sphinx_gallery_end_ignore
import torch
from torch import nn

x = torch.tensor([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])  # the source
y = torch.tensor([[1.0, 0.0], [0.0, 1.0]])  # the target
w_query, w_key = torch.tensor([[2.0, 0.0], [0.0, 1.0]]), torch.eye(2)
w_value = torch.tensor([[0.0, 1.0], [1.0, 0.0]])

query, key, value = y @ w_query, x @ w_key, x @ w_value
scores = query @ key.T / 2**0.5
weights = scores.softmax(-1)  # (T_q, T_k)
output = weights @ value
print("query   scores                weights               output")
for i in range(2):
    rows = (" ".join(f"{n:.3f}" for n in m[i]) for m in (scores, weights, output))
    print(f"{i:5} ", *rows, sep="   ")

# %%
# The attention map has two rows and three columns: it is not square, and has no blank
# triangle. Each row still sums to one. The first query matches the keys 0 and 2 and
# gives each 0.446; the second gives keys 1 and 2 a weight of 0.401 each. When a third
# word is written, :math:`Y` gets another row, but the keys and values stay the same.
#
# PyTorch's ``MultiheadAttention`` and the book's package give the same output. The
# former stores the three matrices transposed, in one tensor.
from lmviz import attention

module = nn.MultiheadAttention(2, num_heads=1, bias=False, batch_first=True)
with torch.no_grad():
    module.in_proj_weight.copy_(torch.cat([w_query.T, w_key.T, w_value.T]))
    module.out_proj.weight.copy_(torch.eye(2))
    theirs, their_weights = module(y[None], x[None], x[None])
ours = attention.attend(query, key, value)
for name, other in (("module", theirs[0]), ("package", ours)):
    difference = float((output - other).abs().max())
    print(f"largest absolute difference from the {name}: {difference:.1e}")
    assert difference < 1e-4

# %%
# Masks and models
# ----------------
# The mask determines what a model can do. A query may attend to the filled cells.
import matplotlib.pyplot as plt

from lmviz import plots

visible = {
    "Decoder": torch.ones(6, 6).tril(),
    "Encoder": torch.ones(6, 6),
    "Prefix LM, prefix of 3": torch.ones(6, 6).tril(),
    "Cross-attention": torch.ones(4, 6),
}
visible["Prefix LM, prefix of 3"][:3, :3] = 1
_, axes = plt.subplots(2, 2, figsize=(3.4, 3.8), layout="constrained")
for ax, (name, mask) in zip(axes.flat, visible.items(), strict=True):
    shown = torch.where(mask > 0, 0.6, torch.nan)
    plots.heatmap(shown, title=name, vmin=0, vmax=1, square=True, colorbar=False, ax=ax)
    ax.set(xlabel="key", ylabel="query")
    ax.collections[0].set(edgecolor="w", linewidth=1)
plots.caption(
    "Only the decoder has a complete blank triangle. The prefix LM has part of one, "
    "and the other two have none.",
    alt="Four grids. Decoder: a lower triangle. Encoder: a full square. Prefix LM: a "
    "lower triangle whose upper left corner is a full square of three by three. "
    "Cross-attention: a full rectangle of four rows and six columns.",
)
plt.show()

# %%
# - A *decoder*, such as GPT or SmolLM2, has a causal mask. It predicts the next token
#   at all positions, and can generate text.
# - An *encoder*, such as BERT (Devlin et al., 2019), has no mask: its self-attention is
#   *bidirectional*. As the next token is visible, BERT is trained by **masked language
#   modelling** instead: some tokens are replaced by a special token, and it predicts
#   the originals from both sides. Encoders turn texts into vectors, for example for
#   search, but they cannot generate text from left to right.
# - A **prefix LM** (Raffel et al., 2020) is bidirectional within the prompt, and causal
#   after it.
# - An **encoder-decoder**, such as the first transformer (Vaswani et al., 2017) or T5
#   (Raffel et al., 2020), combines both: an encoder reads the source; each block of the
#   decoder has causal self-attention, then cross-attention to the encoder's output.
#
# Attention was invented as cross-attention. Earlier translation models compressed the
# source into one vector, and did badly on long sentences. Bahdanau et al. (2014) let
# the decoder compute a new weighted average of the source vectors for each word.
#
# A small translator
# ------------------
# We train a translator from English to a made-up language. Its words are English words
# spelled backwards; an adjective follows its noun, and the verb comes last. *The red
# dog saw a ball* becomes *eht god der a llab was*. A word and its translation have the
# same id: 6 is *dog* in the source and *god* in the target. So we know the *alignment*,
# the source position that each target position translates: here, ``0, 2, 1, 4, 5, 3``.
WORDS = ["the", "a", "red", "big", "old", "new", "dog", "ball", "king", "song"]
WORDS += ["tree", "ship", "saw", "took", "made", "lost"]


def sentences(n):
    """Draw n sentences of one form: source and target (n, T), and the alignment."""
    a, b = torch.randint(2, (2,)).tolist()  # number of adjectives: subject, object
    adjs, nouns = 2 + torch.rand(n, 4).argsort(1), 6 + torch.rand(n, 6).argsort(1)
    articles, verb = torch.randint(2, (n, 2)), 12 + torch.randint(4, (n, 1))
    subject = [articles[:, :1], adjs[:, :a], nouns[:, :1]]
    thing = [articles[:, 1:], adjs[:, 1 : 1 + b], nouns[:, 1:2]]
    source, v = torch.cat([*subject, verb, *thing], 1), 2 + a  # the verb is word v
    order = [0, 1 + a, *[1] * a, v + 1, v + 2 + b, *[v + 2] * b, v]
    return source, source[:, order], torch.tensor(order)


class Translator(nn.Module):
    def __init__(self, kind, d=64):
        super().__init__()
        self.source, self.target = nn.Embedding(16, d), nn.Embedding(17, d)
        self.positions, self.kind = nn.Embedding(7, d), kind
        parts = [nn.MultiheadAttention(d, 1, batch_first=True) for _ in range(3)]
        self.encoder, self.decoder, self.cross = parts
        self.norm, self.output = nn.LayerNorm(d), nn.Linear(d, 16)

    def forward(self, source, target):
        t = source.shape[1]
        later = torch.ones(t, t).triu(1).bool()  # True: hidden
        x = self.norm(self.source(source) + self.positions.weight[:t])
        if self.kind == "self-attention":  # bidirectional
            x = self.norm(x + self.encoder(x, x, x)[0])
        elif self.kind == "one vector":  # for the whole source
            x = x.mean(1, keepdim=True)
        # word i is predicted from the words before it; 16 marks the start
        start = torch.full_like(target[:, :1], 16)
        y = self.target(torch.cat([start, target[:, :-1]], 1))
        y = self.norm(y + self.positions.weight[:t])
        y = self.norm(y + self.decoder(y, y, y, attn_mask=later)[0])
        read, weights = self.cross(y, x, x)  # queries, keys, values
        return self.output(self.norm(y + read)), weights


# %%
# All three kinds of attention use the same module; only the arguments and the mask
# differ. The loss is the cross-entropy of the translation, so nothing tells the model
# which source word a target word translates. We call a target word aligned if its query
# gives this source word the largest weight; “missed” is the mean weight on this source
# word for target words that are not aligned. We compare three encoders: one without
# attention, whose vectors represent one word each; one with bidirectional
# self-attention; and a bottleneck, which averages all vectors into one.


def accuracy(model, n=40):
    """Return the shares of correct and of aligned words, and the mean missed weight."""
    results = []
    for _ in range(n):
        source, target, order = sentences(40)
        with torch.no_grad():
            logits, weights = model(source, target)
        at_word = weights[:, range(len(order)), order % weights.shape[2]]
        rows = logits.argmax(-1) == target, weights.argmax(-1) == order, at_word
        results.append(torch.stack(rows).flatten(1))  # (3, words)
    right, aligned, at_word = torch.cat(results, 1)
    return right.mean(), aligned.mean(), at_word[aligned == 0].mean()


def train(model, steps=250):
    optimizer = torch.optim.AdamW(model.parameters(), lr=4e-3)
    for _ in range(steps):
        source, target, _ = sentences(32)
        logits, _ = model(source, target)
        loss = nn.functional.cross_entropy(logits.flatten(0, 1), target.flatten())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return model


maps = {}
example = torch.tensor([[0, 2, 6, 12, 1, 7]])  # the red dog saw a ball
translation = example[:, [0, 2, 1, 4, 5, 3]]
print("encoder         seed  aligned before  after  words correct  missed")
for kind in ("no attention", "self-attention", "one vector"):
    for seed in range(1 if kind == "one vector" else 3):
        torch.manual_seed(seed)
        model = Translator(kind)
        (_, before, _), (words, after, missed) = accuracy(model), accuracy(train(model))
        cells = f"{kind:14}", f"{seed:<4}", f"{before:<14.2f}", f"{after:<5.2f}"
        last = f"{missed:.2f}" if kind == "self-attention" else "–"
        print(*cells, f"{words:<13.2f}", last, sep="  ")
        maps.setdefault(kind, model(example, translation)[1][0].detach())

# %%
_, axes = plt.subplots(1, 2, figsize=(6.08, 3.0), layout="constrained")
english = [WORDS[i] for i in example[0]]
backwards = [WORDS[i][::-1] for i in translation[0]]
for ax, (kind, matrix) in zip(axes, maps.items(), strict=False):
    names = {"xticklabels": english, "yticklabels": backwards, "square": True}
    title = f"Encoder: {kind}"
    plots.heatmap(matrix, title=title, vmin=0, vmax=1, colorbar=False, ax=ax, **names)
    ax.set_xlabel("key (source)")
axes[0].set_ylabel("query (next target word)")
plots.shared_colorbar(axes, "weight")
plots.caption(
    "Only without attention in the encoder does every row show the alignment. Rows: "
    "the target word that the query predicts. Columns: the source words.",
    alt="Two maps of six target and six source words. Left: one strong cell in each "
    "row, at the source word that it translates. Right: some at other source words.",
)
plt.show()

# %%
# An untrained model aligns about as many words as a guess among 5 to 7 positions would.
# Without attention in the encoder, training on translations alone finds the alignment
# of more than nine words in ten. In its map, the strong cells leave the diagonal where
# the word order changes. With one vector, about a third of the words are wrong.
#
# With a bidirectional encoder, all words are correct, and yet only half to three
# quarters are aligned. *The better translator has the worse map.* Some queries, such as
# that of *was* in the map on the right, attend to a position other than that of the
# word they translate, which gets almost no weight (“missed”). So the encoder must have
# copied the word to that other position. A column is a position, not a word
# (:doc:`lesson 4.4 </lessons/04_attention/04_attention_maps>`). The share of aligned
# words depends on the seed, the machine and the architecture.
#
# Bahdanau et al. show such maps for English and French. Their model and GPT both
# compute weighted averages with a softmax. But in theirs, a small network computes the
# scores instead of a dot product, and there is no mask.
#
# Cross-attention of T5
# ---------------------
# ``transformers`` returns three kinds of maps for T5: ``encoder_attentions``,
# ``decoder_attentions`` and ``cross_attentions``. For 7 source and 4 target tokens,
# they are 7 by 7, 4 by 4 and 4 by 7. We build a small T5 with random weights, and
# compute its cross-attention weights ourselves. T5 does not divide the scores by
# :math:`\sqrt{d_\text{head}}`; its initial :math:`W_Q` is smaller by this factor.
from transformers import AutoConfig, AutoModel

sizes = {"d_model": 32, "d_kv": 8, "d_ff": 32, "num_layers": 1, "num_heads": 4}
config = AutoConfig.for_model("t5", vocab_size=50, pad_token_id=0, **sizes)
t5 = AutoModel.from_config(config, attn_implementation="eager").eval()
cross, kept = t5.decoder.block[0].layer[1], []
cross.layer_norm.register_forward_hook(lambda module, inputs, out: kept.append(out))
english, german = torch.arange(2, 9)[None], torch.arange(10, 14)[None]
options = {"decoder_input_ids": german, "output_attentions": True}
with torch.no_grad():
    outputs = t5(input_ids=english, **options)
    x, y, part = outputs.encoder_last_hidden_state[0], kept[0][0], cross.EncDecAttention
    query = part.q(y).unflatten(-1, (4, 8)).transpose(0, 1)  # (H, T_q, d_head)
    key = part.k(x).unflatten(-1, (4, 8)).transpose(0, 1)
for name in ("encoder_attentions", "decoder_attentions", "cross_attentions"):
    print(f"{name}: {list(outputs[name][0].shape)}")
difference = (query @ key.mT).softmax(-1) - outputs.cross_attentions[0][0]
print(f"largest absolute difference from T5's: {difference.abs().max():.1e}")
assert difference.abs().max() < 1e-4

# %%
# Summary
# -------
# - Encoders attend in both directions and represent texts; decoders generate them.
# - Cross-attention takes queries from one text, and keys and values from another. Its
#   map is not square and has no blank triangle.
# - A translator can learn the alignment of words from translations alone. If its
#   encoder mixes the words, the map can mislead.
#
# Exercises
# ---------
# What does the map of the translator with one vector look like, and why are about a
# sixth of its words aligned?
#
# .. admonition:: Answer
#    :class: dropdown
#
#    It has a single column. The softmax over one key gives it weight 1 in each row. So
#    the largest weight is always at position 0, right for one word in 5 to 7.
#
# Further reading
# ---------------
# - Bahdanau, Cho and Bengio, *Neural Machine Translation by Jointly Learning to Align
#   and Translate* (2014; ICLR 2015), with maps in figure 3.
# - Vaswani et al., *Attention Is All You Need* (NIPS 2017), section 3.2.3.
# - Devlin, Chang, Lee and Toutanova, *BERT* (NAACL 2019).
# - Raffel et al., *Exploring the Limits of Transfer Learning with a Unified
#   Text-to-Text Transformer* (JMLR 2020).
