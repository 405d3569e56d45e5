"""Mutants that lose or hide a part of a text, or let it escape from a page."""

import functools
import html
import re
from dataclasses import replace

from ._mutant import mutant, returning

TEXT = "test_hostile_text.py"


@mutant(
    "lmviz.tokenization._byte_level:ByteLevelBPE._encode_word",
    f"{TEXT} -k 100_000_letters",
)
def a_long_word_is_split_with_all_its_steps(original):
    from lmviz.tokenization import to_alphabet

    def encode_word(self, word):
        return [self.vocabulary[t] for t in self.pairs.steps(to_alphabet(word))[-1]]

    return encode_word


@mutant("lmviz.tokenization._bpe:_MAX_STEPS_LENGTH", f"{TEXT} -k long_word")
def the_steps_of_a_long_word_are_stored(original):
    return 10**9


@mutant(
    "lmviz.tokenization._bpe:BytePairEncoding.encode",
    f"{TEXT} -k 'steps and not training'",
)
def a_merge_is_applied_after_another_one_undid_it(original):
    class AnyPair(tuple):
        """Equal to every pair of tokens that it is compared with."""

        def __ne__(self, other):
            return False

    reckless = {}

    def encode(self, word, *, n_merges=None):
        if id(self) not in reckless:
            merges = (replace(merge, pair=AnyPair(merge.pair)) for merge in self.merges)
            reckless[id(self)] = type(self)(self.alphabet, tuple(merges)), self
        return original(reckless[id(self)][0], word, n_merges=n_merges)

    return encode


@mutant("lmviz.tokenization._byte_level:_check_vocabulary", f"{TEXT} -k outside_the")
def a_token_that_spells_nothing_is_accepted(original):
    def check(vocabulary, alphabet, special):
        tokens = (token for token in vocabulary if token in (*alphabet, *special))
        original(dict.fromkeys(tokens), alphabet, special)

    return check


@mutant(
    "lmviz.tokenization._coverage:_lost_by_the_model", f"{TEXT} -k decoding_restores"
)
def a_byte_without_a_token_is_lost(original):
    return returning([])


@mutant("lmviz.tokenization._coverage:_unknown", f"{TEXT} -k one_line_error")
def an_unknown_word_is_quoted_in_full(original):
    def unknown(tokenizer, text, error):
        return ValueError(f"one of the words of {text!r} is not one of the model")

    return unknown


@mutant("lmviz.plots._fonts:is_invisible", f"{TEXT} -k texts_in_figures")
def a_figure_has_invisible_characters(original):
    return returning(False)


@mutant("lmviz.plots._fonts:make_legible", f"{TEXT} -k literally[heatmap]")
def a_dollar_sign_on_a_color_bar_is_mathematics(original):
    @functools.wraps(original)
    def make_legible(ax):
        bars = {part: part.colorbar for part in (*ax.images, *ax.collections)}
        for part in bars:
            part.colorbar = None
        original(ax)
        for part, bar in bars.items():
            part.colorbar = bar
        return ax

    return make_legible


@mutant("lmviz.plots._fonts:_shortened", f"{TEXT} -k literally[token_bars]")
def a_long_name_leaves_no_room_for_its_figure(original):
    return lambda text, table, longest: text.translate(table)


@mutant("lmviz.views._view:to_json", f"{TEXT} -k same_elements")
def the_data_of_a_view_can_end_its_element(original):
    def to_json(data):
        return re.sub(r"\\u00(3c|3e|26)", lambda c: chr(int(c[1], 16)), original(data))

    return to_json


@mutant("lmviz.views._view:View._element", f"{TEXT} -k same_elements")
def the_title_of_a_view_has_invisible_characters(original):
    def _element(view):
        written = original(replace(view, title="a title"))
        return written.replace('"a title"', f'"{html.escape(view.title)}"', 1)

    return _element


@mutant("lmviz.views._payload:as_html", f"{TEXT} -k same_elements")
def the_words_of_a_static_figure_are_not_escaped(original):
    return lambda text: html.unescape(original(text))


@mutant("lmviz.views._payload:check_size", f"{TEXT} -k too_many")
def a_view_of_any_size_is_made(original):
    return returning(None)
