"""The lists of lessons can be limited to a level, by pointer, keys and address."""

import pytest

ALL = "lessons/index.html"
CHAPTER = "lessons/04_attention/index.html"


def shown(page):
    return page.locator(".lessons > li:visible")


def check(page, name):
    page.locator("form.levels").get_by_role("radio", name=name).check()


@pytest.mark.parametrize("name", [ALL, CHAPTER])
def test_a_level_limits_the_list_and_the_address_keeps_it(site, open_page, name):
    page = open_page(url=f"{site}/{name}")
    number = shown(page).count()
    check(page, "core")
    notes = shown(page).locator(".card-note").all_text_contents()
    assert 0 < len(notes) < number
    assert all("core" in note for note in notes)
    said = page.locator("form.levels output")
    assert said.text_content() == f"{len(notes)} of {number} lessons"
    assert page.url.endswith("#level-core")

    again = open_page(url=page.url)
    assert shown(again).count() == len(notes)
    check(again, "all")
    assert shown(again).count() == number
    assert not again.locator("form.levels output").text_content()


def test_the_numbers_of_a_choice_are_those_of_its_lessons(site, open_page):
    page = open_page(url=f"{site}/{ALL}")
    labels = page.locator("form.levels label")
    for label in labels.all():
        label.click()
        count = int(label.locator("small").text_content())
        assert shown(page).count() == count > 0
    assert labels.count() == 4


def test_keys_choose_a_level(site, open_page):
    page = open_page(url=f"{site}/{ALL}")
    page.locator("form.levels input:checked").focus()
    page.keyboard.press("ArrowRight")
    assert page.url.endswith("#level-first-steps")
    assert page.evaluate("document.activeElement.value") == "level-first-steps"
    assert shown(page).count() == 5


def test_the_front_page_leads_to_the_first_steps(site, open_page):
    page = open_page(url=f"{site}/index.html")
    page.get_by_role("link", name="first steps").click()
    page.wait_for_url(f"**/{ALL}#level-first-steps")
    assert shown(page).count() == 5


def test_another_fragment_leads_to_its_heading_and_shows_all(site, open_page):
    page = open_page(url=f"{site}/{ALL}#attention")
    assert (
        page.locator("form.levels input:checked").get_attribute("value") == "level-all"
    )
    assert page.locator("#attention").first.is_visible()


@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("dark", [False, True])
def test_the_choice_is_accessible_and_fits(site, open_page, no_violations, width, dark):
    page = open_page(url=f"{site}/{ALL}#level-deeper", width=width, dark=dark)
    no_violations(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_without_scripts_all_lessons_are_shown_and_no_choice(site, browser):
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{site}/{ALL}#level-core")
    assert page.locator("form.levels").is_hidden()
    assert shown(page).count() == page.locator(".lessons > li").count() > 40
    context.close()
