"""Folders with tokenizers of every kind, for the tests that compare with transformers.

`tokenizers` generates tokenizers with hypothesis; `save` writes one into a folder, with
the files that training scripts and older releases leave there.
"""

import json

from hypothesis import strategies as st
from tokenizers import (
    AddedToken,
    Regex,
    Tokenizer,
    decoders,
    models,
    normalizers,
    pre_tokenizers,
    processors,
)

from lmviz.tokenization._byte_alphabet import byte_alphabet

LETTERS = "abcdeABÉéßİ猫🦜\u0301.,'#▁1 \n\t"
BYTES = [f"<0x{byte:02X}>" for byte in range(256)]
_SPECIAL = ["<s>", "</s>", "[UNK]"]
_ADDED = ["<tool>", "abc", "é", "naïve", "▁▁", "a b", "##a", "<0x41>", "猫猫", "Ġa"]

NORMALIZERS = {
    "none": None,
    "lowercase": normalizers.Lowercase(),
    "NFC": normalizers.NFC(),
    "NFKC": normalizers.NFKC(),
    "strip accents": normalizers.Sequence(
        [normalizers.NFD(), normalizers.StripAccents()]
    ),
    "BERT": normalizers.BertNormalizer(),
    "strip": normalizers.Strip(),
    "Llama": normalizers.Sequence(
        [normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")]
    ),
    "ellipsis": normalizers.Replace("..", "."),
}
PRE_TOKENIZERS = {
    "none": None,
    "whitespace": pre_tokenizers.Whitespace(),
    "whitespace only": pre_tokenizers.WhitespaceSplit(),
    "BERT": pre_tokenizers.BertPreTokenizer(),
    "metaspace": pre_tokenizers.Metaspace(),
    "metaspace, no prefix": pre_tokenizers.Metaspace(prepend_scheme="never"),
    "underscore": pre_tokenizers.Metaspace("_", prepend_scheme="first"),
    "commas removed": pre_tokenizers.CharDelimiterSplit(","),
    "digits": pre_tokenizers.Digits(individual_digits=True),
    "nested": pre_tokenizers.Sequence(
        [pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Punctuation()]
    ),
}
DECODERS = {
    "none": None,
    "metaspace": decoders.Metaspace(),
    "WordPiece": decoders.WordPiece(),
    "BPE": decoders.BPEDecoder(),
    "Llama": decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()]
    ),
}


def _words(minimum=1):
    return st.lists(st.text(LETTERS, min_size=minimum, max_size=4), max_size=12)


@st.composite
def _models(draw):
    """Draw a model and whether its vocabulary is in the byte alphabet."""
    kind = draw(
        st.sampled_from(["BPE", "byte-level", "Unigram", "WordPiece", "WordLevel"])
    )
    known = draw(st.lists(st.sampled_from(LETTERS), unique=True, max_size=len(LETTERS)))
    unknown = draw(st.booleans())
    if kind == "byte-level":
        absent = draw(st.sets(st.sampled_from(sorted("çŁĬñabĠ")), max_size=2))
        known = [c for c in byte_alphabet().values() if c not in absent]
        pairs = draw(st.lists(st.tuples(*[st.sampled_from("abĠÃ©")] * 2), max_size=5))
        return _bpe(known, pairs, {}), True
    if kind == "BPE":
        pairs = draw(st.lists(st.tuples(*[st.sampled_from(LETTERS)] * 2), max_size=5))
        options = {}
        if draw(st.booleans()):
            options = {"byte_fallback": True}
            known += draw(st.sampled_from([BYTES, BYTES[:100]]))
        elif draw(st.booleans()):
            options = {"end_of_word_suffix": "</w>"}
            known += [f"{c}</w>" for c in known]
        if unknown:
            options |= {"unk_token": "[UNK]", "fuse_unk": draw(st.booleans())}
        return _bpe(["[UNK]", *known], pairs, options), False
    tokens = list(dict.fromkeys(["[UNK]", *known, *draw(_words())]))
    if kind == "Unigram":
        fallback = draw(st.booleans())
        tokens += BYTES if fallback else []
        scores = [(token, -float(i % 7)) for i, token in enumerate(tokens)]
        unk_id = 0 if unknown or fallback else None
        return models.Unigram(scores, unk_id, fallback), False
    if kind == "WordPiece":
        tokens += [f"##{token}" for token in known]
    vocabulary = {token: i for i, token in enumerate(dict.fromkeys(tokens))}
    return getattr(models, kind)(
        vocabulary, unk_token="[UNK]" if unknown else "<absent>"
    ), False


