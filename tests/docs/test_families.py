"""The page of families: its data has no fault, its counts and reasons come from it."""

import datetime
import json
import re
import subprocess
import sys
from pathlib import Path

import any_family
import families
import family_checks
import pytest
from lmviz_book.families import ABILITIES, Families

SAVED = json.loads(families.FILE.read_text("utf-8"))
RIGHT = dict.fromkeys(ABILITIES)
NO_ENTRY = "the model's family 'a' has no entry in lmviz.transformer.architectures"
SMALL = {
    "versions": {"transformers": "5.0", "torch": "2.0"},
    "families": {
        "one": RIGHT,
        "two": {**RIGHT, "rebuild": NO_ENTRY},
        "bert": {"load": "bert is not causal <b>"},
        "bert, is_decoder=True": {**RIGHT, "rebuild": "it has a & b"},
        "hidden": {"build": "it needs a package"},
    },
}


def same_release():
    return SAVED["versions"]["transformers"] == families.versions()["transformers"]


def test_no_family_is_wrong_or_crashes():
    assert Families(SAVED).faults() == []
    assert set(family_checks.CHECKS) == set(ABILITIES)


@pytest.mark.skipif(not same_release(), reason="the page is of another release")
def test_every_family_of_the_release_is_on_the_page():
    names = {name.partition(",")[0] for name in SAVED["families"]}
    assert sorted(names) == any_family.causal_families()


def test_all_causal_families_that_can_be_built_are_traced_and_many_rebuilt():
    page = Families(SAVED)
    refused = page.checked.keys() - page.right("load")
    for name in refused:
        reason = page.checked[name]["load"]
        assert re.search("later tokens|encoder-decoder|several stacks", reason), name
    assert len(page.right("rebuild")) >= 25


def test_counts_and_reasons_come_from_the_data():
    html = Families(SMALL)._repr_html_()
    assert "transformers 5.0 has 4 families of causal model" in html
    assert "model of 3 of them was made" in html
    assert "lmviz loads 3 of them" in html
    assert "refuses 1; 1 can also be rebuilt. Wrong results: 0." in html
    assert "Loading and logits</th><td>3</td><td>1</td>" in html
    assert "The rebuild from its weights</th><td>1</td><td>2</td>" in html
    assert "Everything works: 1 model<" in html
    assert "Everything but the rebuild from its weights: 2 models<" in html
    assert "Refused at loading: 1 model<" in html
    assert "No small model was made: 1 model<" in html
    assert "<dd>Bert is not causal &lt;b&gt;.</dd>" in html
    assert "<dd>It has a &amp; b.</dd>" in html
    assert "<dd>It needs a package.</dd>" in html
    alike = html[html.index("no entry in the table of the rebuild") :]
    assert alike.index(">two<") < alike.index("is_decoder=True")


def test_a_wrong_result_is_counted():
    faulty = {**SMALL["families"], "one": {"load": None, "wrong": "states: off by 1"}}
    page = Families({**SMALL, "families": faulty})
    assert page.faults() == ["one"]
    assert "Wrong results: 1." in page.summary()


@pytest.mark.parametrize(
    ("error", "kind"),
    [(family_checks.Wrong("off"), "wrong"), (KeyError("x"), "crash")],
)
def test_a_fault_is_no_refusal(monkeypatch, error, kind):
    def check(pair):
        raise error

    monkeypatch.setitem(family_checks.CHECKS, "states", check)
    found = families.check_family("llama", {})
    assert found["load"] is None
    assert found[kind].startswith("states: ")
    assert "rebuild" not in found


def test_a_trace_that_differs_from_transformers_is_wrong(monkeypatch):
    from lmviz.models import _trace

    put = _trace._Stack.put

    def off(stack, number, tensor):
        put(stack, number, tensor + 1e-3 * (stack.what == "attentions"))

    monkeypatch.setattr(_trace._Stack, "put", off)
    assert families.check_family("llama", {})["wrong"].startswith("attentions: ")


def test_a_process_that_ends_is_a_crash_of_its_family_alone():
    worker = families.Worker()
    worker.process.kill()
    worker.process.join()
    assert "exit code" in worker.check("llama", {})["crash"]
    worker.connection.send(None)
    worker.process.join()
    assert worker.process.exitcode == 0


@pytest.mark.long("families")
@pytest.mark.skipif(not same_release(), reason="the page is of another release")
def test_a_tenth_of_the_families_gives_the_saved_results():
    tenth = datetime.date.today().toordinal() % 10
    script = Path(families.__file__)
    command = [sys.executable, str(script), "--check", "--tenth", str(tenth)]
    done = subprocess.run(
        command, capture_output=True, encoding="utf-8", cwd=script.parent
    )
    print(f"tenth {tenth}:\n{done.stdout}")
    assert done.returncode == 0, done.stderr
