"""One manifest for several environments: what each of them is, what they must not share, and how it is rendered."""

from dataclasses import replace
from pathlib import Path

import pytest

from acrsync.diagnostics import Span
from acrsync.manifest import Source, environment_names, load, load_texts, render, source
from acrsync.manifest.rendering import rendered
from acrsync.model import Approval, Limit, Prune

CONTRACT = """\
version: 1
variables: {stations: [one, two]}
environments:
  staging: {account: {uid: 20}, token_env: ACRSYNC_TOKEN_STAGING, variables: {prefix: stg-}}
  prod:    {account: {uid: 19}, token_env: ACRSYNC_TOKEN_PROD, stack: radio, ownership: label, variables: {prefix: ""}}
buckets:
  - name: ${prefix}${station}-${region}
    region: ${region}
    type: Live
    matrix: {station: "${stations}", region: [eu-west-1, us-west-2], exclude: [{station: two, region: us-west-2}]}
  - {name: archive, region: eu-west-1, type: File, environments: [prod]}
"""


def loaded(text, env=None):
    files = text if isinstance(text, dict) else {"f.yaml": text}
    return load_texts({name: one.encode() for name, one in files.items()}, env)


def manifest(text, env=None):
    found = loaded(text, env)
    assert found.diagnostics == ()
    assert found.manifest is not None
    return found.manifest


def every(text):
    files = text if isinstance(text, dict) else {"f.yaml": text}
    return Source({name: one.encode() for name, one in files.items()}).all()


def names(text, env=None):
    return [one.name for one in manifest(text, env).desired]


def test_each_environment_is_a_manifest_of_its_own():
    staging, prod = manifest(CONTRACT, "staging"), manifest(CONTRACT, "prod")
    assert [one.name for one in staging.desired] == ["stg-one-eu-west-1", "stg-one-us-west-2", "stg-two-eu-west-1"]
    assert [one.name for one in prod.desired] == ["one-eu-west-1", "one-us-west-2", "two-eu-west-1", "archive"]
    assert (staging.environment, staging.account_uid, staging.token_env) == ("staging", 20, "ACRSYNC_TOKEN_STAGING")
    assert (staging.stack, staging.mark) == (None, None)
    assert (prod.environment, prod.account_uid, prod.token_env) == ("prod", 19, "ACRSYNC_TOKEN_PROD")
    assert prod.mark == "acrsync:radio"
    assert prod.spans["stack"] == Span("f.yaml", 5, 64)
    assert (prod.endpoint, prod.runs) == (None, None)


def test_all_environments_are_loaded_by_name():
    found = every(CONTRACT)
    assert list(found.environments) == ["staging", "prod"]
    assert found.diagnostics == ()
    assert {name: one.manifest for name, one in found.environments.items()} == {
        name: manifest(CONTRACT, name) for name in ("staging", "prod")
    }


def test_a_manifest_without_environments_needs_no_choice():
    plain = "version: 1\nbuckets: [{name: a, region: global, type: File}]\n"
    found = every(plain)
    assert list(found.environments) == [""]
    assert found.environments[""].manifest == manifest(plain)
    assert manifest(plain).environment is None


def test_a_manifest_with_environments_needs_one_to_be_chosen():
    (problem,) = loaded(CONTRACT).diagnostics
    assert (problem.code, problem.span) == ("E160", Span("f.yaml", 3, 1))
    assert problem.fix == "add --env staging, or --env all."


@pytest.mark.parametrize(
    ("text", "env", "fix"),
    [
        (CONTRACT, "stagin", "write staging."),
        (CONTRACT, "", "write one of these."),
        (CONTRACT, "all", "write one of these."),
        ("version: 1\n", "prod", "remove --env and ACRSYNC_ENV, or add: environments: {prod: {}}"),
    ],
)
def test_an_unknown_environment_is_reported_with_the_existing_ones(text, env, fix):
    (problem,) = loaded(text, env).diagnostics
    assert (problem.code, problem.fix) == ("E161", fix)


