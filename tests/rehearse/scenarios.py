"""What is rehearsed: every example of this repository, and manifests and accounts made up from a seed."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from random import Random

from acrsync.emulator.seeds import VENDOR_ROWS
from acrsync.rehearse.cases import JSON, Scenario

EXAMPLES = Path(__file__).parents[2] / "examples"
MARK = "acrsync:radio-prod"
HELD = '{"artist": {"default": "abc"}}'

# What an example meets beside the vendor's six buckets, so that it has more to do than to create.
THERE: Mapping[str, Sequence[Mapping[str, JSON]]] = {
    "demo": [{"name": "radio-live", "region": "us-west-2", "type": "Live", "labels": ["Old"]}],
    "labels": [{"name": "archive", "labels": ["Old"]}, {"name": "uploads", "labels": ["Keep"], "num": 3}],
    "live-channels": [{"name": "radio-live", "type": "Live", "labels": ["Talk"], "num": 2}],
    "ownership": [{"name": "radio-live", "type": "Live", "labels": ["Radio"]}],
    "prune": [
        {"name": "radio-live", "type": "Live", "labels": [MARK]},
        {"name": "radio-old", "type": "Live", "labels": ["Radio", MARK]},
        {"name": "radio-older", "labels": [MARK]},
        {"name": "tv-live", "type": "Live", "labels": ["acrsync:tv"]},
        {"name": "private", "labels": ["Mine"], "num": 9},
    ],
    "removed": [{"name": "jingles", "labels": [MARK]}],
    "several-files": [{"name": "music-catalogue", "labels": ["Pop"], "metadata_template": HELD, "num": 4}],
    "two-teams": [
        {"name": "radio-jingles", "labels": ["Radio", "acrsync:radio"], "num": 5},
        {"name": "radio-archive", "labels": ["Radio", "acrsync:radio"]},
        {"name": "radio-unused", "labels": ["acrsync:radio"]},
        {"name": "tv-news", "labels": ["TV", "acrsync:tv"]},
    ],
    "templates": [
        {"name": "music-catalogue", "labels": ["Music"], "metadata_template": HELD},
        {"name": "uploads", "metadata_template": HELD},
    ],
}


# Where a listing shows rows of several accounts, as under `strict`, a manifest must say which one is meant.
ACCOUNT = {"account.yaml": "version: 1\naccount: {uid: 19}\n"}


def examples() -> Iterator[Scenario]:
    """Yield the examples; of folders that hold several manifests, one of them."""
    for path in sorted(EXAMPLES.glob("*.yaml")):
        yield _example(path.stem, path)
    yield _example("demo", EXAMPLES / "demo" / "acrsync.yaml")
    yield _example("several-files", *sorted((EXAMPLES / "several-files").glob("*.yaml")))
    yield _example("two-teams", EXAMPLES / "two-teams" / "radio-rename.yaml")


def _example(name: str, *paths: Path) -> Scenario:
    files = {path.name: path.read_text(encoding="utf-8") for path in paths}
    if not any("\naccount:" in text for text in files.values()):
        files |= ACCOUNT
    rows = [*map(asdict, VENDOR_ROWS), *THERE.get(name, ())]
    if name == "removed":
        rows = [{**row, "labels": [*row["labels"], MARK]} if row["name"] == "us_bucket" else row for row in rows]
    return Scenario(name, files, rows)


NAMES = ("ads", "archive", "jingles", "live-eu", "live-us", "music", "news", "sport", "talk", "ünïcode ±")
LABELS = ("Music", "News", "Radio", "TV")
REGIONS = ("eu-west-1", "us-west-2", "ap-southeast-1")
TYPES = ("File", "Live", "LiveRec", "LiveTimeshift")
TEMPLATES: tuple[Mapping[str, JSON], ...] = (
    {"artist": {"default": "abc"}},
    {"album": {"type": "select", "default": "334", "options": ["123", "334"]}, "title": {"type": "text"}},
)
FATES = ("absent", "same", "relabelled", "templated", "moved", "renamed", "removed", "pruned", "unmanaged", "foreign")


def generated(seed: int, number: int) -> Scenario:
    """Return the scenario with that number, always the same for the same seed."""
    return made_up(Random(f"{seed} {number}"), f"generated {seed}/{number}")


def made_up(random: Random, name: str) -> Scenario:
    """Return a scenario in which every bucket meets some fate; what is random is asked of `random` alone."""
    owned = random.random() < 0.5
    manifest: dict[str, JSON] = {"version": 1, "account": {"uid": 19}, "limits": {"deletes": 20}, "buckets": []}
    manifest |= {"allow": [], "removed": []}
    if owned:
        manifest |= {"stack": "radio-prod", "ownership": "label", "prune": random.choice(["never", "stack"])}
    rows = []
    for place, bucket in enumerate(random.sample(NAMES, random.randint(2, 8))):
        row = _row(random, 15000 + place, bucket, owned=owned)
        rows += _met(random, manifest, row, random.choice(FATES))
    if not owned and random.random() < 0.3:
        rows += _swapped(manifest)
    # A manifest without buckets that deletes, or an account that lists other accounts' buckets only, is refused.
    if not manifest["buckets"] or (rows and all(row.get("uid") == 20 for row in rows)):
        rows += _met(random, manifest, _row(random, 14000, "anchor", owned=False), "same")
    return Scenario(name, {"acrsync.yaml": json.dumps(manifest, ensure_ascii=False)}, rows)


def _row(random: Random, bucket_id: int, name: str, *, owned: bool) -> dict[str, JSON]:
    labels = random.sample(LABELS, random.randint(0, 2))
    template = random.choice([None, *TEMPLATES])
    return {
        "id": bucket_id,
        "name": name,
        "region": random.choice(REGIONS),
        "type": random.choice(TYPES),
        "net_type": random.choice([0, 1, 2]),
        "labels": [*labels, *([MARK] if owned and random.random() < 0.7 else [])],
        "metadata_template": json.dumps(template) if template else "",
        "num": random.choice([0, 0, 3]),
    }


def _met(random: Random, manifest: dict[str, JSON], row: dict[str, JSON], fate: str) -> list[dict[str, JSON]]:
    """Write the desired state of a bucket into the manifest, and return its existing rows."""
    entry = {key: row[key] for key in ("name", "region", "type")}
    if random.random() < 0.5:
        entry |= {"net_type": row["net_type"], "labels": [label for label in row["labels"] if label != MARK]}
    wanted: dict[str, dict[str, JSON]] = {
        "absent": {},
        "same": {},
        "relabelled": {"labels": ["Changed"]},
        "templated": {"metadata_template": random.choice([{}, {"new": {"default": "x"}}])},
        "moved": {"region": random.choice([region for region in REGIONS if region != row["region"]])},
        "renamed": {"name": f"{row['name']} (new)", "was": row["name"]},
    }
    if fate in wanted:
        manifest["buckets"].append({**entry, **wanted[fate]})
    unmarked = [label for label in row["labels"] if label != MARK]
    bare = {**row, "num": 0, "labels": [], "metadata_template": ""}  # not to be taken for the old form of a new bucket
    match fate:
        case "absent":
            return []
        case "moved":
            manifest["allow"].append({"guard": "replace", "id": row["id"], "reason": "rehearsed"})
            return [{**row, "num": 0}]
        case "removed":
            manifest["removed"].append({"name": row["name"]})
            return [bare]
        case "pruned" if manifest.get("prune") == "stack":
            return [{**bare, "labels": [MARK]}]
        case _:
            uid = 20 if fate == "foreign" else 19
            return [{**row, "uid": uid, "labels": row["labels"] if fate in wanted else unmarked}]


def _swapped(manifest: dict[str, JSON]) -> list[dict[str, JSON]]:
    """Have two buckets change names, which takes a temporary one."""
    place = {"region": "eu-west-1", "type": "File"}
    manifest["buckets"] += [{"name": "left", "id": 16001, **place}, {"name": "right", "id": 16002, **place}]
    return [{"id": 16001, "name": "right", "num": 1, **place}, {"id": 16002, "name": "left", "num": 2, **place}]
