"""
Text to numbers and back
========================

A language model never sees letters. It is given whole numbers, one for each
piece of a text, and it answers with numbers. Which pieces, which numbers, and is
anything lost on the way there and back?
"""

# %%
# A **tokenizer** cuts a text into **tokens** and looks up the **id** of each: its place
# in a fixed list, the **vocabulary**. This lesson uses GPT-2's tokenizer, whatever
# model the rest of the book runs on.
import lmviz

tokenizer = lmviz.load_tokenizer("gpt2")
text = "Small Language Models are powerful and efficient!"
encoding = tokenizer.encode(text)

print("text:      ", text)
print("tokens:    ", encoding.tokens)
print("ids:       ", encoding.ids)
print("decoded:   ", tokenizer.decode(encoding.ids))
print("vocabulary:", tokenizer.get_vocab_size(), "tokens")

# %%
# The ``Ġ`` in front of most tokens is no special mark. It is how GPT-2's vocabulary
# file writes the space, so that every token is visible in a text editor. The space
# belongs to the word that follows it, so ``small`` and ``Ġsmall`` are two entries with
# two ids. The book writes the space as ``␣``.
from lmviz import tokenization

tokens = tokenization.readable_tokens(tokenizer, encoding.ids)
print({token: tokenizer.token_to_id(token) for token in ("small", "Ġsmall")})

# %%
# Here is the sentence once more, with its spaces.
import matplotlib.pyplot as plt

from lmviz import plots

boxes = [f"{token}\n{i}" for token, i in zip(tokens, encoding.ids, strict=True)]
plots.token_strips({"GPT-2": boxes}, title="A sentence as tokens, with their ids")
plots.caption(
    f"{len(tokens)} tokens, {len(tokens)} ids. Each box is a token with its id in "
    "GPT-2's vocabulary; ␣ is a space, which belongs to the word after it.",
    alt=f"A row of {len(tokens)} boxes: "
    + ", ".join(box.replace("\n", " ") for box in boxes)
    + ".",
)
plt.show()

# %%
# Ids are names, not amounts. One id can be looked up on its own, and the ids around it
# belong to tokens that have nothing in common: the order of the list says when a token
# was added to it, not what it means.
for i in range(18708, 18714):
    print(i, repr(tokenizer.decode([i])))

# %%
# Now the classic mistake: to show the tokens of a text by decoding them one at a time.
# The tokens of GPT-2 are made of **bytes**, and a character outside ASCII is written in
# two to four of them. A token may end in the middle of a character, and half a
# character decodes to the replacement sign �, whatever the half was.
emoji = "I ❤ naïve 🦜!"
ids = tokenizer.encode(emoji).ids

print("one by one:", [tokenizer.decode([i]) for i in ids])
print("as bytes:  ", tokenization.readable_tokens(tokenizer, ids))
print("together:  ", tokenizer.decode(ids))

# %%
# Interactive version, with the id and bytes of each token. On this page, GPT-2's
# tokenizer also splits a text of yours: a name, an emoji, a word in another script.
from lmviz import views

views.tokens(
    {"GPT-2": tokenization.readable_tokens(tokenizer, ids)},
    ids={"GPT-2": ids},
    tokenizers=["gpt2"],
    title="A text as tokens",
)

# %%
# Decoded together the bytes meet again, and nothing is lost. That holds for a text in
# any script, for all 256 bytes are themselves tokens: what the vocabulary has no better
# piece for is spelled byte by byte. (The one exception is made on purpose:
# ``<|endoftext|>``, GPT-2's mark for the end of a document. A text that spells it out
# loses it.) The check, on some hard cases:
texts = [
    text,
    emoji,
    "  two  spaces,\ttabs and\nnew lines  ",
    "Größe, 数量, количество, كمية",
    "".join(map(chr, range(32, 1000))),
]
for original in texts:
    assert tokenizer.decode(tokenizer.encode(original).ids) == original
print(f"decode(encode(text)) == text for all {len(texts)} texts")

# %%
# **Takeaway.** A tokenizer is a two-way dictionary between pieces of text and whole
# numbers, and GPT-2's loses nothing on the way.
#
# **Try it.** Take away the first letter's capital: ``"small Language Models …"``.
# Predict first how many ids change, and whether their number stays the same.
#
# **Sources.** Radford, Wu, Child, Luan, Amodei and Sutskever, *Language Models are
# Unsupervised Multitask Learners* (2019), section 2.2, for the byte-level vocabulary.
