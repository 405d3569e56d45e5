"""Tokenizers in folders: the ids of a text are those of ``AutoTokenizer`` there."""

import importlib.util
import json

import pytest
import tokenizer_folders
from tiny_families import build, config
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers
from transformers import AutoTokenizer

import lmviz
from lmviz.models import LanguageModel, UnsupportedModel, _wheels
from lmviz.models._read_tokenizer import backend
from lmviz.tokenization._coverage import encode_whole

WORDS = ["[UNK]", "<s>", "the", "dog", "chased", "a", "ball", "."]
TEXT = "the dog chased a ball . the dog"
FAST = {"tokenizer_class": "PreTrainedTokenizerFast"}


def words(**options):
    vocabulary = {word: i for i, word in enumerate(WORDS)}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return tokenizer


def assert_same(folder, text):
    """Assert that lmviz and transformers agree; return the ids."""
    theirs = AutoTokenizer.from_pretrained(folder)
    ours = lmviz.load_tokenizer(folder)
    ids = theirs(text)["input_ids"]
    assert encode_whole(ours, text).ids == ids
    assert ours.decode(ids) == theirs.decode(ids, skip_special_tokens=True)
    return ids


@pytest.mark.parametrize("name", ["toy", "smollm2"])
def test_built_in_tokenizers_are_those_of_transformers(name, request):
    folder = request.getfixturevalue(name).source.folder
    texts = {"toy": "Anna has a red ball .", "smollm2": "naïve 🦜\n\n12 <|im_end|> "}
    theirs = AutoTokenizer.from_pretrained(folder)
    text = texts[name]
    assert lmviz.load_tokenizer(name).encode(text).ids == theirs(text)["input_ids"]
    assert theirs(text)["input_ids"] == theirs(text, truncation=False)["input_ids"]


def test_gpt2s_tokenizer_is_that_of_transformers(tmp_path):
    encoder, merges = _wheels.gpt2_tokenizer_files()
    (tmp_path / "vocab.json").write_bytes(encoder.read_bytes())
    (tmp_path / "merges.txt").write_bytes(merges.read_bytes())
    (tmp_path / "config.json").write_text('{"model_type": "gpt2"}')
    text = "naïve 🦜\n\n12 <|endoftext|> it's"
    ids = assert_same(tmp_path, text)  # two files of a slow tokenizer
    assert lmviz.load_tokenizer("gpt2").encode(text).ids == ids


def test_a_class_that_ignores_the_file_is_named(tmp_path, caplog):
    # huggingface/transformers#45812 and #45920: GPT2Tokenizer does not split digits.
    tokenizer = lmviz.load_tokenizer("gpt2")
    digits = pre_tokenizers.Digits(individual_digits=True)
    bytes_ = pre_tokenizers.ByteLevel(add_prefix_space=False)
    for pre_tokenizer in (bytes_, pre_tokenizers.Sequence([digits, bytes_])):
        tokenizer.pre_tokenizer = pre_tokenizer
        tokenizer_folders.save(tokenizer, tmp_path, None, family="gpt2")
        caplog.clear()
        same = assert_same(tmp_path, "in 2023") == tokenizer.encode("in 2023").ids
        warned = [m for m in caplog.messages if "splits texts differently" in m]
        assert bool(warned) != same
    tokenizer_folders.save(tokenizer, tmp_path, FAST, family="gpt2")
    caplog.clear()
    assert assert_same(tmp_path, "in 2023") == tokenizer.encode("in 2023").ids
    assert not caplog.messages


# huggingface/transformers#3366 and daulet/tokenizers#30
def test_truncation_and_padding_that_were_saved_are_not_applied(tmp_path):
    tokenizer = words()
    tokenizer.enable_truncation(3)
    tokenizer.enable_padding(length=20, pad_token="[UNK]")
    tokenizer_folders.save(tokenizer, tmp_path, FAST)
    assert len(assert_same(tmp_path, TEXT)) == 8


