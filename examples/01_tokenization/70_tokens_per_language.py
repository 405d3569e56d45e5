"""
The price of a language
=======================

GPT-2's vocabulary was made from web pages that were nearly all English. It can spell
any language, for its base is bytes, but it has words for one. What do the others pay,
and is it the fault of their script?
"""

# %%
# To compare languages one needs a text that says the same in all of them. The names of
# the world's countries are one, and the Unicode consortium keeps them for hundreds of
# languages; the package ``babel`` brings them along.
import babel

languages = "en es fr de fi tr ru el ar hi th ja ko zh"
locales = [babel.Locale(code) for code in languages.split()]
no_place = {"EU", "EZ", "QO", "UN", "XA", "XB", "ZZ"}
countries = [
    code
    for code in locales[0].territories
    if len(code) == 2
    and code not in no_place
    and all(code in locale.territories for locale in locales)
]
names = {
    locale.english_name: [locale.territories[code] for code in countries]
    for locale in locales
}
print(len(countries), "countries and territories in", len(names), "languages")
print("for example:", [named[countries.index("FI")] for named in names.values()])

# %%
# Count GPT-2's tokens, each name standing alone. One country, one name, and in some
# languages several times the price of English. A model reads a certain number of tokens
# at once, its **context**; in such tokens that is less text.
import numpy as np

import lmviz

gpt2 = lmviz.load_tokenizer("gpt2")
tokens = {
    language: np.mean([len(gpt2.encode(name).ids) for name in named])
    for language, named in names.items()
}
for language, n in tokens.items():
    print(
        f"{language:9} {n:5.1f} tokens per name, {n / tokens['English']:.1f} x English"
    )

# %%
# A common explanation is the script: UTF-8 writes a Latin letter in one byte, a Greek
# or Cyrillic one in two, a Thai or Chinese one in three.
sizes = {
    language: np.mean([len(name.encode()) for name in named])
    for language, named in names.items()
}

# %%
# That is half the truth. If script were all, every language would get as many bytes
# into a token as English.
import matplotlib.pyplot as plt

from lmviz import plots

rows = np.arange(len(names))
_, ax = plt.subplots(figsize=(3.4, 5.4), layout="constrained")
for offset, (label, values) in enumerate({"bytes": sizes, "tokens": tokens}.items()):
    bars = ax.barh(rows + 0.4 * offset, values.values(), 0.38, label=label)
    ax.bar_label(bars, fmt="%.1f", padding=3)
ax.set_yticks(rows + 0.2, list(names))
ax.invert_yaxis()
ax.margins(x=0.15)
ax.set(
    title="Names of countries:\nUTF-8 bytes and GPT-2 tokens",
    xlabel="bytes or tokens per name (mean)",
    ylabel="language",
)
ax.legend(loc="upper right")
most = max(tokens, key=tokens.get)
plots.caption(
    f"{most} takes the most tokens. A country's name has {tokens[most]:.1f} GPT-2 "
    f"tokens on average in {most} and {tokens['English']:.1f} in English. One reason "
    "is the script, which needs more bytes; the other is that a token carries "
    f"{sizes[most] / tokens[most]:.1f} bytes instead of "
    f"{sizes['English'] / tokens['English']:.1f}.",
    alt=f"Two bars for each of {len(names)} languages, mean bytes and tokens per name. "
    "In Latin script and in Japanese there are about 0.4 tokens per byte or fewer; in "
    "the other languages there are more, up to almost one per byte in Korean.",
)
plt.show()

# %%
# The rest is the vocabulary. Where it has whole words, a token carries several bytes;
# where it has little more than the bytes, a token carries hardly more than one, which
# is not even a letter. The same bytes cost more because nobody merged them.
for language in names:
    print(f"{language:9} {sizes[language] / tokens[language]:.2f} bytes per token")

# %%
# Is it the kind of tokenizer, then? No: train byte pair encoding on another language,
# and the price falls. Here on the names of the world's languages, in Greek.
from collections import Counter

from tokenizers import pre_tokenizers

from lmviz import tokenization

greek = babel.Locale("el")
splitter = pre_tokenizers.ByteLevel(add_prefix_space=False)


def split(texts):
    return [word for text in texts for word, _ in splitter.pre_tokenize_str(text)]


words = Counter(split(greek.languages.values()))
bpe = tokenization.train_bpe(words, n_merges=1000)
ours = sum(len(bpe.encode(word)) for word in split(names["Greek"])) / len(countries)
print(f"tokens per Greek name: GPT-2 {tokens['Greek']:.1f}, Greek BPE {ours:.1f}")

# %%
# The check: nothing is lost in any language, whatever it costs, and the vocabulary that
# was trained on Greek is cheaper on Greek.
for named in names.values():
    assert all(gpt2.decode(gpt2.encode(name).ids) == name for name in named)
print("every name in every language comes back unchanged")
assert ours < tokens["Greek"]

# %%
# The word for Finland in four of the languages. On this page, you can compare the two
# tokenizers on a text of your own.
from lmviz import views

place = countries.index("FI")
four = {name: names[name][place] for name in ("English", "Finnish", "Russian", "Thai")}
ids = {name: gpt2.encode(word).ids for name, word in four.items()}
views.tokens(
    {name: tokenization.readable_tokens(gpt2, row) for name, row in ids.items()},
    ids=ids,
    tokenizers=["gpt2", "smollm2"],
    title="Finland in four languages, as GPT-2's tokens",
)

# %%
# **Takeaway.** Bytes make every language possible; the vocabulary makes some of them
# cheap.
#
# **Try it.** Use ``lmviz.load_tokenizer("smollm2")``, a newer and smaller vocabulary,
# instead of GPT-2's. Predict which languages gain, and whether one loses.
#
# **Sources.** Petrov, La Malfa, Torr and Bibi, *Language Model Tokenizers Introduce
# Unfairness Between Languages* (NeurIPS 2023). The names are from Unicode's CLDR.
