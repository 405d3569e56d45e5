"""Catalogues of translations are those of the present sources, and keep markup."""

import catalogues
import pytest
import same_markup
from babel.messages import pofile

PAGE = "lessons/01_one/01_lesson"


@pytest.fixture
def locales(monkeypatch, tmp_path):
    monkeypatch.setattr(catalogues, "ROOT", tmp_path)
    monkeypatch.setattr(catalogues, "LOCALES", tmp_path / "locales")
    return tmp_path


def write(path, **messages):
    header = 'msgid ""\nmsgstr "Content-Type: text/plain; charset=utf-8\\n"\n'
    entries = [f'msgid "{m}"\nmsgstr "{t}"\n' for m, t in messages.items()]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join([header, *entries]), encoding="utf-8")


def read(path):
    with path.open("rb") as file:
        return {m.id: (m.string, m.fuzzy) for m in pofile.read_po(file) if m.id}


def test_committed_catalogues_have_the_messages_of_the_present_sources(tmp_path):
    if not catalogues.begun():
        pytest.skip("no language has been begun")
    messages = catalogues.extract_all(tmp_path)
    assert list(catalogues.stale(messages)) == []


def test_translations_keep_roles_links_formulas_code_and_numbers():
    assert list(catalogues.damaged()) == []


def test_a_changed_message_is_stale_until_it_is_updated_and_then_fuzzy(locales):
    po = catalogues.path_of("es", PAGE)
    write(po, **{"A token is a word.": "Un token es una palabra."})
    messages = locales / "messages"
    write(messages / f"{PAGE}.pot", **{"A token is one word.": ""})
    write(messages / "sphinx.pot", Search="")
    [problem] = catalogues.stale(messages)
    assert problem.startswith(f"locales/es/LC_MESSAGES/{PAGE}.po: 1 messages are new")

    catalogues.update(messages, "es", [])
    assert list(catalogues.stale(messages)) == []
    assert read(po) == {"A token is one word.": ("Un token es una palabra.", True)}


def test_only_pages_that_were_begun_or_named_get_a_catalogue(locales):
    messages = locales / "messages"
    for page in ("index", "book/tour", "book/terms", "sphinx"):
        write(messages / f"{page}.pot", Text="")
    catalogues.update(messages, "es", ["book/tour"])
    assert catalogues.pages_of("es") == ["book/tour", "sphinx"]
    catalogues.update(messages, "es", ["book"])
    assert catalogues.pages_of("es") == ["book/terms", "book/tour", "sphinx"]
    with pytest.raises(SystemExit, match="no page is called 'bok'"):
        catalogues.update(messages, "es", ["bok"])


def test_a_catalogue_without_a_page_is_reported(locales):
    write(catalogues.path_of("es", "gone"), Text="Texto")
    problems = list(catalogues.stale(locales / "messages"))
    assert problems == ["locales/es/LC_MESSAGES/gone.po: there is no such page"]


@pytest.mark.parametrize(
    ("message", "good", "bad", "problem"),
    [
        (
            "in {doc}`4.2 </a/b>`",
            "en {doc}`la 4.2 </a/b>`",
            "en la 4.2",
            "role: doc /a/b",
        ),
        ("at :math:`T_q`", "en :math:`T_q`", "en :math:`T_k`", "role: math T_q"),
        ("the $x^2$", "el $x^2$", "el x²", r"formula: $x^2$"),
        ("call ``f(x)``", "llama a ``f(x)``", "llama a f(x)", "code: ``f(x)``"),
        ("has 4,194 words", "tiene 4,194", "tiene 4.194", "number: 4,194"),
        ("{n} results", "{n} resultados", "{m} resultados", "value: {n}"),
        ("of %(title)s", "de %(title)s", "de %(titulo)s", "value: %(title)s"),
        ("`Open <../x.html>`__", "`Abre <../x.html>`__", "Abre", "link: ../x.html"),
        ("[Go](a.md){.btn}", "[Ve](a.md){.btn}", "[Ve](a.md)", "class: {.btn}"),
        ("{term}`token`", "{term}`componente`", "componente", "role: term"),
    ],
)
def test_what_a_translation_loses_is_named(message, good, bad, problem):
    assert list(same_markup.lost(message, good)) == []
    assert f"{problem} is missing" in list(same_markup.lost(message, bad))