def _bpe(known, pairs, options):
    tokens = list(dict.fromkeys(known))
    suffix = options.get("end_of_word_suffix", "")
    merges = []
    for left, right in dict.fromkeys(pairs):
        if left in tokens and right in tokens and not suffix:
            merges.append((left, right))
            tokens += [left + right] if left + right not in tokens else []
    return models.BPE({token: i for i, token in enumerate(tokens)}, merges, **options)


@st.composite
def tokenizers(draw):
    """Draw a tokenizer: any model, with any parts around it and any added tokens."""
    model, byte_level = draw(_models())
    tokenizer = Tokenizer(model)
    if byte_level:
        split = draw(st.booleans())
        part = pre_tokenizers.ByteLevel(
            add_prefix_space=draw(st.booleans()), use_regex=not split
        )
        digits = pre_tokenizers.Split(Regex(r"\d"), "isolated")
        tokenizer.pre_tokenizer = (
            pre_tokenizers.Sequence([digits, part]) if split else part
        )
        if draw(st.booleans()):
            tokenizer.normalizer = normalizers.NFC()
        decoder = decoders.ByteLevel()
        choices = [None, decoder, decoders.Sequence([decoder, decoders.Fuse()])]
        if choice := draw(st.sampled_from(choices)):
            tokenizer.decoder = choice
    else:
        for name, choices in (
            ("normalizer", NORMALIZERS),
            ("pre_tokenizer", PRE_TOKENIZERS),
            ("decoder", DECODERS),
        ):
            if part := choices[draw(st.sampled_from(sorted(choices)))]:
                setattr(tokenizer, name, part)
    tokenizer.add_special_tokens(_SPECIAL[: draw(st.integers(0, 2))])
    flags = st.booleans()
    for content in draw(st.lists(st.sampled_from(_ADDED), unique=True, max_size=3)):
        token = AddedToken(
            content,
            lstrip=draw(flags),
            rstrip=draw(flags),
            single_word=draw(flags),
            normalized=draw(flags),
        )
        add = tokenizer.add_special_tokens if draw(flags) else tokenizer.add_tokens
        add([token])
    if draw(st.booleans()) and tokenizer.token_to_id("<s>") is not None:
        begin = [("<s>", tokenizer.token_to_id("<s>"))]
        template = processors.TemplateProcessing("<s> $A", special_tokens=begin)
        trim = processors.ByteLevel(trim_offsets=draw(st.booleans()))
        both = processors.Sequence([trim, template])
        tokenizer.post_processor = draw(st.sampled_from([template, both]))
    if draw(st.booleans()):
        tokenizer.enable_truncation(3)
    if draw(st.booleans()):
        tokenizer.enable_padding(length=30)
    return tokenizer


#: Settings that training scripts and older releases leave in tokenizer_config.json.
SETTINGS = st.fixed_dictionaries(
    {"tokenizer_class": st.just("PreTrainedTokenizerFast")},
    optional={
        "add_bos_token": st.booleans(),
        "add_eos_token": st.booleans(),
        "add_prefix_space": st.booleans(),
        "bos_token": st.sampled_from(["<s>", "<bos>"]),
        "eos_token": st.just("</s>"),
        "unk_token": st.just("[UNK]"),
        "pad_token": st.just("<pad>"),
        "additional_special_tokens": st.just(["<|im_end|>", "ab"]),
        "clean_up_tokenization_spaces": st.booleans(),
        "model_max_length": st.just(4),
        "padding_side": st.just("left"),
        "truncation_side": st.just("left"),
        "split_special_tokens": st.booleans(),
        "added_tokens_decoder": st.just(
            {"900": {"content": "<later>", "special": True}, "901": {"content": "bc"}}
        ),
    },
)
#: Tokens in files of their own, as releases before 5 wrote them.
LEGACY = st.fixed_dictionaries(
    {},
    optional={
        "special_tokens_map.json": st.just({"pad_token": "<pad>", "sep_token": "cd"}),
        "added_tokens.json": st.just({"<added>": 950, "ba": 951}),
    },
)


def save(tokenizer, folder, settings=None, legacy=(), family="llama"):
    """Save a tokenizer and its settings into a folder, which gets a config, too."""
    (folder / "config.json").write_text(json.dumps({"model_type": family}))
    tokenizer.save(str(folder / "tokenizer.json"))
    files = {"tokenizer_config.json": settings, **dict(legacy)}
    for name, content in files.items():
        if content is not None:
            (folder / name).write_text(json.dumps(content), "utf-8")
