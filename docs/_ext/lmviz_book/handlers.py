"""What the build does beyond Sphinx, sphinx-gallery and MyST-NB, in one table.

Handlers of one event run in the order in which they are listed: those under ``BEFORE``
before the handlers of other extensions, those under ``AFTER`` after them.
"""

from . import (
    build_info,
    cards,
    cells,
    citations,
    code_links,
    concepts,
    copies,
    definitions,
    downloads,
    editions,
    figures,
    front,
    gallery,
    glossary,
    languages,
    launch,
    lessons,
    levels,
    links,
    mathml,
    model_files,
    notebooks,
    pages,
    phrases,
    policy,
    staleness,
    tables,
    titles,
    versions,
    views,
    words,
)

# Modules with directives, roles, nodes or transforms.
REGISTERED = (
    *(cards, cells, citations, concepts, definitions, figures, languages, levels),
    *(links, mathml, phrases, views),
)
# A build with the tag ``messages`` reads what can be translated, and shows nothing.
FOR_PAGES = (
    cells.fold_answers,  # the node of the title goes
    notebooks.name_the_wheel,
    staleness.forget_stale,
    words.lay_out,
    views.lay_out,
    model_files.lay_out,
    downloads.build_wheel,
    downloads.write_archives,
)
# Sphinx runs handlers by priority; other extensions use 1 to 899.
BEFORE, AFTER = 0, 900
HANDLERS = {
    BEFORE: [
        ("builder-inited", staleness.mark),
        ("builder-inited", notebooks.run_stale),
        ("builder-inited", gallery.start_no_needless_workers),
        ("doctree-read", notebooks.tidy),
        ("doctree-read", notebooks.name_the_wheel),
        ("doctree-read", notebooks.tidy_lesson),
        ("doctree-read", front.translate_figure),
        ("doctree-read", glossary.add_letters),
        ("doctree-read", figures.leave_out_captions),
        ("doctree-read", cells.fold_drawing),
        ("doctree-read", cells.fold_answers),
        ("doctree-read", cells.leave_out_unsolved),
        ("doctree-read", cells.leave_out_the_gallerys_own),
        ("doctree-read", cells.frame),
        ("doctree-read", gallery.show_controls),
        ("doctree-read", tables.show),
        ("source-read", gallery.leave_chapters_to_the_front_page),
        ("source-read", lessons.introduce),
        ("source-read", links.depend_on_targets),
        ("html-page-context", pages.leave_out_the_themes_menu),
        ("html-page-context", pages.describe_by_prose),
        ("html-page-context", languages.describe),
    ],
    AFTER: [
        ("config-inited", languages.be_quiet),
        ("config-inited", build_info.choose_model),
        ("config-inited", staleness.begin),
        ("config-inited", build_info.write_facts),
        ("config-inited", gallery.select),
        ("config-inited", staleness.forget_stale),
        ("config-inited", notebooks.leave_out),
        ("config-inited", views.lay_out),
        ("config-inited", words.lay_out),
        ("config-inited", model_files.lay_out),
        ("config-inited", downloads.build_wheel),
        ("config-inited", code_links.choose),
        ("env-get-outdated", gallery.outdated_reference),
        ("autodoc-process-docstring", gallery.add_backreferences),
        ("html-page-context", front.add_files),
        ("html-page-context", launch.add_links),
        ("html-page-context", downloads.add_install_line),
        ("html-page-context", build_info.add_model_line),
        ("html-page-context", editions.show),
        ("html-page-context", languages.show),
        ("html-page-context", versions.show),
        ("html-page-context", code_links.correct),
        ("html-page-context", copies.write_copy),
        ("html-page-context", pages.frame),
        ("build-finished", titles.write_titles),
        ("build-finished", copies.write_lists),
        ("build-finished", policy.write_policy),
        ("build-finished", downloads.write_archives),
        ("build-finished", launch.write_branch),
        ("build-finished", build_info.announce),
        ("build-finished", staleness.finish),
    ],
}


def connect(app):
    app.add_config_value("lmviz_only", "", "env")
    app.add_config_value("lmviz_model", {}, "html")
    app.add_config_value("lmviz_editions", False, "html", bool)
    app.add_config_value("lmviz_versions", "", "html", str)
    app.add_config_value("lmviz_policy", True, "", bool)
    app.add_config_value("lmviz_model_files", "site", "html", str)
    app.add_config_value("lmviz_repository", "", "html")
    app.add_config_value("lmviz_notebooks", "notebooks", "html")
    app.add_config_value("lmviz_languages", [], "html", list)
    for module in REGISTERED:
        module.register(app)
    for priority, handlers in HANDLERS.items():
        for event, handler in handlers:
            if handler in FOR_PAGES and app.tags.has("messages"):
                continue
            app.connect(event, handler, priority=priority)
    return {
        "env_version": 9,
        "parallel_read_safe": True,
        "parallel_write_safe": True,
    }
