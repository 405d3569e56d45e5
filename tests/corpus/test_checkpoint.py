"""A call resumes from its checkpoint, whatever interrupted it or damaged the file."""

import itertools
import json
import subprocess
import sys
import warnings

import pytest
import torch

from lmviz import attention, corpus
from lmviz.corpus import Batches, _checkpoint

HEADER = len(b"lmviz checkpoint \n") + 64

# Scores heads, and logs each batch; ends in the middle of some step of some batch.
PROGRAM = """
import json, os, signal, sys
import torch, lmviz
from lmviz.corpus import _checkpoint, head_scores

folder, moment, last = sys.argv[1], sys.argv[2], int(sys.argv[3])
kill = getattr(signal, "SIGKILL", signal.SIGTERM)  # which kills on Windows, too
lm = lmviz.load("toy")
texts = [torch.tensor(ids) for ids in json.load(open(f"{folder}/texts.json"))]
log = os.open(f"{folder}/log", os.O_CREAT | os.O_APPEND | os.O_WRONLY)
begun = written = 0

forward = type(lm.module).forward
def counted(module, **inputs):
    global begun
    begun += 1
    if moment == "pass" and begun == last:
        os.kill(os.getpid(), kill)
    output = forward(module, **inputs)
    os.write(log, b"x")
    return output
type(lm.module).forward = counted

write = _checkpoint.Checkpoint._write
def interrupted(self, record):
    global written
    written += 1
    if written == last and moment == "record":
        write(self, record[: len(record) // 2])
        os.kill(os.getpid(), kill)
    if written == last and moment == "full disk":
        import resource
        limit = self._size + len(record) // 2
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    write(self, record)
    if written == last and moment == "after record":
        os.kill(os.getpid(), kill)
_checkpoint.Checkpoint._write = interrupted

if moment == "short file":
    _checkpoint._SLACK = 0
    def killed(path, content, original=_checkpoint.write_whole):
        global written
        written += 1
        if written == last:
            os.kill(os.getpid(), kill)
        original(path, content)
    _checkpoint.write_whole = killed

head_scores(lm, texts, batch_tokens=64, file=f"{folder}/sums", progress=False)
"""


def scores(lm, texts, **options):
    options = {"batch_tokens": 64, "progress": False, **options}
    return corpus.head_scores(lm, texts, **options)


def equal(ours, theirs):
    return all(torch.equal(ours[name], theirs[name]) for name in theirs)


class Passes:
    """Count a model's forward passes, and interrupt the one after `most`."""

    def __init__(self, monkeypatch, lm, most=None):
        self.done, original = 0, type(lm.module).forward

        def forward(module, **inputs):
            if self.done == most:
                raise KeyboardInterrupt
            self.done += 1
            return original(module, **inputs)

        monkeypatch.setattr(type(lm.module), "forward", forward)


@pytest.fixture
def n_batches(toy, texts):
    return len(Batches(toy, texts, 64).batches)


@pytest.fixture
def saved(toy, texts, tmp_path):
    """A checkpoint of a whole call, its records, and the call's result."""
    file = tmp_path / "sums"
    whole = scores(toy, texts, file=file)
    content, ends = file.read_bytes(), [HEADER]
    while ends[-1] < len(content):
        size = int.from_bytes(content[ends[-1] : ends[-1] + 8], "little")
        ends.append(ends[-1] + 17 + 32 + size)
    records = [content[a:b] for a, b in itertools.pairwise(ends)]
    return file, content[:HEADER], records, whole


def end_in(moment, last, folder, texts):
    """Run the program until it ends in some step; return its exit status and errors."""
    content = json.dumps([ids.tolist() for ids in texts])
    (folder / "texts.json").write_text(content)
    command = [sys.executable, "-c", PROGRAM, str(folder), moment, str(last)]
    done = subprocess.run(command, capture_output=True, text=True)
    return done.returncode, done.stderr