def test_dropout_that_was_saved_is_not_applied(tmp_path):
    # google/sentencepiece#1071: a tokenizer with BPE dropout, saved and loaded.
    vocabulary = {"d": 0, "o": 1, "g": 2, "do": 3, "dog": 4}
    model = models.BPE(vocabulary, [("d", "o"), ("do", "g")], dropout=0.5)
    tokenizer_folders.save(Tokenizer(model), tmp_path, FAST)
    tokenizer = lmviz.load_tokenizer(tmp_path)
    assert all(tokenizer.encode("dog").ids == [4] for _ in range(50))


def test_tokens_in_other_files_are_added(tmp_path):
    # georg-jung/FastBertTokenizer#100, and what releases before 5 wrote
    legacy = {
        "added_tokens.json": {"<tool>": 8},
        "special_tokens_map.json": {"additional_special_tokens": ["<|im_end|>"]},
    }
    tokenizer_folders.save(words(), tmp_path, FAST, legacy)
    assert assert_same(tmp_path, "the<tool>dog<|im_end|>") == [2, 8, 3, 9]


def test_added_tokens_keep_their_settings(tmp_path):
    # huggingface/transformers#35973: Phi-3's <|end|> takes the blanks that follow.
    end = {"content": "<|end|>", "rstrip": True, "special": True}
    settings = {**FAST, "added_tokens_decoder": {"8": end}}
    tokenizer_folders.save(words(), tmp_path, settings)
    assert assert_same(tmp_path, "the <|end|>\n\n dog") == [2, 8, 3]


