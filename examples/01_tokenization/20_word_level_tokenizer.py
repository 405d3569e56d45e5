"""
The simplest tokenizer, and what it loses
=========================================

Cut a text at its spaces and punctuation, make it lowercase, number the words:
that is a tokenizer in five lines, and it seems to be enough. What does a model
lose that gets its text this way?
"""

# %%
# ``basic_tokenize`` is one regular expression: runs of letters, digits and underscores
# are words, every other sign that is no space stands alone.
from lmviz import tokenization

text = "The dog chased the ball because it was excited."
print(tokenization.basic_tokenize(text))

# %%
# The vocabulary is the list of words seen while **training**, which here means no more
# than collecting them. Id 0 is kept for whatever is not in the list.
corpus = [
    text,
    "A cat sat on the mat, and the dog saw the cat.",
    "The ball was red.",
]
tokenizer = tokenization.BasicTokenizer.train(corpus)
print(len(tokenizer.words), "words:", tokenizer.words)

ids = tokenizer.encode(text)
print("ids:    ", ids)
print("decoded:", tokenizer.decode(ids))

# %%
# It looks as if it worked: the sentence can still be read. Now a sentence that it was
# not trained on, with a name, a double space and an apostrophe.
new = "Fluffkins  wasn't excited: THE CAT was!"
ids = tokenizer.encode(new)

print("ids:    ", ids)
print("decoded:", tokenizer.decode(ids))

# %%
# Three things are gone for good. **Case**: "THE CAT" became "the cat". **Spaces**:
# nobody can tell where there were two and where there were none. **Unknown words**: the
# name and the pieces of "wasn't" are all the same ``[UNK]``, and no model behind this
# tokenizer can ever read or write one of them. Count the last loss on a text that is
# larger than the corpus, Python's own documentation:
import pydoc_data.topics

manual = " ".join(pydoc_data.topics.topics.values())
ids = tokenizer.encode(manual)
print(f"unknown: {ids.count(0)} of {len(ids)} words ({ids.count(0) / len(ids):.0%})")

# %%
# More training text helps, but it does not close the gap: trained on nine tenths of the
# manual, with a vocabulary that has grown by thousands of words, it still meets unknown
# words in the last tenth. Words are an open class; somebody always writes a new one.
cut = len(manual) * 9 // 10
larger = tokenization.BasicTokenizer.train([manual[:cut]])
ids = larger.encode(manual[cut:])
print(f"vocabulary: {len(larger.words)} words")
print(f"unknown: {ids.count(0)} of {len(ids)} words ({ids.count(0) / len(ids):.1%})")

# %%
# GPT-2's tokenizer cuts the sentence about Fluffkins into pieces that carry their case
# and their spaces, and what is no word of its list is put together from smaller pieces.
import lmviz

gpt2 = lmviz.load_tokenizer("gpt2")
strips = {
    "basic": [tokenizer.words[i] for i in tokenizer.encode(new)],
    "GPT-2": tokenization.readable_tokens(gpt2, gpt2.encode(new).ids),
}

# %%
# Compare the two strips: in the upper one the grey words are already lost.
import matplotlib.pyplot as plt

from lmviz import plots

plots.token_strips(
    strips,
    faded=[tokenization.UNKNOWN],
    title="One sentence, two tokenizers",
)
unknown = strips["basic"].count(tokenization.UNKNOWN)
plots.caption(
    f"The word tokenizer loses {unknown} of {len(strips['basic'])} tokens. Grey boxes "
    "are words that are not in its vocabulary. GPT-2's tokenizer builds them from "
    "subwords and keeps case and spaces.",
    alt=f"Two rows of boxes. In the upper row, {unknown} of {len(strips['basic'])} "
    f"boxes are grey and read {tokenization.UNKNOWN}; the lower row has "
    f"{len(strips['GPT-2'])} boxes, which spell the whole sentence.",
)
plt.show()

# %%
# Interactive version, with the id and bytes of each token.
from lmviz import views

ids = {"basic": tokenizer.encode(new), "GPT-2": gpt2.encode(new).ids}
views.tokens(strips, ids=ids, title="Two tokenizers")

# %%
# The check: a tokenizer is without loss if decoding gives the text back.
print("basic:", tokenizer.decode(tokenizer.encode(new)) == new)
print("GPT-2:", gpt2.decode(gpt2.encode(new).ids) == new)
assert gpt2.decode(gpt2.encode(new).ids) == new

# %%
# **Takeaway.** Words are too coarse a unit: the list never ends, and what is not on it
# is lost. Useful tokens can be smaller than a word, and keep every byte.
#
# **Try it.** At the top, set ``tokenization.basic_tokenize`` to a function that keeps
# capitals: ``lambda text: re.findall(r"\w+|[^\w\s]", text)`` (and import ``re``).
# Predict whether the vocabulary learned from the manual gets larger or smaller, and
# whether the share of unknown words goes up or down.
#
# **Sources.** Sennrich, Haddow and Birch, *Neural Machine Translation of Rare Words
# with Subword Units* (ACL 2016), section 1, on why a closed list of words fails.
