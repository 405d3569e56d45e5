"""
Fertility: tokens per word, by language
=======================================

GPT-2's tokenizer was trained on web pages that were nearly all English, and its base of
bytes can spell any text. How many more tokens do other languages need? At the end of
this lesson you can measure the difference, and split it into a part due to UTF-8 and a
part due to training.
"""

# %%
# One word in three languages
# ---------------------------
# The **fertility** of a tokenizer on a text is its number of tokens per word. Words do
# not correspond one to one across languages, and some scripts put no spaces between
# them. So we compare texts of the same content, and count their bytes as well.

# sphinx_gallery_start_ignore
import lmviz

lmviz.print_anywhere()
# sphinx_gallery_end_ignore
import lmviz
from lmviz import tokenization

gpt2 = lmviz.load_tokenizer("gpt2")
ids, shown = {}, {}
print("word          bytes  characters  tokens")
for word in (" dog", " perro", " σκύλος"):
    encoding = gpt2.encode(word)  # AutoTokenizer.from_pretrained("gpt2")(word)
    ids[word] = encoding.ids
    shown[word] = tokenization.readable_tokens(gpt2, encoding.ids)
    visible = word.replace(" ", "␣")
    print(f"{visible:10}  {len(word.encode()):7}  {len(word):10}  {len(encoding):6}")

# %%
# The view shows the bytes of each token. On this page, it also splits words of your
# own.
from lmviz import views

title = "One word in three languages"
views.tokens(shown, ids=ids, tokenizers=["gpt2", "smollm2"], title=title)

# %%
# With its leading space, which belongs to the token, the English word is 1 token. The
# Greek one takes 13 bytes, two for each letter, and 8 tokens for its 7 characters. The
# difference has two causes. If a text in language :math:`l` has :math:`B_l` bytes and
# :math:`T_l` tokens, the ratio of its tokens to those of English (en) is a product,
#
# .. math::
#    \frac{T_l}{T_\text{en}} = \frac{B_l}{B_\text{en}} \cdot
#    \frac{T_l / B_l}{T_\text{en} / B_\text{en}} .
#
# The first factor is the ratio of the *bytes*. It depends on UTF-8 and the language,
# and is the same for every byte-level tokenizer. The second is the ratio of the *tokens
# per byte*. It depends on the training of the vocabulary, and the larger it is, the
# worse the vocabulary suits the language.
#
# Names of countries in fourteen languages
# ----------------------------------------
# The package ``babel`` contains the names of countries and territories in hundreds of
# languages, from the Unicode consortium's collection CLDR. We measure each name as it
# occurs within a sentence: after a space, if the script has spaces.
import babel
import numpy as np

codes = "en es fr de fi tr ru el ar hi ko th ja zh"
locales = {babel.Locale(c).english_name: babel.Locale(c) for c in codes.split()}
unspaced = {"Thai", "Japanese", "Chinese"}
others = {"EU", "EZ", "QO", "UN", "XA", "XB", "ZZ"}  # not countries
shared = set.intersection(*(set(locale.territories) for locale in locales.values()))
countries = sorted(code for code in shared - others if len(code) == 2)


def led(language, texts):
    """Put a space before each text, unless the script has none."""
    return [text if language in unspaced else f" {text}" for text in texts]


def n_bytes(texts):
    return np.mean([len(text.encode()) for text in texts])


def n_tokens(texts, tokenizer=gpt2):
    return np.mean([len(tokenizer.encode(text)) for text in texts])


names = {
    language: led(language, [locale.territories[code] for code in countries])
    for language, locale in locales.items()
}
english = names["English"]
bare = n_tokens([name.strip() for name in english])
print(f"{len(countries)} countries and territories")
print(f"English: {n_tokens(english):.1f} tokens per name; without the space {bare:.1f}")

# %%
# An English name takes 2.2 tokens on average after a space, and 3.0 without it. We
# divide by the 2.2, since most words of a text do follow a space.
ratios = {}
print("language   tokens  bytes  tokens per byte")
for language, texts in names.items():
    tokens = n_tokens(texts) / n_tokens(english)
    size = n_bytes(texts) / n_bytes(english)
    ratios[language] = tokens, size, tokens / size
    print(f"{language:9}  {tokens:6.1f}  {size:5.2f}  {tokens / size:15.2f}")

# %%
import matplotlib.pyplot as plt

from lmviz import plots

_, ax = plt.subplots(figsize=(6.08, 4.4), layout="constrained")
_, sizes, fits = np.log2(list(ratios.values())).T
for left, values, label in ((0, sizes, "bytes"), (sizes, fits, "tokens per byte")):
    color = plots.PALETTE[0 if label == "bytes" else 3]
    ax.barh(list(ratios), values, left=left, label=label, color=color)
