"""Mutants of the extension that builds the book."""

import functools
import re
import sys
from pathlib import Path
from types import SimpleNamespace

from ._mutant import mutant, returning

POLICY = "test_page_policy.py"
REPEAT = "test_repeatability.py"
NEVER = re.compile("(?!)")


@mutant("lmviz_book.policy:THEMES_OWN", f"{POLICY} -k script_of_the_theme")
def scripts_of_other_pages_may_run(original):
    return (*original, "index.html")


@mutant("lmviz_book.policy:logger", f"{POLICY} -k fails_the_build")
def a_page_may_have_a_script_of_its_own(original):
    return SimpleNamespace(warning=returning(None))


@mutant("lmviz_book.policy:META", f"{POLICY} -k second_build")
def a_second_build_adds_a_second_policy(original):
    return NEVER


@mutant("lmviz_book.policy:CHARSET", f"{POLICY} -k stands_before")
def a_page_has_no_policy(original):
    return NEVER


@mutant("lmviz_book.staleness:mark", "test_killed_builds.py -k followed_by_a_clean_one")
def a_build_that_was_killed_is_continued(original):
    return returning(None)


@mutant("lmviz_book.staleness:FileLock", "test_killed_builds.py -k at_the_same_time")
def two_builds_run_at_the_same_time(original):
    lock = SimpleNamespace(acquire=returning(None), release=returning(None))
    return returning(lock)


@mutant("lmviz_book.staleness:fingerprint", "../docs/test_docs.py -k stale")
def a_lesson_is_never_stale(original):
    return returning("always the same")


@mutant("lmviz_book.unchanged:digest", "../docs/test_unchanged.py -k an_input")
def a_step_is_left_out_although_an_input_has_changed(original):
    return returning("always the same")


@mutant("lmviz_book.reset:limit", "test_bad_lessons.py -k eats")
def a_lesson_may_take_any_memory(original):
    def limit(lesson):
        original(lesson)
        if sys.platform == "linux":
            import resource

            _, most = resource.getrlimit(resource.RLIMIT_DATA)
            resource.setrlimit(resource.RLIMIT_DATA, (most, most))

    return limit


@mutant("lmviz_book.reset:reset", f"{REPEAT} -k same_random_numbers")
def a_lesson_continues_the_random_numbers_of_another(original):
    @functools.wraps(original)
    def reset(gallery_conf, fname, when):
        import torch

        state = torch.get_rng_state()
        original(gallery_conf, fname, when)
        torch.set_rng_state(state)

    return reset


@mutant("lmviz_book.build_info:write_facts", f"{REPEAT} -k another_machine")
def the_table_of_another_machine_is_kept(original):
    def write_facts(app, config):
        if not Path(app.srcdir, "_build", "how-built.csv").is_file():
            original(app, config)

    return write_facts


@mutant("lmviz_book.notebooks:DeadKernelError", "test_killed_kernels.py -k always")
def a_kernel_that_dies_ends_the_build(original):
    return ZeroDivisionError
