"""Files to a manifest: values, defaults, several files together, and files that are not a manifest."""

from pathlib import Path

import pytest

from acrsync.diagnostics import Span
from acrsync.manifest import files, load, load_texts
from acrsync.model import Approval, Limit, Prune, Removed

HEAD = "version: 1\n"
WHERE = "region: eu-west-1, type: File"


def loaded(*texts: str):
    files = {f"{chr(ord('a') + at)}.yaml": text.encode() for at, text in enumerate(texts)}
    result = load_texts(files)
    assert result.diagnostics == ()
    assert result.manifest is not None
    return result.manifest


def codes(*texts: str | bytes) -> list[str]:
    files = {
        f"{chr(ord('a') + at)}.yaml": text if isinstance(text, bytes) else text.encode()
        for at, text in enumerate(texts)
    }
    result = load_texts(files)
    assert result.manifest is None
    return [diagnostic.code for diagnostic in result.diagnostics]


def attrs(bucket: str, defaults: str = "{region: eu-west-1, type: File}"):
    (desired,) = loaded(f"{HEAD}defaults: {defaults}\nbuckets:\n  - {bucket}\n").desired
    return desired.attrs


def test_every_key_of_a_manifest_is_loaded():
    manifest = loaded(
        """\
version: 1
stack: radio-prod
account: {uid: 19}
ownership: label
prune: stack
limits: {deletes: 5}
defaults: {region: eu-west-1, type: File}
buckets:
  - name: music-catalogue
    labels: [Music, Commercial]
    metadata_template:
      artist: {default: unknown}
      album: {type: select, default: "334", options: ["123", "334"]}
  - {name: radio-live, region: us-west-2, type: Live, net_type: 1, protect: true}
  - {name: archive, was: old-archive, id: 8881, protect: false}
removed: [{name: ads-2019}, {name: legacy, forget: true}]
allow: [{guard: replace, id: 1116, reason: OPS-311}, {guard: in-use, id: 4, reason: OPS-312}]
"""
    )
    music, radio, archive = manifest.desired
    assert music.attrs == {
        "name": "music-catalogue",
        "region": "eu-west-1",
        "type": "File",
        "labels": ["Commercial", "Music"],
        "metadata_template": {
            "artist": {"default": "unknown"},
            "album": {"type": "select", "default": "334", "options": ["123", "334"]},
        },
    }
    assert music.span == Span("a.yaml", 9, 5)
    assert (music.id, music.was, music.protect) == (None, None, None)
    assert radio.attrs == {"name": "radio-live", "region": "us-west-2", "type": "Live", "net_type": 1}
    assert radio.protect is True
    assert (archive.id, archive.was, archive.protect) == (8881, "old-archive", False)
    assert manifest.removed == (
        Removed("ads-2019", span=Span("a.yaml", 16, 11)),
        Removed("legacy", forget=True, span=Span("a.yaml", 16, 29)),
    )
    assert manifest.approvals == (
        Approval("replace", 1116, "OPS-311", Span("a.yaml", 17, 9)),
        Approval("in-use", 4, "OPS-312", Span("a.yaml", 17, 54)),
    )
    assert (manifest.stack, manifest.account_uid, manifest.ownership) == ("radio-prod", 19, True)
    assert (manifest.prune, manifest.deletes_limit) == (Prune.STACK, Limit(5))
    assert manifest.mark == "acrsync:radio-prod"
    assert manifest.files == ("a.yaml",)
    assert manifest.spans["prune"] == Span("a.yaml", 5, 1)


def test_a_minimal_manifest_has_the_defaults_of_the_format():
    manifest = loaded(HEAD)
    assert (manifest.desired, manifest.removed, manifest.approvals) == ((), (), ())
    assert (manifest.stack, manifest.account_uid, manifest.ownership) == (None, None, False)
    assert (manifest.prune, manifest.deletes_limit) == (Prune.NEVER, Limit(30, percent=True))


@pytest.mark.parametrize(
    ("text", "limit"),
    [("30%", (30, True)), ('"0%"', (0, True)), ("100%", (100, True)), ("0", (0, False)), ("7", (7, False))],
)
def test_a_limit_is_a_number_or_a_percentage(text, limit):
    assert loaded(f"{HEAD}limits: {{deletes: {text}}}").deletes_limit == Limit(limit[0], percent=limit[1])


@pytest.mark.parametrize("text", ["-1", '"30"', '"30% "', '"30%\\n"', '"101%"', '"1e1%"', '"٣%"', "30.5", "true", ""])
def test_other_values_are_not_a_limit(text):
    assert codes(f"{HEAD}limits: {{deletes: {text}}}")[0] in ("E117", "E131", "E132")