def test_every_key_except_variables_replaces_the_top_level_key_completely():
    text = """\
version: 1
variables: {a: top, b: top}
stack: top
prune: stack
ownership: label
limits: {deletes: 5}
runs: top-runs
endpoint: https://api-v2.acrcloud.com
token_env: ACRSYNC_TOKEN_TOP
account: {uid: 1}
defaults: {region: eu-west-1, type: File, labels: [top]}
removed: [{name: top}]
allow: [{guard: replace, id: 1, reason: agreed}]
environments:
  same: {account: {uid: 3}}
  own:
    variables: {b: own}
    stack: own
    prune: never
    limits: {}
    runs: git:origin
    endpoint: https://api-v2.acrcloud.cn
    token_env: ACRSYNC_TOKEN_OWN
    account: {uid: 2}
    defaults: {region: us-west-2, type: Live}
    removed: []
    allow: [{guard: in-use, id: 2, reason: agreed}]
buckets:
  - {name: "${a}-${b}"}
"""
    same, own = manifest(text, "same"), manifest(text, "own")
    assert same.desired[0].attrs == {"name": "top-top", "region": "eu-west-1", "type": "File", "labels": ["top"]}
    assert own.desired[0].attrs == {"name": "top-own", "region": "us-west-2", "type": "Live"}
    assert (same.stack, same.prune, same.deletes_limit, same.runs) == ("top", Prune.STACK, Limit(5), "top-runs")
    assert (own.stack, own.prune, own.deletes_limit, own.runs) == (
        "own",
        Prune.NEVER,
        Limit(30, percent=True),
        "git:origin",
    )
    assert (same.endpoint, same.token_env) == ("https://api-v2.acrcloud.com", "ACRSYNC_TOKEN_TOP")
    assert (own.endpoint, own.token_env) == ("https://api-v2.acrcloud.cn", "ACRSYNC_TOKEN_OWN")
    assert ([one.name for one in same.removed], own.removed) == (["top"], ())
    assert [replace(one, span=None) for one in own.approvals] == [Approval("in-use", 2, "agreed")]


def test_settings_of_an_environment_apply_to_all_files():
    files = {
        "a.yaml": "version: 1\nenvironments:\n"
        "  prod: {defaults: {region: us-west-2, type: Live}, removed: [{name: x}]}\n",
        "b.yaml": "defaults: {region: global, type: File}\nremoved: [{name: z}]\nbuckets: [{name: b}]\n",
        "c.yaml": "buckets: [{name: c}]\n",
    }
    found = manifest(files, "prod")
    assert [(one.name, one.attrs["region"], one.span.file) for one in found.desired if one.span] == [
        ("b", "us-west-2", "b.yaml"),
        ("c", "us-west-2", "c.yaml"),
    ]
    assert [(one.name, str(one.span)) for one in found.removed] == [("x", "a.yaml:3:63")]


def test_variables_of_one_file_are_used_in_another():
    files = {
        "a.yaml": "version: 1\nvariables: {list: [x, ', ']}\n",
        "b.yaml": "\n\nbuckets: [{name: a, region: global, type: File, labels: '${list}'}]\n",
    }
    (problem,) = loaded(files).diagnostics
    assert (problem.code, str(problem.span)) == ("E135", "b.yaml:3:57")


@pytest.mark.parametrize("key", ["environments: {e: {}}", "variables: {v: 1}", "runs: a", "token_env: ACRSYNC_TOKEN_A"])
def test_settings_for_all_files_are_set_in_one_file(key):
    found = every({"a.yaml": f"version: 1\n{key}\n", "b.yaml": f"{key}\n"})
    assert "E150" in [one.code for one in found.diagnostics]


