"""Names and labels as people write them, in every script; and the ways in which files get broken between programs."""

import json
import re
import unicodedata

import pytest

from acrsync.manifest import load_texts
from acrsync.manifest.scalars import flow
from acrsync.manifest.tree import read
from acrsync.visible import cleaned, lookalike, visible

WORDS = [
    ("رادیو\u200cها", "Persian, behind a letter that never joins"),
    ("می\u200cخواهم", "Persian, between letters that would join"),
    ("FM\u200cها", "a Persian plural of a Latin word"),
    ("۱۲\u200cساله", "a Persian word behind digits"),
    ("ه\u200d.ق", "an Arabic letter in its first form, alone"),
    ("کتاب\u0650\u200cمن", "a joiner behind a vowel sign"),
    ("क्\u200dष", "a half form in Devanagari"),
    ("क्\u200cष", "a visible sign in Devanagari"),
    ("ശ്രീ അവന്\u200d", "a Malayalam chillu at the end of a word"),
    ("ශ්\u200dරී ලංකා", "a Sinhala conjunct"),
    ("র\u200d্যাব", "ra and ya in Bengali"),
    ("க்\u200cஷ", "Tamil"),
    ("ᠪᠠᠢ\u180bᠨ\u180eᠠ", "Mongolian selectors and separators"),
    ("I ❤\ufe0f FM", "an emoji by its selector"),
    ("❤\ufe0e", "a symbol that is not an emoji"),
    ("❤\ufe0f\u200d🔥", "two pictures that are one"),
    ("👨\u200d👩\u200d👧\u200d👦", "a family"),
    ("👩🏽\u200d🚀", "a skin tone inside a sequence"),
    ("👍🏿", "a skin tone"),
    ("🇩🇪 🇮🇷", "flags of countries"),
    ("🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f", "the flag of England"),
    ("🏳\ufe0f\u200d🌈", "a flag of several signs"),
    ("1\ufe0f\u20e3 #\ufe0f\u20e3", "keycaps"),
    ("🙂\u200d↔\ufe0f", "an arrow in a sequence"),
    ("葛\U000e0100城", "a Japanese name whose first letter has variants"),
    ("\u06dd١٢", "an Arabic sign around a number, which prints"),
    ("東京\u3000ラジオ", "a wide space"),
    ("แม่ฟ้าหลวง", "Thai"),
    ("한국 방송", "Korean"),
]
ALONE = [
    ("mu\u200csic", "music", "a joiner between letters that need none"),
    ("mu\u200dsic", "music", "another one"),
    ("music\u200d", "music", "a joiner at the end"),
    ("\u200dmusic", "music", "a joiner at the beginning"),
    ("رادیو\u200c", "رادیو", "a joiner that joins nothing"),
    ("می\u200c\u200cخواهم", "می\u200cخواهم", "two joiners"),
    ("می\u200b\u200cخواهم", "می\u200cخواهم", "a joiner and another character that shows nothing"),
    ("می\u200bخواهم", "می\u200cخواهم", "a space without width, which keeps letters apart"),
    ("क्\u200bष", "क्\u200cष", "the same in Devanagari"),
    ("क\u200dख", "कख", "a joiner between Indic letters without the sign that it acts on"),
    ("music\ufe0f", "music", "a selector of nothing"),
    ("1\ufe0f FM", "1 FM", "a digit is not a keycap"),
    ("❤\ufe0f\ufe0f", "❤\ufe0f", "two selectors"),
    ("🎧\u200d", "🎧", "an emoji that ends early"),
    ("🎧\u200da", "🎧a", "an emoji that goes on as a letter"),
    ("🎧\U000e0068\U000e0069\U000e007f", "🎧", "a message in tags after a character that is not a flag"),
    ("Radio\u00a0FM", "Radio FM", "a no-break space"),
    ("Radio\u202fFM", "Radio FM", "a narrow one"),
    ("Radio\u2003FM", "Radio FM", "a wide one"),
    ("Radio\u2028FM", "Radio FM", "a line end"),
    ("Radio\r\nFM", "Radio FM", "a line end of two characters"),
    ("Radio\tFM", "Radio FM", "a tab"),
    ("Radio\u2800FM", "Radio FM", "an empty braille cell"),
    ("Radio\u3164FM", "Radio FM", "an empty Korean letter"),
    ("Radio\u200bFM", "RadioFM", "no width"),
    ("Radio\u00adFM", "RadioFM", "a hyphen that is not drawn"),
    ("Radio\u202eFM", "RadioFM", "a turn of direction"),
    ("\u00a0Radio FM\u00a0", "Radio FM", "spaces at the ends"),
    ("cafe\u0301", "café", "not composed"),
    (" e\u200b\u0301\u200d ", "é", "everything at once"),
    ("\ufffe\ufdd0x", "x", "numbers that are no character"),
]


