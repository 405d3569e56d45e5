"""Each page leads to its other versions, if the site lists some."""

import json
from pathlib import Path

import pytest
from conftest import HTML, Quiet
from jinja2 import Environment, FileSystemLoader
from watching import watch

TEMPLATES = Path(__file__).parents[2] / "docs" / "_templates"
PAGE = "book/notation.html"
FIRST_PART = '<p class="part">'
BODY = '<article role="main" id="furo-main-content">'
CHOICES = "#versions a"


def render(name, **told):
    loader = FileSystemLoader(TEMPLATES)
    extensions = ["jinja2.ext.i18n"]
    environment = Environment(loader=loader, extensions=extensions, autoescape=False)  # noqa: S701
    environment.install_null_translations()
    return environment.get_template(name).render(told)


def entry(version, url, **more):
    return {"name": version, "version": version, "url": url, "preferred": False} | more


@pytest.fixture
def version_page(site, serve, tmp_path, open_page):
    """Open a page of the book as it is on a site with a list of versions."""

    def start(version, entries, **options):
        page = tmp_path / "v1" / PAGE
        page.parent.mkdir(parents=True)
        (tmp_path / "v1" / "_static").symlink_to(HTML / "_static")
        # The built book may be older than the script.
        script = TEMPLATES.with_name("_static") / "versions.js"
        (page.parent / "versions.js").write_bytes(script.read_bytes())
        address = serve(tmp_path, Quiet)
        told = {
            "version_list": f"{address}/versions.json",
            "page_address": PAGE,
            "release": version,
            "is_development": "dev" in version,
        }
        text = (HTML / PAGE).read_text("utf-8")
        for before, template in (
            (FIRST_PART, "switcher.html"),
            (BODY, "other-version.html"),
        ):
            assert text.count(before) >= 1
            added = render(template, **told)
            both = before + added if before == BODY else added + before
            text = text.replace(before, both, 1)
        tag = '<script defer="defer" src="versions.js"></script></head>'
        page.write_text(text.replace("</head>", tag, 1), encoding="utf-8")
        if entries is not None:
            for one in entries:
                one["url"] = one["url"].replace("SITE", address)
            (tmp_path / "versions.json").write_text(json.dumps(entries))
        return open_page(url=f"{address}/v1/{PAGE}", **options), address

    return start


def three():
    return [
        entry("1.3.0.dev0", "SITE/", name="dev"),
        entry("1.2.0", "SITE/v1.2.0/", preferred=True),
        entry("1.1.0", "SITE/v1/"),
    ]


@pytest.mark.parametrize("dark", [False, True])
def test_an_old_page_leads_to_its_other_versions(version_page, no_violations, dark):
    page, address = version_page("1.1.0", three(), dark=dark)
    page.wait_for_selector(CHOICES)
    links = page.locator(CHOICES)
    assert links.all_text_contents() == ["dev", "1.2.0", "1.1.0"]
    assert links.evaluate_all("all => all.map((one) => one.href)") == [
        f"{address}/{PAGE}",
        f"{address}/v1.2.0/{PAGE}",
        f"{address}/v1/{PAGE}",
    ]
    current = page.locator(f"{CHOICES}[aria-current=true]")
    assert current.all_text_contents() == ["1.1.0"]
    note = page.locator("#other-version")
    assert note.is_visible()
    assert "belongs to version 1.1.0, which is not the newest" in note.inner_text()
    assert note.locator("a").get_attribute("href") == f"{address}/v1.2.0/{PAGE}"
    # All of it by keyboard.
    links.first.focus()
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "1.2.0"
    no_violations(page)


def test_a_development_version_says_so(version_page):
    page, _ = version_page("1.3.0.dev0", three())
    page.wait_for_selector("#other-version:not([hidden])")
    assert "development version" in page.locator("#other-version").inner_text()


def test_the_newest_release_has_no_note(version_page):
    page, _ = version_page("1.2.0", three())
    page.wait_for_selector(CHOICES)
    assert page.locator("#other-version").is_hidden()


@pytest.mark.parametrize(
    "entries",
    [
        [entry("1.1.0", "SITE/v1/")],
        # Another host's are no versions of this site.
        [
            entry("1.1.0", "SITE/v1/"),
            entry("9", "https://example.org/", preferred=True),
        ],
    ],
)
def test_a_site_of_one_version_shows_nothing(version_page, entries):
    page, _ = version_page("1.1.0", entries)
    page.wait_for_load_state("networkidle")
    assert page.locator("#versions").is_hidden()
    assert page.locator("#other-version").is_hidden()


def test_a_name_from_the_list_is_text(version_page):
    entries = [
        *three(),
        entry("1.0.0", "SITE/v0/", name="<img src=x onerror=alert(1)>"),
    ]
    page, _ = version_page("1.1.0", entries)
    page.wait_for_selector(CHOICES)
    assert page.locator(CHOICES).last.text_content() == "<img src=x onerror=alert(1)>"
    assert page.locator(f"{CHOICES} img").count() == 0


def test_on_a_disk_there_are_no_versions(version_page, context, tmp_path):
    version_page("1.1.0", three())
    page, complaints = context.new_page(), []
    watch(page, "file:", complaints)
    page.goto((tmp_path / "v1" / PAGE).as_uri())
    page.wait_for_load_state("networkidle")
    assert page.locator("#versions").is_hidden()
    page.close()
    # It asks no site for a list, either.
    assert not [said for said in complaints if "versions.json" in said]
