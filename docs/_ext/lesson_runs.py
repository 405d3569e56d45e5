"""Each lesson runs in a process of its own, ahead of sphinx-gallery, which asks for it.

One that fails has a page with its code and without its output, and fails the build;
the others are built.
"""

import functools
from pathlib import Path

from apart import Job, ScriptError, check_length, run_all
from freshness import (
    files_of_lesson,
    forget_lesson,
    keep_lesson,
    lessons_folder,
    name,
    stale_lessons,
    tell_fault,
)
from lesson_page import shrink
from sphinx_gallery import gen_rst

import lmviz

NOTHING = r"(?!)"

generate = gen_rst.generate_file_rst


def setup(app):
    app.add_config_value("lmviz_workers", 1, "")
    app.add_config_value("lmviz_seconds", 60.0, "")
    app.add_config_value("lmviz_gigabytes", 8, "")
    app.add_config_value("lmviz_characters", 1_000_000, "")
    # Before sphinx-gallery makes the pages.
    app.connect("builder-inited", run_ahead, priority=450)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def run_ahead(app):
    """Run each lesson that is not fresh, and keep what sphinx-gallery will ask for."""
    outcomes = {}
    gen_rst.generate_file_rst = functools.partial(outcome, outcomes)
    jobs = [job_of(app, path) for path in stale_lessons(app)]
    if len(jobs) > 1:
        prepare(app)
    for job, made, fault in run_all(app, "lessons", jobs):
        if fault is None:
            # Where it stands on the page, too.
            fault = made[-1].pop("formatted_exception", None)
        else:
            forget_lesson(app, job.name)
            made = page_without_output(*job.arguments[:-1])
        if fault is None:
            keep_lesson(app, job.name)
        else:
            tell_fault(job.name, fault)
        outcomes[job.name] = made


def prepare(app):
    """Do once what most lessons need."""
    lmviz.load("toy")
    # They look up rows here and there. If the file is not in memory yet, that takes a
    # slow disk a minute, and to read it from end to end a few seconds.
    for path in filter(Path.is_file, app.lmviz_source.folder.iterdir()):
        with path.open("rb") as file:
            while file.read(2**24):
                pass


def job_of(app, path):
    settings = app.config.sphinx_gallery_conf
    target = lessons_folder(app) / path.parent.name
    (target / "images" / "thumb").mkdir(parents=True, exist_ok=True)
    # As sphinx-gallery spells it, which is part of the page.
    source = Path(app.srcdir, settings["examples_dirs"], path.parent.name)
    arguments = (path.name, target, source, settings, app.config.lmviz_characters)
    asked = app.lmviz_lessons.get(name(app, path), {}).get("seconds", 0)
    seconds = max(asked, app.config.lmviz_seconds)
    return Job(name(app, path), make_page, arguments, seconds)


def make_page(file, target, source, settings, characters):
    """Run a lesson and write its page, in a process of its own."""
    if not gen_rst.executable_script(source / file, settings):
        raise ScriptError("its name has to start with a number, like 40_name.py")
    made = generate(file, target, source, settings)
    page = (target / file).with_suffix(".rst")
    check_length(page.read_text(encoding="utf-8"), characters)
    for picture in files_of_lesson(page.with_suffix("")):
        if picture.parent.name == "thumb":
            shrink(picture)
    return made


def page_without_output(file, target, source, settings):
    return generate(file, target, source, {**settings, "filename_pattern": NOTHING})


def outcome(outcomes, file, target, source, settings):
    """Return what sphinx-gallery asks for: of a run, or of a page that is fresh."""
    made = outcomes.get(f"{Path(target).name}/{Path(file).stem}")
    return made or generate(file, target, source, settings)
