"""A byte-level tokenizer, packed for a page that encodes texts itself (bpe.js)."""

import json

from ..tokenization._byte_alphabet import alphabet_bytes


def pack(definition):
    """Pack the definition of a byte-level BPE tokenizer, as `tokenizers` writes it.

    Parameters
    ----------
    definition : str
        JSON, as ``tokenizer.to_str()`` returns it.

    Returns
    -------
    str
        JSON of ``bytes``, the letter, value and id of each byte in the vocabulary;
        ``merges`` in the order of their ranks; ``first``, the id of the first merge's
        token, which the others follow; ``special``, the ids of tokens that are never
        split; ``digits``, whether each digit is a word of its own.
    """
    definition = json.loads(definition)
    model = definition["model"]
    vocabulary = model["vocab"]
    pairs = [
        pair.split(" ") if isinstance(pair, str) else pair for pair in model["merges"]
    ]
    first = vocabulary["".join(pairs[0])]
    ids = [vocabulary["".join(pair)] for pair in pairs]
    if model["type"] != "BPE" or ids != list(range(first, first + len(ids))):
        raise ValueError("the ids of the merges must be in the order of their ranks")
    splitters = definition["pre_tokenizer"]
    return json.dumps(
        {
            "bytes": [
                [letter, byte, vocabulary[letter]]
                for letter, byte in alphabet_bytes().items()
                if letter in vocabulary
            ],
            "first": first,
            "merges": [" ".join(pair) for pair in pairs],
            "special": {t["content"]: t["id"] for t in definition["added_tokens"]},
            "digits": any(
                part["type"] == "Digits" for part in splitters.get("pretokenizers", ())
            ),
        },
        ensure_ascii=False,
        separators=(",", ":"),
    )