@pytest.mark.parametrize(
    ("moment", "last", "kept"),
    [
        ("pass", 1, 0),
        ("pass", 4, 3),
        ("pass", 6, 5),
        ("record", 1, 0),
        ("record", 4, 3),
        ("after record", 4, 4),
        ("after record", 6, 6),
        ("short file", 6, 3),
    ],
)
def test_a_killed_process_has_lost_at_most_the_batch_it_was_at(
    toy, texts, tmp_path, monkeypatch, n_batches, moment, last, kept
):
    status, errors = end_in(moment, last, tmp_path, texts)
    assert status in (-9, 15), errors
    before = len((tmp_path / "log").read_bytes())
    torn = moment == "record"
    passes = Passes(monkeypatch, toy)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        result = scores(toy, texts, file=tmp_path / "sums")
    found = [str(each.message) for each in caught]
    assert len(found) == torn
    assert all(f"damaged after {kept} of {n_batches} " in text for text in found)
    assert passes.done == n_batches - kept
    assert before == kept + torn  # only a record that was being written is lost
    assert equal(result, scores(toy, texts))
    assert {path.name for path in tmp_path.iterdir()} == {"sums", "log", "texts.json"}


@pytest.mark.skipif(sys.platform == "win32", reason="no limit on the size of files")
def test_a_full_disk_is_an_error_and_the_batches_before_it_are_kept(
    toy, texts, tmp_path, monkeypatch, n_batches
):
    status, errors = end_in("full disk", 4, tmp_path, texts)
    assert (status, "File too large" in errors) == (1, True)
    passes = Passes(monkeypatch, toy)
    with pytest.warns(UserWarning, match=f"damaged after 3 of {n_batches} "):
        result = scores(toy, texts, file=tmp_path / "sums")
    assert passes.done == n_batches - 3
    assert equal(result, scores(toy, texts))


@pytest.mark.parametrize("work", [corpus.head_scores, corpus.surprisals])
@pytest.mark.parametrize("slack", [-_checkpoint._SLACK, _checkpoint._SLACK])
def test_an_interrupted_call_resumes_from_its_checkpoint(
    toy, texts, tmp_path, monkeypatch, n_batches, work, slack
):
    monkeypatch.setattr(_checkpoint, "_SLACK", slack)
    options = {"batch_tokens": 64, "progress": False}
    whole = work(toy, texts, **options)
    file = tmp_path / "sums"
    for most, expected in ((3, 3), (2, 2), (None, n_batches - 5), (0, 0)):
        result = None
        with monkeypatch.context() as patch:
            passes = Passes(patch, toy, most)
            try:
                result = work(toy, texts, file=file, **options)
            except KeyboardInterrupt:
                assert most
        assert passes.done == expected
        if isinstance(result, dict):
            assert equal(result, whole)
        elif result is not None:
            assert all(map(torch.equal, result, whole))
    assert [path.name for path in tmp_path.iterdir()] == [file.name]


def test_a_long_file_is_replaced_by_the_total(toy, saved, texts, monkeypatch):
    file, header, records, whole = saved
    long = file.stat().st_size
    file.unlink()
    monkeypatch.setattr(_checkpoint, "_SLACK", 0)
    assert equal(scores(toy, texts, file=file), whole)
    assert file.stat().st_size <= len(header) + 4 * max(map(len, records)) < long
    with monkeypatch.context() as patch:
        passes = Passes(patch, toy)
        assert equal(scores(toy, texts, file=file), whole)
    assert passes.done == 0


@pytest.mark.parametrize(
    ("change", "kept"),
    [
        (lambda records: [*records[:-1], records[-1][:-1]], 5),
        (lambda records: [*records[:2], records[2][:5]], 2),
        (lambda records: [*records, b"\0"], 6),
        (lambda records: [*records[:3], bytes(len(records[3])), *records[4:]], 3),
        (lambda records: [records[1], records[0], *records[2:]], 0),
        (lambda records: [*records[:2], *records[1:]], 2),
        (lambda records: [*records[:2], *records[3:]], 2),
        (lambda records: [*records[:2], b"\xff" * 200], 2),
    ],
    ids=["cut", "frame cut", "more", "zeros", "reordered", "twice", "lost", "huge"],
)
def test_what_follows_damage_is_computed_again(
    toy, saved, texts, monkeypatch, change, kept
):
    file, header, records, whole = saved
    file.write_bytes(header + b"".join(change(records)))
    passes = Passes(monkeypatch, toy)
    with pytest.warns(UserWarning, match=f"damaged after {kept} of {len(records)} "):
        result = scores(toy, texts, file=file)
    assert equal(result, whole)
    assert passes.done == len(records) - kept
    assert file.read_bytes() == header + b"".join(records)