def test_a_mistake_is_reported_with_its_environment_or_once_for_all():
    text = """\
version: 1
environments:
  staging: {account: {uid: 2}, variables: {region: mars}}
  prod: {account: {uid: 1}, variables: {region: eu-west-1}}
  test: {account: {uid: 3}, variables: {region: mars}}
buckets: [{name: a, region: "${region}", type: File, labels: [" x"]}]
"""
    found = every(text)
    assert [(one.code, str(one.span)) for one in found.diagnostics] == [
        ("E132", "f.yaml:6:29"),
        ("E135", "f.yaml:6:63"),
    ]
    assert "This is the bucket of staging, and 1 more." in found.diagnostics[0].detail
    assert [one.code for one in found.environments["prod"].diagnostics] == ["E135"]
    assert all(one.manifest is None for one in found.environments.values())


def test_an_error_of_one_environment_does_not_stop_another():
    text = """\
version: 1
environments:
  staging: {account: {uid: 2}, variables: {region: mars}}
  prod: {account: {uid: 1}, variables: {region: eu-west-1}}
buckets: [{name: a, region: "${region}", type: File}]
"""
    assert loaded(text, "staging").manifest is None
    assert names(text, "prod") == ["a"]


def test_a_bucket_for_an_unknown_environment_is_reported():
    text = (
        "version: 1\nenvironments: {prod: {}}\nbuckets: [{name: a, region: global, type: File, environments: [prd]}]\n"
    )
    (problem,) = every(text).diagnostics
    assert (problem.code, str(problem.span), problem.fix) == ("E161", "f.yaml:3:64", "write prod.")


def overlapping(one, other, buckets="[{name: a, region: global, type: File}]"):
    text = f"version: 1\nenvironments:\n  one: {one}\n  other: {other}\nbuckets: {buckets}\n"
    found = every(text)
    codes = [problem.code for problem in found.diagnostics]
    for name in ("one", "other"):
        single = loaded(text, name)
        assert [problem.code for problem in single.diagnostics] == codes
        assert (single.manifest is None) == bool(codes)
    return codes


@pytest.mark.parametrize(
    ("one", "other", "refused", "reason"),
    [
        ("{account: {uid: 1}}", "{account: {uid: 1}}", True, "one account, one name"),
        ("{account: {uid: 1}}", "{account: {uid: 2}}", False, "two accounts"),
        ("{}", "{}", True, "nothing tells them apart"),
        ("{token_env: ACRSYNC_TOKEN_A}", "{token_env: ACRSYNC_TOKEN_A}", True, "one token"),
        ("{token_env: ACRSYNC_TOKEN_A}", "{token_env: ACRSYNC_TOKEN_B}", False, "two tokens"),
        ("{token_env: ACRSYNC_TOKEN_A, account: {uid: 1}}", "{token_env: ACRSYNC_TOKEN_A}", True, "by its token"),
        (
            "{account: {uid: 1}, endpoint: 'https://api-v2.acrcloud.com'}",
            "{account: {uid: 1}, endpoint: 'https://eu-api-v2.acrcloud.com/api/'}",
            True,
            "two hosts of one deployment",
        ),
        ("{account: {uid: 1}, endpoint: 'https://API-V2.acrcloud.com'}", "{account: {uid: 1}}", True, "the usual host"),
        (
            "{account: {uid: 1}, endpoint: 'https://api-v2.acrcloud.cn'}",
            "{account: {uid: 1}}",
            False,
            "one number in two deployments",
        ),
        ("{endpoint: 'http://127.0.0.1:1'}", "{endpoint: 'http://127.0.0.1:2'}", False, "two emulators"),
    ],
)  # fmt: skip
def test_two_environments_that_could_touch_one_bucket_are_refused(one, other, refused, reason):
    assert overlapping(one, other) == (["E167"] if refused else []), reason


SAME = "{account: {uid: 1}, variables: {p: %s}}"


