"""Readers find pages: as they type, among results, and after a wrong address."""

import re
from pathlib import Path

import pytest

HTML = Path(__file__).parents[2] / "docs" / "_build" / "html"

TERMS = [
    ("softmax", "05_prediction/01_logits"),
    ("Surprisal", "05_prediction/06_perplexity"),
    ("logit lens", "05_prediction/11_logit_lens"),
    ("induction", "04_attention/08_induction_heads"),
    ("byte pair encoding", "01_tokenization/03_byte_pair_encoding"),
]
QUESTIONS = [
    ("what does attention do", "04_attention/"),
    ("sqrt d", "04_attention/01_self_attention"),
    ("√d", "04_attention/01_self_attention"),
    ("kv cache size", "05_prediction/04_kv_cache"),
    ("head 23.4", "05_prediction/1"),
    ("why does greedy text repeat", "05_prediction/03_generation"),
    ("how is this trained", "05_prediction/08_training"),
]
ALL_HEADS = "lessons/04_attention/05_all_heads.html"


@pytest.mark.parametrize(("words", "lesson"), TERMS)
def test_the_lesson_of_a_term_is_found_first(site, open_page, words, lesson):
    page = open_page(url=f"{site}/search.html?q={words}")
    first = page.locator("ul.search li a").first
    first.wait_for()
    assert f"lessons/{lesson}.html" in first.get_attribute("href")


def type_into(page, words):
    """Type into the field of the bar, and return what it lists."""
    page.locator("#find").fill("")
    page.locator("#find").press_sequentially(words)
    page.locator("#found").get_by_text(f"“{words}”").wait_for()
    return page.locator("#found [role=option]")


def test_typing_lists_the_lesson_first_and_names_its_chapter(site, open_page):
    page = open_page(url=f"{site}/book/notation.html")
    for words in ("all heads", "heads all", "how do I see all heads?", "ALL HEAD"):
        first = type_into(page, words).first
        assert first.get_attribute("href") == f"{site}/{ALL_HEADS}", words
        shown = " ".join(first.inner_text().split())
        assert re.fullmatch(r"4\.5 .+ Attention", shown), words


def test_typing_a_term_lists_its_entry_and_its_lesson(site, open_page):
    page = open_page(url=f"{site}/index.html")
    for words, lesson in TERMS:
        listed = type_into(page, words).evaluate_all("all => all.map((a) => a.href)")
        assert f"{site}/lessons/{lesson}.html" in listed[:3], words
        assert any("/book/glossary.html#term-" in link for link in listed[:4]), words
        assert len(listed) <= 9, words


@pytest.mark.parametrize(("question", "lesson"), QUESTIONS)
def test_a_students_question_finds_its_lesson_first(site, open_page, question, lesson):
    page = open_page(url=f"{site}/index.html")
    first = type_into(page, question).first.get_attribute("href")
    assert first.startswith(f"{site}/lessons/{lesson}")


def test_the_list_is_used_by_keys(site, open_page, no_violations):
    page = open_page(url=f"{site}/book/notation.html")
    page.keyboard.press("/")
    field = page.get_by_role("combobox", name="Search the book")
    assert field.get_attribute("aria-expanded") == "false"
    options = type_into(page, "attention")
    assert field.get_attribute("aria-expanded") == "true"
    assert page.get_by_role("listbox").is_visible()

    def chosen():
        name = field.get_attribute("aria-activedescendant")
        marked = options.and_(page.locator("[aria-selected=true]"))
        assert [option.get_attribute("id") for option in marked.all()] == (
            [name] if name else []
        )
        return name and int(name.partition("-")[2])

    last = options.count() - 1
    for key, expected in [
        *[("ArrowDown", 0), ("ArrowDown", 1), ("ArrowUp", 0), ("ArrowUp", None)],
        *[("ArrowUp", last), ("ArrowDown", None), ("ArrowDown", 0)],
    ]:
        field.press(key)
        assert chosen() == expected
    no_violations(page, ".bar")

    field.press("Escape")
    assert page.locator("#found").is_hidden()
    assert field.input_value() == "attention"
    field.press("Escape")
    assert field.input_value() == ""

    type_into(page, "all heads")
    field.press("ArrowDown")
    field.press("Enter")
    page.wait_for_url(f"{site}/{ALL_HEADS}")


def test_enter_without_a_choice_searches_the_text(site, open_page):
    page = open_page(url=f"{site}/lessons/04_attention/04_attention_maps.html")
    type_into(page, "the residual stream")
    page.keyboard.press("Enter")
    page.wait_for_url(f"{site}/search.html?q=the+residual+stream")
    assert page.locator("ul.search li").count()


def test_what_is_typed_is_text_and_nothing_else(site, open_page):
    page = open_page(url=f"{site}/index.html")
    words = "<img src=x onerror=alert(1)>"
    type_into(page, words)
    assert page.locator("#found img").count() == 0


def test_the_list_is_loaded_when_the_field_is_used(site, open_page):
    page = open_page(url=f"{site}/index.html")
    loaded = "performance.getEntriesByType('resource').map((e) => e.name).join()"
    assert "titles.js" not in page.evaluate(loaded)
    type_into(page, "tour")
    assert "titles.js" in page.evaluate(loaded)


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_on_a_phone_the_field_opens_over_the_bar(site, open_page, no_violations, dark):
    page = open_page(url=f"{site}/index.html", width=390, height=844, dark=dark)
    page.locator(".bar .find").click()
    options = type_into(page, "how do I see all heads")
    assert options.first.get_attribute("href") == f"{site}/{ALL_HEADS}"
    assert page.locator("#find").bounding_box()["width"] > 380
    for option in options.all():
        box = option.bounding_box()
        assert box["height"] >= 40
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= 390
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    no_violations(page, ".bar")
    options.first.click()
    page.wait_for_url(f"{site}/{ALL_HEADS}")


