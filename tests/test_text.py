import unicodedata

import pytest

from lmviz._text import bytes_of, checked_text, utf8, visible, visible_bytes


@pytest.mark.parametrize("text", ["", "é", "🦜", "a\u0301\0\n"])
def test_utf8_equals_that_of_python(text):
    assert utf8(text) == bytes(text, "utf-8")


@pytest.mark.parametrize("text", ["ab\ud83d", "ab\udc00c"])
def test_utf8_names_the_lone_surrogate(text):
    said = "character 2 of the text is '.ud.*', a lone surrogate, which UTF-8 cannot"
    with pytest.raises(ValueError, match=said) as error:
        utf8(text)
    assert not isinstance(error.value, UnicodeError), "in words, not in bytes"


@pytest.mark.parametrize("text", [None, 3, b"bytes", ["a"]])
def test_utf8_of_types_other_than_str_is_an_error(text):
    with pytest.raises(TypeError, match="`text` must be a str, got "):
        utf8(text)


def test_a_checked_text_is_not_blank_and_has_no_lone_surrogate():
    assert checked_text(" a ") == " a "
    with pytest.raises(ValueError, match="must not be blank, got"):
        checked_text("\n\t")
    with pytest.raises(ValueError, match="character 2 .* surrogate"):
        checked_text("ab\ud83d")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("", ""),
        ("a dog", "a dog"),
        ("a\tb\nc", "a⇥b↵c"),
        ("a\0b", "a⟨U+0000⟩b"),
        ("\u202eabc", "⟨U+202E⟩abc"),
        ("\ud800\ufffe", "⟨U+D800⟩⟨U+FFFE⟩"),
        ("\U000e0041", "⟨U+E0041⟩"),
        ("\xa0", "\xa0"),
    ],
)
def test_invisible_characters_are_written_as_code_points(text, shown):
    assert visible(text) == shown


def test_spaces_of_tokens_are_visible():
    assert visible(" a\xa0\u3000", spaces=True) == "␣a⟨U+00A0⟩⟨U+3000⟩"


def test_every_visible_character_but_spaces_is_printable():
    text = "".join(map(chr, range(0x110000)))
    categories = {unicodedata.category(c) for c in visible(text)}
    assert not categories & {"Cc", "Cf", "Cs", "Zl", "Zp"}
    assert all(c.isprintable() for c in visible(text, spaces=True))


def test_every_character_comes_back_from_a_visible_token():
    for i in range(0x30000):  # planes 3 to 13 are empty
        if not 0xD800 <= i < 0xE000 and chr(i) not in "␣↵⇥⟨⟩":
            raw = chr(i).encode()
            assert bytes_of(visible_bytes(raw)) == raw


@pytest.mark.parametrize(
    ("token", "raw"),
    [
        ("␣dog", b" dog"),
        ("↵⇥", b"\n\t"),
        ("é", b"\xc3\xa9"),
        ("⟨E2 82⟩", b"\xe2\x82"),
        ("a⟨C2 A0⟩b", b"a\xc2\xa0b"),
        ("a⟨U+00A0⟩b", b"a\xc2\xa0b"),
        ("⟨U+10FFFF⟩", b"\xf4\x8f\xbf\xbf"),
        ("⟨e2⟩", "⟨e2⟩".encode()),
        ("⟨U+D800⟩", "⟨U+D800⟩".encode()),
        ("⟨U+110000⟩", "⟨U+110000⟩".encode()),
        ("", b""),
        ("\0", b"\0"),
    ],
)
def test_bytes_of_a_visible_token(token, raw):
    assert bytes_of(token) == raw


def test_every_byte_comes_back_from_a_visible_token():
    for raw in [*(bytes([i]) for i in range(256)), b" dog", b"\xf0\x9f"]:
        assert bytes_of(visible_bytes(raw)) == raw