@pytest.mark.parametrize(
    ("buckets", "refused", "reason"),
    [
        ("[{name: '${p}-x', region: global, type: File}]", False, "names of their own"),
        ("[{name: '${p}-x', id: 7, region: global, type: File}]", True, "one id"),
        ("[{name: '${p}-x', was: old, region: global, type: File}]", True, "one former name"),
        ("[{name: '${p}-x', region: global, type: File}, "
         "{name: z, region: global, type: File, environments: [one]}]", False, "a bucket of one environment"),
        ("[{name: '${p}-${c}', region: global, type: File, matrix: {c: [a, b]}}, "
         "{name: a-b, region: global, type: File, environments: [other]}]", False, "no name in common"),
        ("[{name: '${p}-${c}', region: global, type: File, matrix: {c: [a, b]}}, "
         "{name: x-b, region: global, type: File, environments: [other]}]", True, "a combination"),
    ],
)  # fmt: skip
def test_environments_of_one_account_have_buckets_of_their_own(buckets, refused, reason):
    assert overlapping(SAME % "x", SAME % "z", buckets) == (["E167"] if refused else []), reason


@pytest.mark.parametrize(
    ("one", "other", "refused", "reason"),
    [
        ("prune: account", "prune: never", True, "takes all"),
        ("stack: s, ownership: label, prune: stack", "stack: t, ownership: label", False, "stacks of their own"),
        ("stack: s, ownership: label, prune: stack", "stack: s, ownership: label", True, "one stack"),
        ("stack: s, ownership: label", "stack: s, ownership: label", False, "one stack, and no prune"),
        ("removed: [{name: z-x}]", "prune: never", True, "removes what the other one has"),
        ("removed: [{name: gone}]", "removed: [{name: gone}]", True, "both remove it"),
    ],
)
def test_environments_of_one_account_do_not_prune_each_other(one, other, refused, reason):
    buckets = "[{name: '${p}-x', region: global, type: File}]"
    found_codes = overlapping(f"{SAME[:-1]}, {one}}}" % "x", f"{SAME[:-1]}, {other}}}" % "z", buckets)
    assert found_codes == (["E167"] if refused else []), reason


def test_an_overlap_names_both_combinations_at_the_position_of_the_second():
    text = """\
version: 1
environments: {one: {account: {uid: 1}}, other: {account: {uid: 1}}}
buckets:
  - {name: "s-${x}", region: global, type: File, matrix: {x: [a, b]}, environments: [one]}
  - {name: "${w}-b", region: global, type: File, matrix: {w: [r, s]}, environments: [other]}
"""
    (problem,) = every(text).diagnostics
    assert str(problem.span) == "f.yaml:5:5"
    assert "one (at f.yaml:4:5 (one, x: b)) and other have the same account" in problem.detail
    assert problem.detail.endswith("both have the bucket s-b. This is the bucket of other, w: s.")


@pytest.mark.parametrize("name", ["a", "prod-eu", "v1.2_x", "X", "a" * 63])
def test_valid_names_of_environments_are_accepted(name):
    assert names(f"version: 1\nenvironments: {{{name}: {{}}}}\n", name) == []


@pytest.mark.parametrize("name", ["all", "-a", ".a", "a b", "a/b", '"a\\n"', "é", "a" * 64, '""'])
def test_invalid_names_of_environments_are_refused(name):
    assert "E132" in [one.code for one in every(f"version: 1\nenvironments: {{{name}: {{}}}}\n").diagnostics]


