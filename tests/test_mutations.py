"""The report on mutation testing, without running it."""

import fnmatch
import textwrap

import mutations
import pytest

ROTARY = "lmviz.positions._rotary.x_rotary__mutmut_"
SIGN = "first * cos - second * sin -> first * cos + second * sin"


@pytest.fixture
def known(tmp_path):
    file = tmp_path / "survivors.toml"
    file.write_text(
        textwrap.dedent(f"""
            complete = ["positions."]
            [[group]]
            why = "equal"
            [group.mutants]
            "positions._rotary.rotary" = ["{SIGN}"]
        """),
        encoding="utf-8",
    )
    return mutations.judged(file)


def outcomes(killed, survived):
    words = ["killed"] * killed + ["survived"] * survived
    return {f"{ROTARY}{i}": word for i, word in enumerate(words, 1)}


def test_the_share_of_killed_mutants_must_reach_the_goal(known):
    for killed, enough in [(85, True), (84, False)]:
        found = outcomes(killed, 100 - killed)
        changes = {name: SIGN for name, word in found.items() if word != "killed"}
        lines, passed = mutations.report(found, changes, *known)
        assert passed is enough
        assert f"100 mutants: {killed} killed ({killed}.0%" in lines[-1]
        assert f"    {killed}    100  {killed}.0% positions._rotary" in lines


def test_a_survivor_that_was_not_judged_is_named_and_fails(known):
    found, changes = outcomes(99, 1), {f"{ROTARY}100": "pi -> 3"}
    lines, passed = mutations.report(found, changes, *known)
    assert not passed
    assert f"survived, not judged: {ROTARY}100\n    pi -> 3" in lines
    assert mutations.report(found, {f"{ROTARY}100": SIGN}, *known)[1]


def test_a_survivor_in_a_module_that_was_not_judged_is_only_listed(known):
    name = "lmviz.corpus._statistics.x_mean__mutmut_1"
    found, changes = {**outcomes(99, 0), name: "survived"}, {name: "pi -> 3"}
    lines, passed = mutations.report(found, changes, *known)
    assert passed
    assert f"survived, not judged: {name}\n    pi -> 3" in lines


@pytest.mark.parametrize("outcome", ["survived", "timeout", "no tests", "segfault"])
def test_only_a_failed_test_kills(known, outcome):
    found = {f"{ROTARY}{i}": outcome for i in range(10)}
    lines, passed = mutations.report(found, dict.fromkeys(found, SIGN), *known)
    assert not passed
    assert "0 killed (0.0%" in lines[-1]


def test_a_change_is_told_on_one_line():
    difference = """\
        --- lmviz/positions/_rotary.py
        +++ lmviz/positions/_rotary.py
        @@ -1,3 +1,3 @@
             cos = angles.cos()
        -    pair = f(
        -        first * cos
        -    )
        +    pair = f(
        +        first
        +    )
    """
    told = mutations.change(textwrap.dedent(difference))
    assert told == "pair = f( first * cos ) -> pair = f( first )"


@pytest.mark.parametrize(
    ("mutant", "function"),
    [
        ("lmviz.positions._biases.x__slope__mutmut_3", "positions._biases._slope"),
        ("lmviz._heads.xǁSumǁ__init____mutmut_12", "_heads.Sum.__init__"),
    ],
)
def test_a_mutant_is_known_by_its_function(mutant, function):
    assert mutations.function_of(mutant) == function


@pytest.mark.parametrize(("every", "share"), [(1, 1), (5, 1 / 5), (10, 1 / 10)])
def test_a_sample_has_its_share_of_the_mutants_of_a_long_function(every, share):
    names = [f"{ROTARY}{i}" for i in range(1, 101)]
    chosen = fnmatch.filter(names, f"*__mutmut_*{mutations.ENDINGS[every]}")
    assert len(chosen) == 100 * share
    assert f"{ROTARY}1" in chosen, "so no function is left out"


def test_every_judged_survivor_has_a_reason():
    known, complete = mutations.judged()
    assert known
    assert complete
    assert all(len(why) > 10 for why in known.values())
