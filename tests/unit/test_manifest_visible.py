"""Text that is shown: what hides or moves something is escaped, what prints is left alone."""

import pytest

from acrsync.visible import lookalike, visible


@pytest.mark.parametrize(
    ("text", "shown", "reason"),
    [
        ("music", "music", "ordinary"),
        ("Überblick 東京 🎧 עברית", "Überblick 東京 🎧 עברית", "letters of any script and pictures print"),
        ("東京\u3000ラジオ", "東京\u3000ラジオ", "a wide space is ordinary in Japanese"),
        ("a\\b", "a\\b", "a backslash prints"),
        ("a\nb", "a\\x0ab", "a new line could pretend to be another message"),
        ("a\x1b[31mb", "a\\x1b[31mb", "a terminal's command"),
        ("a\x00b", "a\\x00b", "nothing"),
        ("a\x85b", "a\\x85b", "a line end of one byte"),
        ("a\u202eb", "a\\u{202e}b", "turns the direction of what follows"),
        ("a\u200bb", "a\\u{200b}b", "no width"),
        ("a\u00adb", "a\\xadb", "a hyphen that is not drawn"),
        ("a\u00a0b", "a\\xa0b", "looks like a space"),
        ("a\u2028b", "a\\u{2028}b", "a line end for some"),
        ("a\ud800b", "a\\u{d800}b", "no character; printing it would fail"),
        ("a\u3164b", "a\\u{3164}b", "a letter that is not drawn"),
        ("a\ufe0fb", "a\\u{fe0f}b", "a variation of nothing"),
        ("a\U000e0041b", "a\\u{e0041}b", "a tag, which is not drawn"),
    ],
)
def test_only_invisible_characters_are_escaped(text, shown, reason):
    assert visible(text) == shown, reason


@pytest.mark.parametrize(
    ("one", "other", "reason"),
    [
        ("Music", "music", "case"),
        ("STRASSE", "straße", "case that changes the length"),
        ("radio live", "radiolive", "a space"),
        ("radio live ", " radio  live", "spaces"),
        ("radio\u00a0live", "radio live", "another space"),
        ("caf\u00e9", "cafe\u0301", "composed or not"),
        ("\uff2d\uff35\uff33\uff29\uff23", "music", "full width"),
        ("mu\u200bsic", "music", "something without width"),
    ],
)
def test_names_that_people_confuse_look_alike(one, other, reason):
    assert lookalike(one) == lookalike(other), reason


def test_names_that_differ_do_not_look_alike():
    assert len({lookalike(name) for name in ("music", "music2", "mu-sic", "músic")}) == 4