@pytest.mark.parametrize(
    ("key", "value", "fine"),
    [
        *(("endpoint", value, True) for value in (
            "https://api-v2.acrcloud.com", "https://eu-api-v2.acrcloud.com/api", "https://api-v2.acrcloud.cn/",
            "http://localhost:8080", "http://127.0.0.1:9/api", "https://[::1]", "emulator:", "emulator:state/a.db",
        )),
        *(("endpoint", value, False) for value in (
            "http://api-v2.acrcloud.com", "https://example.com", "https://api-v2.acrcloud.com.example.com",
            "emulator:/x",
            "https://acrcloud.com@example.com", "https://evil-acrcloud.com.", "https://notacrcloud.com",
            "emulator:../x",
            "http://localhost.example.com", "http://127.0.0.1.example.com", "https://user@api-v2.acrcloud.com", "",
            "https://api-v2.acrcloud.com\\n", "ftp://localhost", "emulator:a/../../x", "emulator:~/x",
        )),
        *(("runs", value, True) for value in (
            ".acrsync/runs", "runs", "a/b c", "git:origin", "git:up_stream.2", "s3://bucket/radio/prod", "gs://b", "az://b/p",
        )),
        *(("runs", value, False) for value in (
            "/var/runs", "~/runs", "../runs", "a/../../b", "..", "C:\\\\runs", "C:/runs", "git:https://example.com/x",
            "git:git@example.com:x", "git:/tmp/x", "git:../x", "git:-x", "https://example.com", "ssh://h/x", "file:///x",
            "", "-x", "s3://b/../c", "s3:/b", "s3://", "//host/share", "a\\nb",
        )),
        *(("token_env", value, True) for value in ("ACRSYNC_TOKEN_A", "ACRSYNC_TOKEN_PROD_2")),
        *(("token_env", value, False) for value in (
            "ACRSYNC_TOKEN", "ACRSYNC_TOKEN_", "acrsync_token_a", "AWS_SECRET_ACCESS_KEY", "ACRSYNC_TOKEN_a",
            "ACRSYNC_TOKEN_A\\n",
        )),
    ],
)  # fmt: skip
def test_an_environment_endpoint_must_be_https_or_local(key, value, fine):
    for text in (f'version: 1\n{key}: "{value}"\n', f'version: 1\nenvironments: {{e: {{{key}: "{value}"}}}}\n'):
        assert (every(text).diagnostics == ()) is fine


def same_but_places(found):
    """Return a manifest without what rendering cannot keep."""
    return replace(
        found,
        files=(),
        spans={},
        environment=None,
        desired=tuple(replace(one, span=None) for one in found.desired),
        removed=tuple(replace(one, span=None) for one in found.removed),
        approvals=tuple(replace(one, span=None) for one in found.approvals),
    )


RICH = """\
version: 1
environments:
  prod:
    account: {uid: 19}
    stack: radio
    ownership: label
    prune: stack
    limits: {deletes: "50%"}
    endpoint: https://api-v2.acrcloud.cn
    token_env: ACRSYNC_TOKEN_PROD
    runs: git:origin
    removed: [{name: "$${old}"}, {name: older, forget: true}]
    allow: [{guard: replace, id: 7, reason: "a: b"}, {guard: in-use, id: 8, reason: agreed}]
    variables: {template: {"$${x}": {default: "$${y}"}, b: {type: select, options: ["1", "2"]}}}
defaults: {region: cn-north-1, type: File}
buckets:
  - {name: "$${a} ${c}", labels: ["$${l}", "no"], metadata_template: "${template}", matrix: {c: [1, x]}}
  - {name: b, id: 9, was: c, protect: true, net_type: 0, labels: [], metadata_template: {}}
  - {name: "bad\\u200bname ", id: 10, protect: false}
"""


@pytest.mark.parametrize(("text", "env"), [(CONTRACT, "staging"), (CONTRACT, "prod"), (RICH, "prod")])
def test_a_rendered_manifest_is_the_same_and_rendering_it_changes_nothing(text, env):
    whole = rendered(Source({"f.yaml": text.encode()}), env)
    assert isinstance(whole, str)
    plain = manifest(whole)
    assert same_but_places(plain) == same_but_places(manifest(text, env))
    assert rendered(Source({"elsewhere.yaml": whole.encode()}), None) == whole


def test_a_rendered_bucket_names_its_source_line():
    whole = rendered(Source({"f.yaml": CONTRACT.encode()}), "prod")
    assert isinstance(whole, str)
    assert whole.splitlines()[:9] == [
        "# The plain manifest of prod from f.yaml: change that, and render again.",
        "version: 1",
        "stack: radio",
        "account: {uid: 19}",
        "token_env: ACRSYNC_TOKEN_PROD",
        "ownership: label",
        "buckets:",
        "  # from f.yaml:7:5 (station: one, region: eu-west-1)",
        "  - name: one-eu-west-1",
    ]
    assert "  # from f.yaml:11:5\n  - name: archive\n" in whole