def test_a_flipped_bit_anywhere_gives_no_other_number(toy, saved, texts):
    file, header, records, whole = saved
    content = header + b"".join(records)
    for place in torch.linspace(HEADER, len(content) - 1, 40).long().tolist():
        flipped = bytearray(content)
        flipped[place] ^= 1
        file.write_bytes(flipped)
        with pytest.warns(UserWarning, match="is damaged after"):
            assert equal(scores(toy, texts, file=file), whole)


def test_a_record_of_another_call_is_not_used(toy, saved, texts):
    file, header, records, whole = saved
    other = file.with_name("other")
    scores(toy, [ids.flip(0) for ids in texts], file=other)
    file.write_bytes(header + other.read_bytes()[HEADER:])
    with pytest.warns(UserWarning, match=f"damaged after 0 of {len(records)} "):
        assert equal(scores(toy, texts, file=file), whole)


@pytest.mark.parametrize(
    "change",
    [
        lambda toy, texts, file: scores(toy, texts[1:], file=file),
        lambda toy, texts, file: scores(toy, texts, file=file, batch_tokens=65),
        lambda toy, texts, file: corpus.surprisals(toy, texts, file=file),
    ],
)
def test_the_checkpoint_of_another_call_is_refused(toy, texts, tmp_path, change):
    file = tmp_path / "sums"
    scores(toy, texts, file=file)
    before = file.read_bytes()
    with pytest.raises(ValueError, match="another call.*pass another file or delete"):
        change(toy, texts, file)
    assert file.read_bytes() == before


def test_the_checkpoint_of_other_weights_is_refused(toy, texts, tmp_path):
    file = tmp_path / "sums"
    scores(toy, texts, file=file)
    weight = toy.module.transformer.ln_f.weight.data
    weight[0] += 1
    try:
        with pytest.raises(ValueError, match="belongs to another call"):
            scores(toy, texts, file=file)
    finally:
        weight[0] -= 1


def test_a_model_with_ablated_heads_has_no_checkpoint(toy, texts, tmp_path):
    with (
        attention.ablate_heads(toy, [(0, 0)]),
        pytest.raises(ValueError, match=r"has hooks .*leave out `file`"),
    ):
        scores(toy, texts, file=tmp_path / "sums")


def test_a_model_with_a_hook_after_a_module_has_no_checkpoint(toy, texts, tmp_path):
    norm, file = toy.module.transformer.ln_f, tmp_path / "sums"
    toy.trace(texts[0])  # transformers adds its own hooks, which change nothing
    scores(toy, texts, file=file)
    handle = norm.register_forward_hook(lambda module, args, output: 2 * output)
    try:
        with pytest.raises(ValueError, match=r"has hooks .*leave out `file`"):
            scores(toy, texts, file=file)
    finally:
        handle.remove()


@pytest.mark.parametrize("content", [b"", b"no checkpoint", b"\xff" * 100])
def test_a_file_that_is_no_checkpoint_is_refused_and_kept(
    toy, texts, tmp_path, content
):
    file = tmp_path / "sums"
    file.write_bytes(content)
    with pytest.raises(ValueError, match="sums cannot be read, .* or delete it"):
        scores(toy, texts, file=file)
    assert file.read_bytes() == content


def test_a_missing_folder_is_named_before_anything_is_computed(
    toy, texts, tmp_path, monkeypatch
):
    passes = Passes(monkeypatch, toy)
    with pytest.raises(FileNotFoundError, match="absent"):
        scores(toy, texts, file=tmp_path / "absent" / "sums")
    assert passes.done == 0