@pytest.mark.parametrize(
    ("bucket", "key", "value", "reason"),
    [
        ("{name: a}", "labels", "absent", "not said is not ours"),
        ("{name: a, labels: []}", "labels", [], "none are wanted"),
        ("{name: a, labels: [b, a]}", "labels", ["a", "b"], "a set"),
        ("{name: a}", "metadata_template", "absent", "not said is not ours"),
        ("{name: a, metadata_template: {}}", "metadata_template", None, "none is wanted"),
        ("{name: a, metadata_template: null}", "metadata_template", None, "none is wanted"),
        ("{name: a, metadata_template: }", "metadata_template", None, "nothing after the colon is null"),
        ("{name: a, metadata_template: '{}'}", "metadata_template", None, "none is wanted, as JSON text"),
        ("{name: a, metadata_template: 'null'}", "metadata_template", None, "none is wanted, as JSON text"),
        ("{name: a, metadata_template: '{\"b\": {}}'}", "metadata_template", {"b": {}}, "JSON text is the same"),
        ("{name: a}", "net_type", "absent", "not said is not ours"),
        ("{name: a, net_type: 0}", "net_type", 0, "zero is a value"),
    ],
)
def test_absent_none_and_a_value_differ(bucket, key, value, reason):
    assert attrs(bucket).get(key, "absent") == value, reason


def test_a_key_of_a_bucket_replaces_the_default_completely():
    defaults = "{region: eu-west-1, type: File, labels: [a], net_type: 1, metadata_template: {x: {default: d}}}"
    assert attrs("{name: m, region: global, labels: [], metadata_template: {w: {}}}", defaults) == {
        "name": "m",
        "region": "global",
        "type": "File",
        "net_type": 1,
        "labels": [],
        "metadata_template": {"w": {}},
    }


def test_the_order_of_template_fields_is_kept_for_writing():
    template = attrs("{name: m, metadata_template: {z: {}, a: {}, m: {}}}")["metadata_template"]
    assert list(template) == ["z", "a", "m"]


def test_attributes_are_plain_data_without_positions():
    values = attrs("{name: m, labels: [a], metadata_template: {w: {type: select, options: [b]}}}")
    assert type(values["labels"]) is list
    assert type(values["metadata_template"]) is dict
    assert type(values["metadata_template"]["w"]) is dict
    assert type(values["metadata_template"]["w"]["options"]) is list


@pytest.mark.parametrize("value", ["global", "cn-north-1"])
def test_regions_without_new_buckets_are_accepted_by_the_loader(value):
    assert attrs(f"{{name: m, region: {value}, type: DedupFile}}")["region"] == value


def test_several_files_are_one_manifest_and_defaults_hold_for_their_own_file():
    manifest = loaded(
        HEAD + "account: {uid: 19}\n",
        "defaults: {region: eu-west-1, type: File}\nbuckets: [{name: a}]\nremoved: [{name: x}]\n",
        "version: 1\ndefaults: {region: global, type: Live}\nbuckets: [{name: b}]\n"
        "allow: [{guard: in-use, id: 3, reason: OPS-1}]\n",
    )
    assert [desired.attrs["region"] for desired in manifest.desired] == ["eu-west-1", "global"]
    assert [desired.span.file for desired in manifest.desired if desired.span] == ["b.yaml", "c.yaml"]
    assert (manifest.account_uid, len(manifest.removed), len(manifest.approvals)) == (19, 1, 1)
    assert manifest.files == ("a.yaml", "b.yaml", "c.yaml")


def test_an_unreadable_file_does_not_affect_the_diagnostics_of_others():
    assert codes("a: 'b", f"buckets: [{{name: ' x', {WHERE}, protect: true}}]") == ["E110", "E140"]


def test_all_mistakes_are_reported():
    assert codes("prune: no\nbuckets: [{name: a, labels: null}]\nx: 1\n") == [
        "E151",
        "E117",
        "E133",
        "E133",
        "E131",
        "E130",
    ]


@pytest.mark.parametrize(
    ("data", "expected", "reason"),
    [
        (b"", [("E103", 1, 1)], "an empty file"),
        (b"# nothing\n", [("E103", 1, 1)], "comments only"),
        (b"---\n", [("E103", 1, 1)], "an empty document"),
        (b"null", [("E103", 1, 1)], "null"),
        (b"\xef\xbb\xbf", [("E103", 1, 1)], "a byte order mark only"),
        (b"version: 1\nstack: \xe9\n", [("E104", 2, 8)], "Latin-1"),
        (b"\xef\xbb\xbfa: \xe9\n", [("E104", 1, 4)], "Latin-1 after a byte order mark"),
        ("version: 1".encode("utf-16"), [("E104", 1, 1)], "UTF-16"),
        (b"\xed\xa0\x80", [("E104", 1, 1)], "half of a surrogate pair"),
        (b"version: 1\nstack: a\x00b\n", [("E105", 2, 9)], "NUL"),
        (b"a: \x1b[31m", [("E105", 1, 4)], "a terminal's command"),
        ("version: 1\r\na:\u2028 b".encode(), [("E105", 2, 3)], "a line end that editors do not count"),
        ("a: \x85b".encode(), [("E105", 1, 4)], "another one"),
        ("a: \ufeffb".encode(), [("E105", 1, 4)], "a byte order mark inside"),
        ("a: 1 # \u202e".encode(), [("E105", 1, 8)], "a comment that turns what is read after it"),
        (b'a: "\\U00110000"', [("E105", 1, 5)], "an escape beyond Unicode"),
        (b'a: "\\UFFFFFFFF"', [("E105", 1, 5)], "an escape beyond everything"),
        (b"a:\n\tb: c\n\td: e\n", [("E106", 2, 1)], "tabs, reported once"),
        (b"a: b\t# c", [("E106", 1, 5)], "a tab that some parsers take for space"),
        (b"%YAML 1.2\n---\na: b\n", [("E112", 1, 1)], "a directive"),
        (b"a: b\r%TAG ! x\n", [("E112", 2, 1)], "a directive after the line end of old"),
        (b"a: \x00\tb\n%x", [("E105", 1, 4), ("E106", 1, 5), ("E112", 2, 1)], "everything at once"),
    ],
)
def test_bytes_that_are_not_text_are_refused_with_their_position(data, expected, reason):
    result = load_texts({"a.yaml": data})
    assert result.manifest is None
    assert [
        (problem.code, problem.span.line, problem.span.column) for problem in result.diagnostics if problem.span
    ] == expected, reason


