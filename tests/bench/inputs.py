"""Writes the same account in everybody's words: `python inputs.py N DIRECTORY`.

A program of its own: what measures must stay small, because its children begin with its memory peak.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

CHANGED_EVERY = 100  # one bucket in this many differs in `changed.yaml`
FIRST_ID = 20_000
TEMPLATE = {"artist": {"default": "unknown"}, "album": {"type": "select", "default": "334", "options": ["123", "334"]}}


def name(number: int) -> str:
    return f"bucket-{number:05d}"


def entry(number: int, *, default: str = "334", artist: str = "unknown") -> str:
    """Return one bucket of a manifest, with labels and a template as the vendor's documentation shows them."""
    return (
        f"  - name: {name(number)}\n    region: eu-west-1\n    type: File\n    labels: [Music, Commercial]\n"
        f"    metadata_template:\n      artist: {{default: {artist}}}\n"
        f'      album: {{type: select, default: "{default}", options: ["123", "334"]}}\n'
    )


def row(number: int) -> dict[str, object]:
    """Return the same bucket as the API shows it."""
    return {
        "id": FIRST_ID + number,
        "uid": 19,
        "name": name(number),
        "type": "File",
        "state": 1,
        "region": "eu-west-1",
        "metadata_template": json.dumps(TEMPLATE),
        "labels": ["Music", "Commercial"],
        "net_type": 1,
        "num": 0,
        "size": 0,
        "access_permission": "private",
        "created_at": "2024-01-01 00:00:00",
        "updated_at": "2024-01-01 00:00:00",
    }


def terraform_block(number: int) -> str:
    return (
        f'resource "terraform_data" "{name(number)}" {{\n  input = {{\n    name   = "{name(number)}"\n'
        '    region = "eu-west-1"\n    type   = "File"\n    labels = ["Music", "Commercial"]\n'
        '    metadata_template = {\n      artist = { default = "unknown" }\n'
        '      album  = { type = "select", default = "334", options = ["123", "334"] }\n    }\n  }\n}\n'
    )


def terraform_state(count: int, *, for_each: bool) -> str:
    """Return what Terraform would write after creating all of it, which takes it many minutes for 10 000."""
    text = ["tuple", ["string", "string"]]
    album = ["object", {"default": "string", "options": text, "type": "string"}]
    template = ["object", {"album": album, "artist": ["object", {"default": "string"}]}]
    kind = [
        "object",
        {"labels": text, "metadata_template": template, "name": "string", "region": "string", "type": "string"},
    ]

    def instance(number: int) -> dict[str, object]:
        value = {"name": name(number), "region": "eu-west-1", "type": "File", "labels": ["Music", "Commercial"]}
        typed = {"value": {**value, "metadata_template": TEMPLATE}, "type": kind}
        attributes = {"id": f"00000000-0000-4000-8000-{number:012d}", "input": typed, "output": typed}
        key = {"index_key": name(number)} if for_each else {}
        return key | {
            "schema_version": 0,
            "attributes": {**attributes, "triggers_replace": None},
            "sensitive_attributes": [],
        }

    def resource(label: str, instances: list[object], **each: str) -> dict[str, object]:
        provider = 'provider["terraform.io/builtin/terraform"]'
        head = {"mode": "managed", "type": "terraform_data", "name": label, "provider": provider}
        return head | each | {"instances": instances}

    numbers = range(count)
    if for_each:
        resources = [resource("bucket", [instance(number) for number in numbers], each="map")]
    else:
        resources = [resource(name(number), [instance(number)]) for number in numbers]
    state = {"version": 4, "terraform_version": "1.0.0", "serial": 1, "lineage": "bench", "outputs": {}}
    return json.dumps({**state, "resources": resources, "check_results": None})


TERRAFORM_FOR_EACH = """\
locals {
  buckets = { for bucket in yamldecode(file("acrsync.yaml")).buckets : bucket.name => bucket }
}
resource "terraform_data" "bucket" {
  for_each = local.buckets
  input    = each.value
}
"""
OCTODNS = """\
providers:
  config: {class: octodns.provider.yaml.YamlProvider, directory: config}
  target: {class: octodns.provider.yaml.YamlProvider, directory: target}
zones:
  example.com.: {sources: [config], targets: [target]}
"""


def write(count: int, folder: Path) -> None:
    """Write every input of this size."""
    head, numbers = "version: 1\nbuckets:\n", range(count)
    manifest = head + "".join(map(entry, numbers))
    changed = head + "".join(entry(n, default="123" if n % CHANGED_EVERY == 0 else "334") for n in numbers)
    different = head + "".join(entry(number, artist=f"artist {number}") for number in numbers)
    rows = [row(number) for number in reversed(numbers)]
    records = "".join(f"{name(number)}: {{ttl: 300, type: A, value: 192.0.2.1}}\n" for number in numbers)
    texts = {
        "acrsync.yaml": manifest,
        "changed.yaml": changed,
        "different.yaml": different,
        "rows.json": json.dumps(rows),
        "reset.json": json.dumps({"rows": rows}),
        "literal/main.tf": "".join(map(terraform_block, numbers)),
        "literal/terraform.tfstate": terraform_state(count, for_each=False),
        "for_each/terraform.tfstate": terraform_state(count, for_each=True),
        "for_each/main.tf": TERRAFORM_FOR_EACH,
        "for_each/acrsync.yaml": manifest,
        "octodns/config.yaml": OCTODNS,
        "octodns/config/example.com.yaml": records,
        "octodns/target/example.com.yaml": records,
    }
    for path, text in texts.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    write(int(sys.argv[1]), Path(sys.argv[2]))
