"""The index of concepts lists the lessons that use a term."""

import pytest
from lmviz_book import concepts

SAID = {"1/a": "Two keys, a Key and a keyboard.", "1/b": "", "2/c": "A key/value pair."}


@pytest.mark.parametrize(
    ("terms", "said", "count"),
    [
        (["key"], SAID["1/a"], 2),
        (["key"], "keyless, low-key, turkey", 0),
        (["softmax"], "Softmaxes and a softmax", 2),
        (["KV cache", "key/value cache"], "a KV cache, or key/value cache", 2),
    ],
)
def test_a_use_is_a_whole_word_or_its_plural(terms, said, count):
    assert concepts.uses(terms, said) == count


def test_lessons_are_in_the_books_order_and_the_main_one_is_among_them():
    assert concepts.lessons_of(["key"], None, SAID) == ["1/a", "2/c"]
    assert concepts.lessons_of(["key"], "1/b", SAID) == list(SAID)


def test_a_term_of_many_lessons_is_listed_where_it_is_used_most():
    said = {f"1/{i}": "key " * (i + 1) for i in range(20)}
    found = concepts.lessons_of(["key"], "1/0", said)
    assert found == ["1/0", *(f"1/{i}" for i in range(20 - concepts.MOST, 20))]


def test_further_reading_is_no_use_of_a_term():
    script = '"""\nLead\n====\n"""\n# %%\n# Said\n# Further reading\n# -----\n# Key.\n'
    assert concepts.prose(script) == "Lead ==== Said"