def loaded(name, labels=()):
    bucket = {"name": name, "region": "eu-west-1", "type": "File", "labels": list(labels)}
    return load_texts({"f": flow({"version": 1, "buckets": [bucket]}).encode()})


@pytest.mark.parametrize(("word", "reason"), WORDS)
def test_a_word_is_valid_and_shown_as_it_is(word, reason):
    assert visible(word) == cleaned(word) == word, reason
    assert unicodedata.normalize("NFC", word) == word
    result = loaded(word, [word])
    assert result.diagnostics == (), reason
    assert result.manifest is not None
    assert result.manifest.desired[0].name == word


@pytest.mark.parametrize(("word", "reason"), WORDS)
def test_a_word_with_and_without_joiners_look_alike(word, reason):
    assert lookalike(re.sub("[\u200c\u200d\ufe00-\ufe0f\u180b\u180e\U000e0100]", "", word)) == lookalike(word), reason


def test_flags_that_differ_do_not_look_alike():
    england, scotland = (
        "🏴" + "".join(chr(0xE0000 + ord(letter)) for letter in tags) + "\U000e007f" for tags in ("gbeng", "gbsct")
    )
    assert len({lookalike(flag) for flag in (england, scotland, "🏴")}) == 3


@pytest.mark.parametrize(("word", "seen", "reason"), ALONE)
def test_invisible_characters_are_refused_and_the_fix_is_the_visible_text(word, seen, reason):
    assert cleaned(word) == seen, reason
    (of_name,) = loaded(word).diagnostics
    assert of_name.code == "E140"
    assert of_name.fix.startswith("write name: ")
    fixed = read(of_name.fix.removeprefix("write "), "f").data
    assert fixed == {"name": seen}, reason
    (of_label,) = loaded("music", [word]).diagnostics
    assert of_label.code == "E135"
    assert read(of_label.fix.removeprefix("write "), "f").data == seen


@pytest.mark.parametrize("word", ["\u200b", "\u00a0", "\u200d\u200d", "\u3000", "\ufe0f"])
def test_an_invisible_name_gets_a_fix_that_works(word):
    (of_name,) = loaded(word).diagnostics
    assert read(of_name.fix.partition("as in ")[2], "f").data == {"name": "music-catalogue"}
    (of_label,) = loaded("music", [word]).diagnostics
    assert of_label.fix == "remove it."


@pytest.mark.parametrize(("word", "seen", "reason"), [*ALONE, ("x" * 300, "", "too long"), ("", "", "empty")])
def test_any_name_and_label_of_a_bucket_that_exists_can_be_written_with_its_id(word, seen, reason):
    bucket = {"name": word, "id": 7, "region": "eu-west-1", "type": "File", "labels": [word or "a"]}
    result = load_texts({"f": flow({"version": 1, "buckets": [bucket]}).encode()})
    assert result.diagnostics == (), reason
    assert result.manifest is not None
    assert result.manifest.desired[0].name == word


@pytest.mark.parametrize(
    ("labels", "fix"),
    [
        (["Music", "Music "], "remove it."),
        (["Music ", " Music"], "remove it."),
        ([" acrsync:radio"], "remove it."),
        (["Music", "TV "], "write TV"),
    ],
)
def test_the_fix_of_a_label_fits_its_neighbours(labels, fix):
    assert loaded("music", labels).diagnostics[-1].fix == fix


@pytest.mark.parametrize(
    ("text", "labels"),
    [
        ("Music,Audio", ["Music", "Audio"]),
        ("Music, Audio", ["Music", "Audio"]),
        ("Music", ["Music"]),
        ("", []),
        (" , ", []),
        ("a,a , b", ["a", "b"]),
        ("acrsync:radio,TV", ["TV"]),
        ("Radio\u00a0FM,رادیو\u200cها", ["Radio FM", "رادیو\u200cها"]),
        ("yes,12,a: b", ["yes", "12", "a: b"]),
    ],
)
def test_labels_as_text_get_a_fix_that_is_a_list_of_them(text, labels):
    for place, code in ((text, "E131"), ([text], "E135")):
        bucket = {"name": "music", "region": "eu-west-1", "type": "File", "labels": place}
        result = load_texts({"f": flow({"version": 1, "buckets": [bucket]}).encode()})
        for diagnostic in result.diagnostics:
            if diagnostic.code == code and "labels: " in diagnostic.fix:
                fixed = read(diagnostic.fix[diagnostic.fix.index("labels: ") :], "f").data
                assert fixed == {"labels": labels}
                assert loaded("music", fixed["labels"]).diagnostics == ()
                break
        else:
            assert place == [text]
            assert "," not in text or "acrsync" in text