ax.set_xticks(range(4), ["1", "2", "4", "8"])
ax.invert_yaxis()
ax.legend(loc="lower right")
ax.set(title="GPT-2's tokens for the same names", xlabel="times English (log scale)")
plots.caption(
    "Tokens per byte raise every ratio more than bytes do. Names in Thai take "
    f"{ratios['Thai'][0]:.1f} times as many tokens as in English: a factor of "
    f"{ratios['Thai'][1]:.1f} for bytes, times {ratios['Thai'][2]:.1f} for tokens per "
    "byte.",
    alt="A bar of two parts, bytes and tokens per byte, for each language: "
    + ", ".join(f"{name} {a:.1f}" for name, (a, _, _) in ratios.items())
    + ".",
)
plt.show()

# %%
# Each number is a ratio to English. Thai needs 9.4 times as many tokens, and Hindi 8.4
# times. UTF-8 uses three bytes for each of their letters, but that is only half of the
# reason: for Hindi the factor is 2.82 for bytes and 3.00 for tokens per byte. Chinese
# is the clearest case. In bytes, its names are about as long as the English ones (a
# ratio of 1.08), but they need 4.3 times as many tokens. A model reads a limited number
# of tokens, its **context**, so that much less of a text fits into it in these
# languages.
#
# Running text
# ------------
# Running text differs from a list of names: it has many short and frequent words. As a
# check, we take the first sentence of Article 1 of the Universal Declaration of Human
# Rights (1948) in official translations. The Spanish sentence continues; we end it
# where the English one ends. Fertility is measured with GPT-2's tokenizer.
articles = {
    "English": "All human beings are born free and equal in dignity and rights.",
    "Spanish": "Todos los seres humanos nacen libres e iguales en dignidad y derechos.",
    "Finnish": "Kaikki ihmiset syntyvät vapaina ja tasavertaisina arvoltaan ja "
    "oikeuksiltaan.",
    "Russian": "Все люди рождаются свободными и равными в своем достоинстве и правах.",
    "Hindi": "सभी मनुष्यों को गौरव और अधिकारों के मामले में "  # in two lines
    "जन्मजात स्वतन्त्रता और समानता प्राप्त है।",
    "Korean": "모든 인간은 태어날 때부터 자유로우며 그 존엄과 권리에 있어 동등하다.",
    "Thai": "มนุษย์ทั้งหลายเกิดมามีอิสระและเสมอภาคกันในเกียรติศักดิ์และสิทธิ",
    "Chinese": "人人生而自由，在尊严和权利上一律平等。",
}
smollm2 = lmviz.load_tokenizer("smollm2")
print("language   fertility  GPT-2 / English  SmolLM2 / English")
for language, text in articles.items():
    tokens = [n_tokens([text], tokenizer) for tokenizer in (gpt2, smollm2)]
    base = [n_tokens([articles["English"]], tokenizer) for tokenizer in (gpt2, smollm2)]
    fertility = tokens[0] / len(text.split())
    shown = "-" if language in unspaced else f"{fertility:.1f}"
    times = [f"{n / b:.1f}" for n, b in zip(tokens, base, strict=True)]
    print(f"{language:9}  {shown:>9}  {times[0]:>15}  {times[1]:>17}")

# %%
# The result is similar: Hindi takes 10.7 times as many tokens as English, Thai 9.7 and
# Spanish 1.9. The fertility is 1.1 in English and 9.3 in Hindi. In Thai and Chinese,
# which do not separate words, it is undefined. SmolLM2's vocabulary is about as large
# as GPT-2's, but suits Hindi better (7.1). For Thai it is hardly better (9.3).
#
# One sentence is no benchmark. Petrov et al. compared seventeen tokenizers on
# ``FLORES-200``, parallel texts in two hundred languages, and found differences of “up
# to 15 times”. Llama 3 spends “28K additional tokens” of its vocabulary on languages
# other than English (Grattafiori et al.).
#
# A vocabulary of its own for each language
# -----------------------------------------
# If training is one cause, the ratios should shrink once each language has a vocabulary
# of its own. We train byte pair encoding on the names of the world's *languages*, with
# up to 1,000 merges for each, and apply it to the names of countries. Two things then
# change, the language of training and the size of the vocabulary. The control changes
# only the size: 1,000 merges from English, applied to all languages. The table shows
# the tokens per name for both, their ratios to English, and the number of pieces into
# which the pre-tokenizer cuts a name.
from collections import Counter

from tokenizers import pre_tokenizers

splitter = pre_tokenizers.ByteLevel(add_prefix_space=False)