def test_the_list_works_in_a_book_opened_from_a_disk(browser):
    page = browser.new_page()
    page.goto((HTML / "lessons" / "index.html").as_uri())
    first = type_into(page, "all heads").first
    assert first.get_attribute("href") == (HTML / ALL_HEADS).as_uri()
    page.close()


def results(page):
    page.locator("ul.search li").first.wait_for()
    page.wait_for_load_state("networkidle")
    return page.locator("ul.search li")


@pytest.mark.parametrize("width", [1280, 390])
def test_results_name_their_chapter_and_quote_prose(
    site, open_page, no_violations, width
):
    page = open_page(url=f"{site}/search.html?q=attention+sink", width=width)
    found = results(page)
    page.get_by_role("button", name=re.compile("Show .* more")).click()
    texts = [" ".join(text.split()) for text in found.all_inner_texts()]
    assert re.match(r"4\.\d+ .+ Attention ", texts[0])
    assert sum(" Glossary " in text for text in texts) == 1
    assert len({re.split("[:.] ", text)[0] for text in texts}) == len(texts)
    assert not [text for text in texts if re.search(r"print\(|>>>|import |¶", text)]
    assert all(len(text) < 320 for text in texts)
    assert page.locator("ul.search mark").count()
    assert page.get_by_role("status").inner_text().startswith(f"{len(texts)} results")
    assert page.get_by_role("heading", level=1).inner_text() == "Search"
    assert page.locator("article input[name=q]").input_value() == "attention sink"
    assert page.evaluate("document.documentElement.scrollWidth") == width
    no_violations(page)


def test_a_question_in_words_finds_the_lesson_in_the_text(site, open_page):
    page = open_page(url=f"{site}/search.html?q=how+do+I+see+all+heads%3F")
    assert results(page).locator("a").first.get_attribute("href").endswith(ALL_HEADS)


def test_the_name_of_a_function_finds_its_reference(site, open_page):
    page = open_page(url=f"{site}/search.html?q=views.attention")
    address = results(page).locator("a").first.get_attribute("href")
    assert address.endswith("reference/views.html#lmviz.views.attention")


def test_many_results_are_shown_in_parts(site, open_page):
    page = open_page(url=f"{site}/search.html?q=model")
    first = results(page).count()
    page.get_by_role("button", name=re.compile("Show .* more")).click()
    assert page.locator("ul.search li").count() > first
    assert page.locator("ul.search li:focus-within").count() == 1


@pytest.mark.parametrize("words", ["zzzzz", "<img src=x onerror=alert(1)>", "?!", "("])
def test_a_search_without_results_says_so(site, open_page, words):
    page = open_page(url=f"{site}/search.html")
    field = page.locator("article input[name=q]")
    field.fill(words)
    field.press("Enter")
    page.get_by_text("No results for").wait_for()
    assert words in page.get_by_role("status").inner_text()


def test_a_search_works_in_a_book_opened_from_a_disk(browser):
    page = browser.new_page()
    page.goto(f"{(HTML / 'search.html').as_uri()}?q=softmax")
    assert results(page).count() > 3
    page.close()


def test_without_scripts_the_page_of_results_says_where_to_look(browser, site):
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{site}/search.html?q=softmax")
    assert page.get_by_text("The search needs JavaScript").is_visible()
    assert page.locator(".search-summary a").count() == 2
    context.close()


@pytest.mark.parametrize(
    ("address", "meant", "width"),
    [
        ("lessons/all-heads.html", ALL_HEADS, 1280),
        ("gone/deep/down/glossary/", "book/glossary.html", 390),
        ("04_attention/05_all_heads/index.html", ALL_HEADS, 1280),
    ],
)
def test_a_wrong_address_leads_on(
    site, open_page, no_violations, context, address, meant, width
):
    text = (HTML / "404.html").read_text("utf-8")
    wrong = f"{site}/{address}"
    context.route(wrong, lambda route: route.fulfill(body=text))
    page = open_page(url=wrong, width=width)
    context.unroute(wrong)
    similar = page.get_by_role("navigation", name="Pages with a similar name")
    assert similar.get_by_role("link").first.get_attribute("href") == f"{site}/{meant}"
    doors = page.locator(".doors a").evaluate_all("all => all.map((a) => a.href)")
    assert len(doors) == 4
    assert all((HTML / door.removeprefix(f"{site}/")).is_file() for door in doors)
    assert page.locator(".model-line").count() == 0
    assert page.evaluate("document.documentElement.scrollWidth") == width
    no_violations(page)
    type_into(page, "softmax")
    page.keyboard.press("Escape")  # the list covers what is below the bar
    page.locator("article").get_by_role("button", name="Search").click()
    page.wait_for_url(f"{site}/search.html?q=*")


def test_hostile_addresses_are_inert(site, open_page, context):
    text = (HTML / "404.html").read_text("utf-8")
    wrong = f"{site}/%3Cimg%20src=x%20onerror=alert(1)%3E%E0%A4%A"
    context.route(f"{site}/%3C*", lambda route: route.fulfill(body=text))
    page = open_page(url=wrong)
    page.wait_for_load_state("networkidle")
    context.unroute(f"{site}/%3C*")
    assert page.locator("article img").count() == 0