@pytest.mark.parametrize("text", ["Hits 🎵", "𝄞", "a\\ud83c", "🏴\U000e0067", "é🎧\\"])
@pytest.mark.parametrize("extra", ["", "\ue83c", "\\ue83c", "\uf000"])
def test_json_with_surrogate_pairs_is_read_correctly(text, extra):
    data = {"version": 1, "x": [text + extra, {"y": extra + text}], text: {"z": "\U0010ffff"}}
    tree = read(json.dumps(data), "f")
    assert tree.problems == ()
    assert tree.data == data
    assert tree.span(("x",)).column == json.dumps(data).index("[") + 1


@pytest.mark.parametrize("extra", ["", "\\ue83c", "\ue83c"])
def test_an_escape_outside_of_double_quotes_is_left_alone(extra):
    text = (
        f"a: '\\uD83C\\udfb5{extra}'\nb: \\ud83c\\udfb5\nc: |\n  \\ud83c\\udfb5\n"
        'd: "\\\\ud83c\\ud83c\\udfb5"\n# \\ud83c\ne: "\\ud83c\\udfb5"\n'
    )
    tree = read(text, "f")
    assert tree.problems == ()
    assert tree.data == {
        "a": "\\uD83C\\udfb5" + extra,
        "b": "\\ud83c\\udfb5",
        "c": "\\ud83c\\udfb5\n",
        "d": "\\ud83c🎵",
        "e": "🎵",
    }


@pytest.mark.parametrize("text", ['"\\ud83c"', '"\\udfb5\\ud83c"', '"\\ud83c \\udfb5"', '"\\\\ud83c\\udfb5"'])
def test_half_of_a_surrogate_pair_is_an_error(text):
    (problem,) = read(f"a: {text}", "f").problems
    assert (problem.code, str(problem.span)) == ("E105", "f:1:4")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("version: 1\n---\n", "a marker at the end, from joined files"),
        ("version: 1\n---\n---\n", "several"),
        ("---\n---\nversion: 1\n", "an empty document first"),
        ("---\nversion: 1\n...\n", "an end"),
        ("version: 1\n...\n...\n", "two ends"),
        ("...\nversion: 1\n", "the end of nothing"),
        ("# x\n\n... # y\n...\n---\nversion: 1\n", "several of them"),
        ("---\n# nothing\n...\n---\nversion: 1\n...\n---\n# nothing\n", "comments"),
        ("--- ~\n--- null\n---\nversion: 1\n---\nnull\n", "null"),
        ("version: 1\r\n---\r\n", "line ends of Windows"),
    ],
)
def test_empty_documents_are_ignored(text, reason):
    result = load_texts({"f": text.encode()})
    assert result.diagnostics == (), reason


@pytest.mark.parametrize("text", ["version: 1\n---\nversion: 1\n", "version: 1\n--- ''\n", "version: 1\n---\n[]\n"])
def test_a_second_document_with_content_is_refused(text):
    (problem,) = load_texts({"f": text.encode()}).diagnostics
    assert (problem.code, str(problem.span)) == ("E111", "f:2:1")


@pytest.mark.parametrize(
    "text",
    [
        "version: 1\n<<<<<<< HEAD\nstack: a\n=======\nstack: b\n>>>>>>> feature\n",
        "version: 1\n<<<<<<< ours\nstack: a\n||||||| base\n=======\nstack: b\n>>>>>>> theirs\n",
        "version: 1\n<<<<<<< working copy: 3f1c\nstack: a\n=======\nstack: b\n>>>>>>> merge rev: 9e2\n",
        "version: 1\n<<<<<<<\nstack: a\n=======\n>>>>>>>\n",
        "version: 1\n=======\nstack: b\n>>>>>>> feature\n",
        "version: 1\n>>>>>>> feature\n",
        "version: 1\n||||||| 3f1c\n",
        "version: 1\r\n<<<<<<< HEAD\r\nstack: a\r\n=======\r\n>>>>>>> b\r\n",
        "version: 1\n<<<<<<<<< HEAD\nstack: a\n=========\n>>>>>>>>> b\n\tx\n",
        "version: 1\n=======",
    ],
)
def test_a_conflict_that_a_merge_left_is_one_error_at_its_first_marker(text):
    (problem,) = load_texts({"f": text.encode()}).diagnostics
    assert (problem.code, str(problem.span)) == ("E107", "f:2:1")