def split(texts):
    return [word for text in texts for word, _ in splitter.pre_tokenize_str(text)]


print("language   merges  own tokens  English tokens  own ratio  English ratio  pieces")
trained = {}
for language, locale in locales.items():
    sample = Counter(split(led(language, locale.languages.values())))
    trained[language] = tokenization.train_bpe(sample, n_merges=1000)
    words = split(names[language])
    per_name = [
        sum(len(trained[name].encode(word)) for word in words) / len(countries)
        for name in (language, "English")
    ]
    base = per_name[0] if language == "English" else base
    row = f"{language:9}  {len(trained[language].merges):6}"
    row += f"  {per_name[0]:10.1f}  {per_name[1]:14.1f}"
    row += f"  {per_name[0] / base:9.2f}  {per_name[1] / base:13.2f}"
    print(f"{row}  {len(words) / len(countries):6.1f}")

# %%
# With so few merges an English name takes 5.2 tokens, and the ratios are relative to
# this number. For Thai the ratio is 5.91 with English merges and 1.29 with its own, for
# Russian 3.87 and 1.47. So in other scripts the language of training is the cause.
# Three bytes for a letter are no obstacle, since the first merges restore the letters.
# In the Latin script the difference is small and goes both ways: the ratios of Turkish
# and German fall, while that of Spanish rises from 1.16 to 1.32.
#
# Hindi stays at 1.73 for another reason. GPT-2's pre-tokenizer forms words from
# letters, but most vowels of Hindi are combining characters in Unicode, not letters. It
# cuts a Hindi name into 8.5 pieces on average, and no merge can join pieces. The
# training runs out of pairs after 343 merges. A Thai name is cut into 4.5 pieces, an
# English one only into its words, 1.6 on average.
#
# Digits and indentation
# ----------------------
# GPT-2 and SmolLM2 differ most on digits and indentation. The table gives the tokens
# per four-digit number and, for Python code (the module ``argparse``), the bytes per
# token, with and without its layout, and the share of tokens that are a single space.
from lmviz.texts import python_code

code = python_code()
flat = " ".join(code.split())
print("tokenizer  tokens of 4 digits  bytes per token  without layout  single spaces")
for name, tokenizer in {"GPT-2": gpt2, "SmolLM2": smollm2}.items():
    digits = n_tokens(map(str, range(1000, 10000)), tokenizer)
    sizes = [len(t) / n_tokens([t], tokenizer) for t in (code, flat)]
    pieces = tokenizer.encode(code).tokens
    row = f"{name:9}  {digits:18.2f}  {sizes[0]:15.2f}  {sizes[1]:14.2f}"
    print(row, f"{pieces.count('Ġ') / len(pieces):14.0%}")

# %%
# GPT-2 cuts a four-digit number into 1.99 tokens on average, at varying points, and
# SmolLM2 into 4.00, one for each digit. GPT-4 and Llama 3 form groups of three digits
# from the left. Singh and Strouse found that models add better with groups from the
# right, which line up the digits of equal value. In code, SmolLM2 reaches 4.50 bytes
# per token and GPT-2 only 2.21, because 49% of GPT-2's tokens are the single spaces of
# indentations. Without the layout the two are close, at 3.78 and 3.61.
#
# Summary
# -------
# - Compare languages on texts of the same content, with leading spaces. GPT-2 needs 8.4
#   times as many tokens for names in Hindi as in English, and 9.4 times in Thai.
# - The ratio is the product of a ratio of bytes and one of tokens per byte. For other
#   scripts, training on the language removes most of the gap (Russian 1.47 instead of
#   3.87).
# - A pre-tokenizer that cuts words apart keeps a language expensive (Hindi 1.73).
#
# Exercises
# ---------
# For which language would the tokens per name grow by the largest factor in capital
# letters (``text.upper()``), and for which would they not change? Predict, then
# measure.
#
# .. admonition:: Answer
#    :class: dropdown
#
#    English names grow most, by a factor of 2.1, because the vocabulary contains whole
#    words in the case in which they are frequent. Spanish grows by 1.6. In absolute
#    terms, Russian names grow most, by about 7 tokens each. Arabic, Hindi, Korean,
#    Thai, Japanese and Chinese have no capitals and do not change.
#
# Further reading
# ---------------
# Rust et al., *How Good is Your Tokenizer?* (ACL 2021), on fertility. Petrov, La Malfa,
# Torr and Bibi, *Language Model Tokenizers Introduce Unfairness Between Languages*
# (NeurIPS 2023). Ahia et al., *Do All Languages Cost the Same?* (EMNLP 2023).
# Grattafiori et al., *The Llama 3 Herd of Models* (2024). Singh and Strouse,
# *Tokenization counts* (2024), on digits.
