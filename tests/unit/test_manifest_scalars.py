"""Plain values: which are safe, which are traps, and how a text is written so that it stays one."""

import pytest
import yaml

from acrsync.manifest.scalars import Trap, plain, written


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", None),
        ("~", None),
        ("null", None),
        ("NULL", None),
        ("true", True),
        ("False", False),
        ("0", 0),
        ("-0", 0),
        ("12", 12),
        ("+49", 49),
        ("-1", -1),
        ("123456789012345", 123456789012345),
    ],
)
def test_a_scalar_that_all_yaml_readers_agree_on_is_a_value(text, value):
    assert plain(text) == value
    assert type(plain(text)) is type(value)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("music", "a word"),
        ("nULL", "no spelling of null"),
        ("tRUE", "no spelling of true"),
        ("yES", "no spelling of yes"),
        ("nope", "only begins like no"),
        ("1.2.3", "a version"),
        ("10-20", "a range"),
        ("2020-01", "half a date"),
        ("12:60", "60 is not a digit in base 60"),
        ("-", "a dash"),
        ("+", "a plus"),
        ("...x", "dots"),
        ("0x", "no digits"),
        ("30%", "a percentage"),
        ("3 doors down", "begins with a digit"),
        ("٣", "a digit of another script"),
        ("1e", "no exponent"),
        (".infinite", "only begins like infinity"),
    ],
)
def test_a_scalar_that_all_yaml_readers_take_as_text_is_text(text, reason):
    assert plain(text) == text, reason


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        *((word, "a truth value in YAML 1.1") for word in ("y", "N", "yes", "No", "NO", "on", "On", "off", "OFF")),
        ("012", "octal in YAML 1.1"),
        ("-00", "octal in YAML 1.1"),
        ("08", "text in YAML 1.1, since 8 is not an octal digit"),
        ("0o14", "octal in YAML 1.2"),
        ("0x1F", "hexadecimal"),
        ("0b101", "binary in YAML 1.1"),
        ("1_000", "a thousand in YAML 1.1"),
        ("1:30", "ninety in YAML 1.1"),
        ("190:20:30.15", "base 60 with a fraction"),
        ("2020-01-01", "a date"),
        ("2001-12-14t21:59:43.10-05:00", "a time"),
        ("2001-1-4 1:2:3", "a time"),
        ("1.5", "no whole number"),
        ("5.", "no whole number"),
        (".5", "no whole number"),
        ("1e3", "a number in YAML 1.2 only"),
        ("1.5E-3", "a number"),
        ("1_0.5", "a number in YAML 1.1 only"),
        (".inf", "no number of JSON"),
        ("-.INF", "no number of JSON"),
        (".NaN", "no number of JSON"),
        ("1234567890123456789", "more digits than 64 bits keep in every case"),
        ("9" * 5000, "more digits than Python converts"),
        ("=", "the default value of YAML 1.1"),
        ("<<", "the merge key of YAML 1.1"),
    ],
)
def test_a_scalar_that_yaml_readers_disagree_on_is_an_error_with_a_fix(text, reason):
    trap = plain(text)
    assert isinstance(trap, Trap), reason
    assert trap.why
    assert written(text) in trap.fix(text)
    assert yaml.safe_load(written(text)) == text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("music", "music"),
        ("Überblick 東京", "Überblick 東京"),
        ("radio/live_1.2-b", "radio/live_1.2-b"),
        ("no", '"no"'),
        ("12", '"12"'),
        ("2020-01-01", '"2020-01-01"'),
        ("a: b", '"a: b"'),
        ("a #b", '"a #b"'),
        ("a,b", '"a,b"'),
        ("a ", '"a "'),
        ("", '""'),
        ("null", '"null"'),
        ("-a", '"-a"'),
        ('say "x"', '"say \\"x\\""'),
        ("a\nb", '"a\\nb"'),
        ("a\u202eb", '"a\\u202Eb"'),
        ("x" * 300 + " " + "y" * 300, "x" * 300 + " " + "y" * 300),
        ("x: " * 100, '"' + "x: " * 100 + '"'),
    ],
)
def test_text_is_written_without_quotes_only_if_no_reader_could_misread_it(text, expected):
    assert written(text) == expected
