"""What the libraries cost that acrsync stands on, without acrsync: `python floors.py OUT.json SCHEMA.json`.

Runs in a folder with a manifest, against the API that the environment names. Writes seconds, each for one bucket (for
`list`, one bucket of a list that is read page by page).
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import deepdiff
import jsonschema
import requests
import yaml

PER_PAGE = 100
PAIRS = 200  # for deepdiff


def from_events(text: str) -> Any:
    """Build data from the parser's events, remembering every place: the least that a reader with places does."""
    root: list[Any] = []
    stack: list[tuple[Any, Any]] = []
    container: Any = root
    key: Any = None
    places: list[int] = []
    events: Iterator[Any] = yaml.parse(text, yaml.CBaseLoader)
    for event in events:
        kind = type(event)
        if kind is yaml.ScalarEvent or kind is yaml.MappingStartEvent or kind is yaml.SequenceStartEvent:
            mark = event.start_mark
            places.append(mark.line)
            places.append(mark.column)
            value: Any = event.value if kind is yaml.ScalarEvent else {} if kind is yaml.MappingStartEvent else []
            if type(container) is list:
                container.append(value)
            elif key is None:
                key = value
                continue
            else:
                container[key] = value
                key = None
            if kind is not yaml.ScalarEvent:
                stack.append((container, key))
                container, key = value, None
        elif kind is yaml.MappingEndEvent or kind is yaml.SequenceEndEvent:
            container, key = stack.pop()
    return root[0]


def pages() -> list[Any]:
    """Read the list one page after the other, as a script with a session would."""
    session = requests.Session()
    session.trust_env = False
    session.headers["Authorization"] = f"Bearer {os.environ['ACRSYNC_TOKEN']}"
    url, rows, number = f"{os.environ['ACRSYNC_ENDPOINT']}/api/buckets", [], 1
    while True:
        answer = session.get(url, params={"page": number, "per_page": PER_PAGE}, timeout=60).json()
        rows += answer["data"]
        if len(rows) >= answer["meta"]["total"]:
            return rows
        number += 1


def timed(function: Callable[[], object]) -> float:
    begun = time.perf_counter()
    function()
    return time.perf_counter() - begun


def main() -> None:
    out, schema = (Path(argument) for argument in sys.argv[1:])
    text = Path("acrsync.yaml").read_text(encoding="utf-8")
    document = yaml.load(text, yaml.CSafeLoader)
    buckets = document["buckets"]
    count = len(buckets)
    live = {row["name"]: {**row, "metadata_template": json.loads(row["metadata_template"])} for row in pages()}
    validator = jsonschema.Draft202012Validator(json.loads(schema.read_text(encoding="utf-8")))
    others = [{**bucket, "labels": ["Music"]} for bucket in buckets[:PAIRS]]
    floors = {
        "parse": timed(lambda: from_events(text)) / count,
        "CSafeLoader": timed(lambda: yaml.load(text, yaml.CSafeLoader)) / count,
        "validate": timed(lambda: list(validator.iter_errors(document))) / count,
        "list": timed(pages) / count,
        "compare": timed(lambda: [all(live[b["name"]][k] == v for k, v in b.items()) for b in buckets]) / count,
        "deepdiff": timed(lambda: [deepdiff.DeepDiff(*pair) for pair in zip(buckets, others, strict=False)])
        / len(others),
    }
    out.write_text(json.dumps(floors), encoding="utf-8")


if __name__ == "__main__":
    main()