@pytest.mark.parametrize("add_bos", [False, True])
@pytest.mark.parametrize("add_eos", [False, True])
def test_begin_and_end_tokens_are_added_as_transformers_does(
    tmp_path, add_bos, add_eos
):
    settings = {
        "tokenizer_class": "LlamaTokenizer",
        **{"add_bos_token": add_bos, "add_eos_token": add_eos},
        **{"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"},
    }
    vocabulary = {"<unk>": 0, "<s>": 1, "</s>": 2, "▁": 3, "a": 4, "▁a": 5}
    model = models.BPE(vocabulary, [("▁", "a")], unk_token="<unk>")
    tokenizer = Tokenizer(model)
    tokenizer.normalizer = normalizers.Sequence(
        [normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")]
    )
    tokenizer.decoder = decoders.Sequence([decoders.Replace("▁", " ")])
    tokenizer_folders.save(tokenizer, tmp_path, settings)
    assert assert_same(tmp_path, "a aa")


@pytest.mark.parametrize("prefix", [False, True])
def test_a_space_before_the_text_is_added_as_transformers_does(tmp_path, prefix):
    lmviz.load_tokenizer("gpt2").save(str(tmp_path / "tokenizer.json"))
    settings = {"tokenizer_class": "GPT2Tokenizer", "add_prefix_space": prefix}
    (tmp_path / "tokenizer_config.json").write_text(json.dumps(settings))
    (tmp_path / "config.json").write_text('{"model_type": "gpt2"}')
    assert assert_same(tmp_path, "dog") == ([3290] if prefix else [9703])


def test_a_vocabulary_of_bert_is_read_without_a_tokenizer_json(tmp_path):
    # Chinese GPT-2s have BERT's tokenizer, and a vocab.txt only.
    vocabulary = [
        "[PAD]",
        "[UNK]",
        "[CLS]",
        "[SEP]",
        "[MASK]",
        "你",
        "好",
        "dog",
        "##s",
    ]
    (tmp_path / "vocab.txt").write_text("\n".join(vocabulary), "utf-8")
    (tmp_path / "config.json").write_text('{"model_type": "gpt2"}')
    settings = {
        "tokenizer_class": "BertTokenizer",
        "clean_up_tokenization_spaces": True,
    }
    (tmp_path / "tokenizer_config.json").write_text(json.dumps(settings))
    assert assert_same(tmp_path, "你好 DOGS !") == [2, 5, 6, 7, 8, 1, 3]


def test_spaces_before_punctuation_are_cleaned_up_as_transformers_does(tmp_path):
    text = "the dog . the dog"
    tokenizer_folders.save(words(), tmp_path, FAST)
    assert lmviz.load_tokenizer(tmp_path).decode(assert_same(tmp_path, text)) == text
    settings = {**FAST, "clean_up_tokenization_spaces": True}
    tokenizer_folders.save(words(), tmp_path, settings)
    tokenizer = lmviz.load_tokenizer(tmp_path)
    assert tokenizer.decode(assert_same(tmp_path, text)) == "the dog. the dog"


def test_special_tokens_are_split_if_the_folder_says_so(tmp_path):
    tokenizer = words()
    tokenizer.add_special_tokens(["<s>"])
    tokenizer.enable_padding()  # a copy is made, which forgets the setting
    for split in (False, True):
        settings = {**FAST, "split_special_tokens": split}
        tokenizer_folders.save(tokenizer, tmp_path, settings)
        assert assert_same(tmp_path, "<s>dog") == ([0] if split else [1, 3])


@pytest.mark.skipif(
    bool(importlib.util.find_spec("sentencepiece")), reason="sentencepiece is there"
)
def test_a_sentencepiece_model_needs_packages_that_are_named(tmp_path, refusal):
    (tmp_path / "config.json").write_text('{"model_type": "xglm"}')
    (tmp_path / "sentencepiece.bpe.model").write_bytes(b"\x0a\x0e\x0a\x05<unk>")
    message = refusal(lmviz.load_tokenizer, tmp_path, kind=UnsupportedModel)
    assert "converting the tokenizer of" in message
    assert "pip install sentencepiece" in message


@pytest.mark.skipif(
    bool(importlib.util.find_spec("tiktoken")), reason="tiktoken is there"
)
def test_a_tiktoken_vocabulary_needs_a_package_that_is_named(tmp_path, refusal):
    # Llama 3's original folder has one, with the name of a SentencePiece model.
    (tmp_path / "config.json").write_text('{"model_type": "llama"}')
    (tmp_path / "tokenizer.model").write_text("IQ== 0\nIg== 1\n")
    message = refusal(lmviz.load_tokenizer, tmp_path, kind=UnsupportedModel)
    assert message.endswith("takes tiktoken; run: python -m pip install tiktoken")


def test_a_tokenizer_that_is_not_fast_is_refused(tmp_path, refusal):
    (tmp_path / "config.json").write_text('{"model_type": "ctrl"}')
    (tmp_path / "vocab.json").write_text('{"a": 0, "<unk>": 1}')
    (tmp_path / "merges.txt").write_text("#version: 0.2\n")
    message = refusal(lmviz.load_tokenizer, tmp_path, kind=UnsupportedModel)
    assert "CTRLTokenizer, has no tokenizer.json and cannot be converted" in message


@pytest.fixture
def module():
    return build(config("gpt2", vocab_size=12))


def test_a_tokenizer_of_transformers_is_not_changed_by_the_users_calls(
    tmp_path, module
):
    tokenizer_folders.save(words(), tmp_path, FAST)
    theirs = AutoTokenizer.from_pretrained(tmp_path)
    lm = LanguageModel.from_module(module, theirs)
    theirs(TEXT, truncation=True, max_length=2)
    assert lm.encode(TEXT).tolist() == theirs(TEXT)["input_ids"]


def test_a_tokenizer_that_truncates_or_pads_is_copied(module):
    tokenizer = words()
    tokenizer.enable_truncation(2)
    lm = LanguageModel.from_module(module, tokenizer)
    assert len(lm.encode(TEXT)) == 8
    assert tokenizer.truncation["max_length"] == 2, "the user's is left as it is"
    lm.tokenizer.enable_truncation(2)
    with pytest.raises(ValueError, match="call its methods no_truncation and no_padd"):
        lm.encode(TEXT)
    lm.tokenizer.no_truncation()
    lm.tokenizer.enable_padding(length=9)
    with pytest.raises(ValueError, match="truncates or pads texts"):
        lm.encode(TEXT)


def test_what_is_no_fast_tokenizer_is_refused(module):
    for wrong in (object(), TEXT, len):
        with pytest.raises(TypeError, match="`tokenizer` must be a tokenizers.Tokeni"):
            LanguageModel.from_module(module, wrong)
    assert backend(words()).to_str() == words().to_str()
