"""SmolLM2's tokenizer in the page: its ids and errors are those of `encode`."""

import random
import re

import hostile
import pytest
from llama_checks import random_text


@pytest.fixture
def page(open_page, serve, model_site):
    return open_page(url=f"{serve(model_site)}/index.html")


ENCODE = """async (texts) => {
    const { tokenizer } = await import("./lmviz/bpe.js");
    const answer = await fetch("model/tokenizer.json");
    const { encode, missing } = tokenizer(await answer.json());
    return texts.map((text) => [encode(text).map(({ id }) => id), missing(text)]);
}"""


def test_ids_are_those_of_encode(page, smollm2):
    source = random.Random(1)
    texts = [text for text in hostile.SHORT if text.strip()]
    while len(texts) < 2000:
        parts = [random_text(source) for _ in range(source.randrange(1, 4))]
        text = source.choice(["", " "]).join(parts)
        texts += [text] if text.strip() else []
    for text, (ids, missing) in zip(texts, page.evaluate(ENCODE, texts), strict=True):
        try:
            wanted = smollm2.encode(text).tolist()
        except ValueError as error:
            assert f"lacks a byte of {missing!r} (" in str(error)
        else:
            assert (ids, missing) == (wanted, None)


def test_the_first_character_without_tokens_is_that_of_the_error(page, smollm2):
    source = random.Random(2)
    lacking = [*"\x04\x06\x13\x14\x16\x1d", "\U00040000", "\U00080000"]
    texts = []
    for _ in range(200):
        characters = [*random_text(source), *source.choices(lacking, k=2)]
        source.shuffle(characters)
        texts.append("".join(characters))
    for text, (_, missing) in zip(texts, page.evaluate(ENCODE, texts), strict=True):
        with pytest.raises(ValueError, match=re.escape(f"a byte of {missing!r} (")):
            smollm2.encode(text)