@pytest.mark.parametrize(
    "data", [b"\xef\xbb\xbfversion: 1\n", b"version: 1\r\nbuckets: []\r\n", b"version: 1\rbuckets: []"]
)
def test_a_byte_order_mark_and_all_line_ends_are_accepted(data):
    assert load_texts({"a.yaml": data}).diagnostics == ()


@pytest.mark.parametrize("root", ["[]", "text", "3", "- version: 1"])
def test_a_manifest_is_a_mapping(root):
    assert codes(root)[0] == "E131"


def test_a_deep_template_text_is_refused_without_a_crash():
    deep = "[" * 100_000
    assert codes(f"{HEAD}buckets: [{{name: a, {WHERE}, metadata_template: '{deep}'}}]") == ["E136"]


def test_without_a_file_no_manifest_is_loaded():
    assert codes() == ["E151"]


def test_files_are_read_from_disk(tmp_path):
    one, two = tmp_path / "one.yaml", tmp_path / "two.yaml"
    one.write_text(HEAD, encoding="utf-8")
    two.write_text(f"buckets: [{{name: a, {WHERE}}}]", encoding="utf-8")
    result = load([one, two])
    assert result.diagnostics == ()
    assert result.manifest is not None
    assert result.manifest.files == (str(one), str(two))


def test_a_file_that_is_named_twice_is_read_once(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("a.yaml").write_text(f"{HEAD}buckets: [{{name: a, {WHERE}}}]", encoding="utf-8")
    Path("b.yaml").write_text("buckets: []", encoding="utf-8")
    result = load([Path("a.yaml"), Path("b.yaml"), Path("./a.yaml"), tmp_path / "a.yaml"])
    assert result.diagnostics == ()
    assert result.manifest is not None
    assert result.manifest.files == ("a.yaml", "b.yaml")


def test_unreadable_paths_are_reported_with_a_fix(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("folder").mkdir()
    Path("loop.yaml").symlink_to("loop.yaml")
    Path("good.yaml").write_text("stack: no", encoding="utf-8")
    result = load([Path("acrsync.yaml"), Path("folder"), Path("loop.yaml"), Path("good.yaml")])
    assert result.manifest is None
    assert [problem.code for problem in result.diagnostics] == ["E117", "E100", "E101", "E102"]
    fixes = {problem.code: problem.fix for problem in result.diagnostics}
    assert "acrsync export --out acrsync.yaml" in fixes["E100"]
    assert "acrsync export --out folder/acrsync.yaml" in fixes["E101"]


@pytest.mark.parametrize("file", ["-", "/dev/stdin", "/dev/fd/63"])
def test_what_a_program_wrote_is_not_overwritten_by_an_export(file):
    (problem,) = load_texts({file: b""}).diagnostics
    assert (problem.code, problem.fix) == ("E103", "check the program that writes the manifest.")


def test_a_file_without_an_end_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "MAX_BYTES", 2**20)
    path = tmp_path / "acrsync.yaml"
    path.write_bytes(b"#" * (2**20 + 1))
    texts, (problem,) = files.contents([path])
    assert (texts, problem.code, "longer than 1 MiB" in problem.detail) == ({}, "E102", True)
    path.write_bytes(b"#" * 2**20)
    assert files.contents([path])[1] == []


@pytest.mark.parametrize("number", [10**15, 10**18 - 1])
def test_a_long_id_is_a_number(number):
    """Fix lines and `export` print the ids of the API, also those of a counter that began high."""
    manifest = loaded(f"{HEAD}account: {{uid: {number}}}\nbuckets: [{{name: a, id: {number}, {WHERE}}}]\n")
    assert (manifest.account_uid, manifest.desired[0].id) == (number, number)