@pytest.mark.parametrize("text", ["# =======\nversion: 1\n", "version: 1\nallow: []  # <<<<<<< x\n", "'<<<<<<': 1\n"])
def test_text_that_resembles_a_conflict_marker_is_accepted(text):
    assert all(problem.code != "E107" for problem in load_texts({"f": text.encode()}).diagnostics)


@pytest.mark.parametrize("space", ["\u00a0", "\u3000", "\u2003", "\u202f", "\u1680", "\u200b", "\u205f"])
@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("version: 1\nbuckets:\n__- {name: radio, region: eu-west-1, type: File}\n", (3, 1)),
        ("version: 1\nbuckets:\n  -_{name: radio, region: eu-west-1, type: File}\n", (3, 4)),
        ("version: 1\nbuckets:\n  - name: radio\n  __region: eu-west-1\n    type: File\n", (4, 3)),
        ("_version: 1\n", (1, 1)),
        ("version:_1\nbuckets: []\n", (1, 9)),
        ("version: 1\n_# a comment\n", (2, 1)),
        ("version: 1\n_\n", (2, 1)),
    ],
)
def test_a_non_yaml_space_is_one_error_with_its_position(space, text, place):
    broken = text.replace("_", space)
    (problem,) = load_texts({"f": broken.encode()}).diagnostics
    assert (problem.code, problem.span.line, problem.span.column) == ("E108", *place) if problem.span else False
    assert load_texts({"f": text.replace("_", " ").encode()}).diagnostics == ()


def test_a_non_yaml_space_in_quotes_or_a_block_is_text():
    text = (
        "version: 1\nallow:\n  - guard: in-use\n    id: 7\n    reason: |\n      a\n      \u3000b\n"
        "  - {guard: replace, id: 7, reason: 'a\n      \u00a0b'}\n"
    )
    assert load_texts({"f": text.encode()}).diagnostics == ()


@pytest.mark.parametrize(
    "number",
    ["Infinity", "-Infinity", "NaN", ".inf", ".nan", "1e400", "8881.0", "1.5", "9" * 20, "9" * 5000, "0x1F", "true",
     "null", "[]", "{}", '"8881"', "0", "-1", "1e3", "٣"],
)  # fmt: skip
@pytest.mark.parametrize(
    "place",
    [
        "buckets: [{name: a, region: global, type: File, id: %s}]",
        "allow: [{guard: replace, id: %s, reason: a}]",
        "account: {uid: %s}",
    ],
)
def test_an_invalid_id_is_reported_without_a_crash(number, place):
    result = load_texts({"f": f"version: 1\n{place % number}\n".encode()})
    assert result.manifest is None
    assert {problem.code for problem in result.diagnostics} <= {"E117", "E131", "E132"}


@pytest.mark.parametrize("number", ["Infinity", "NaN", "1e999", "9" * 5000, "1.5"])
def test_invalid_numbers_in_a_template_text_are_reported_without_a_crash(number):
    text = json.dumps(f'{{"a": {{"default": {number}}}}}')
    entry = f"{{name: a, region: global, type: File, metadata_template: {text}}}"
    result = load_texts({"f": f"version: 1\nbuckets: [{entry}]\n".encode()})
    assert result.manifest is None
    assert {problem.code for problem in result.diagnostics} <= {"E131", "E136"}


def test_a_removed_name_that_resembles_an_entry_is_reported_unless_the_entry_has_an_id():
    head = "version: 1\nremoved: [{name: Music}]\nbuckets:\n"
    (problem,) = load_texts({"f": f"{head}  - {{name: music, region: global, type: File}}\n".encode()}).diagnostics
    assert (problem.code, str(problem.span)) == ("E142", "f:2:18")
    assert (
        load_texts({"f": f"{head}  - {{name: music, id: 7, region: global, type: File}}\n".encode()}).diagnostics == ()
    )


@pytest.mark.parametrize(
    ("one", "other", "codes"),
    [
        ("{name: a, id: 1}", "{name: a, id: 2}", []),
        ("{name: a, id: 1}", "{name: A, id: 2}", []),
        ("{name: a, id: 1}", "{name: a}", ["E141"]),
        ("{name: a}", "{name: A, id: 2}", ["E142"]),
    ],
)
def test_two_buckets_of_one_name_can_be_written_with_their_ids(one, other, codes):
    text = f"version: 1\ndefaults: {{region: global, type: File}}\nbuckets:\n  - {one}\n  - {other}\n"
    assert [problem.code for problem in load_texts({"f": text.encode()}).diagnostics] == codes