def test_rendering_a_plain_manifest_applies_its_defaults():
    whole = rendered(Source({"f.yaml": b"version: 1\ndefaults: {region: global, type: File}\nbuckets: [{name: a}]\n"}))
    assert whole == (
        "# The plain manifest from f.yaml: change that, and render again.\nversion: 1\nbuckets:\n"
        "  # from f.yaml:3:11\n  - name: a\n    region: global\n    type: File\n"
    )


def test_an_invalid_manifest_cannot_be_rendered():
    found = rendered(Source({"f.yaml": CONTRACT.encode()}), None)
    assert not isinstance(found, str)
    assert [one.code for one in found.diagnostics] == ["E160"]


def test_a_folder_standard_input_and_the_other_ending_are_read(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("acrsync.yml").write_text("version: 1\nstack: from-yml\n", "utf-8")
    found = load([]).manifest
    assert found is not None
    assert (found.stack, found.files) == ("from-yml", ("acrsync.yml",))
    Path("acrsync.yaml").write_text("version: 1\nstack: from-yaml\n", "utf-8")
    found = load(()).manifest
    assert found is not None
    assert found.stack == "from-yaml"
    folder = Path("folder")
    (folder / "deeper").mkdir(parents=True)
    for name, text in {
        "b.yaml": "buckets: [{name: b, region: global, type: File}]",
        "a.yml": "version: 1\nbuckets: [{name: a, region: global, type: File}]",
        ".hidden.yaml": "x: 1",
        "notes.txt": "no manifest",
        "deeper/c.yaml": "y: 1",
    }.items():
        (folder / name).write_text(text, "utf-8")
    found = load([folder]).manifest
    assert found is not None
    assert [one.name for one in found.desired] == ["a", "b"]
    assert found.files == ("folder/a.yml", "folder/b.yaml")
    assert load([folder, folder / "a.yml"]).manifest == found


def test_standard_input_is_a_file_named_by_a_dash(monkeypatch, tmp_path):
    with (tmp_path / "in").open("w+b") as file:
        file.write(b"version: 1\nstack: No\n")
        file.seek(0)

        class Stdin:
            buffer = file

        monkeypatch.setattr("sys.stdin", Stdin)
        (problem,) = load([Path("-"), Path("-")]).diagnostics
    assert str(problem.span) == "-:2:8"


def test_a_folder_without_a_manifest_is_reported(tmp_path):
    (tmp_path / "x.json").write_text("{}", "utf-8")
    (problem,) = load([tmp_path]).diagnostics
    assert problem.code == "E101"


def test_environments_are_read_from_the_files(tmp_path):
    (tmp_path / "a.yaml").write_text(CONTRACT, "utf-8")
    assert environment_names([tmp_path]) == ("staging", "prod")
    assert environment_names([tmp_path / "none.yaml"]) == ()
    assert list(source([tmp_path]).all().environments) == ["staging", "prod"]
    assert isinstance(render([tmp_path], "prod"), str)


def test_a_mistake_in_shared_values_is_reported_once():
    text = 'version: 1\ndefaults: {region: "${regoin}", type: File}\nbuckets: [{name: a}, {name: b}]\n'
    text += 'removed: [{name: "${"}]\n'
    assert [one.code for one in loaded(text).diagnostics] == ["E162", "E164"]


SECRETS = [
    "token_env: s3cr3t0123",
    "token_env: S3CR3T0123",
    "runs: 'git:https://me:s3cr3t0123@example.test/x'",
    "runs: 'git:me:s3cr3t0123@example.test/x'",
    "runs: 'https://example.test/x?token=s3cr3t0123'",
    "endpoint: 'https://me:s3cr3t0123@api-v2.acrcloud.com'",
]


@pytest.mark.parametrize("entry", SECRETS)
def test_a_secret_in_the_wrong_place_is_not_shown(entry: str):
    found = every(f"version: 1\nenvironments: {{prod: {{{entry}}}}}\nbuckets: []\n").diagnostics
    assert [one.code for one in found] == ["E132"]
    assert "s3cr3t0123" not in f"{found}".lower()
