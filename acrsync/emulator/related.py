"""The read-only surroundings of a bucket: its content, the projects and containers that use it, monitoring results.

Content is only two counts; no route can delete a file or a channel.
"""

import re
import time
from collections.abc import Mapping, Sequence

from acrsync.emulator import shapes
from acrsync.emulator.rules import Json, Refused, Rules
from acrsync.emulator.seeds import ACRCLOUD_MUSIC
from acrsync.emulator.store import Bucket, Referrer

REFERRERS = ("base-projects", "bm-cs-projects", "bm-bd-projects", "fs-containers")


def items(rules: Rules, id_: int, section: str, query: Mapping[str, str]) -> tuple[Bucket, Sequence[int]]:
    """Return a bucket and the numbers of its files or channels. Source: reference 2.1 to 2.3.

    GUESS: each list answers for every type of bucket, empty if the type cannot have such content; only `dedup-files`
    needs a bucket of type DedupFile.
    """
    row = rules.bucket(id_)
    if row.content_status:
        raise Refused(row.content_status, {"error": "Forbidden"})
    if section == "dedup-files" and row.type != "DedupFile":
        raise Refused(404, {"error": "Not Found"})
    usual = "desc" if section == "channels" else "asc"  # as documented for the two lists
    count = row.channels if section == "channels" else row.files
    numbers = range(1, count + 1) if query.get("order", usual) == "asc" else range(count, 0, -1)
    search = query.get("search")
    return row, [number for number in numbers if search in shapes.title(section, number)] if search else numbers


def referrers(rules: Rules, kind: str, query: Mapping[str, str]) -> Sequence[Json]:
    """Return the projects or containers of one list. Source: reference 4.

    A container that refers by name follows the name: it loses a renamed bucket, and gets another with the old name.
    """
    types = query.get("types") or query.get("type") or ""
    kept = [
        one
        for one in rules.store.referrers()
        if (one.kind, one.uid) == (kind, rules.uid)
        and query.get("region") in (None, "", one.region)
        and query.get("name", "") in one.name
        and (not types or not one.type or one.type in types.split(","))
    ]
    kept = kept[::-1] if rules.profile.list_order == "id_ascending" else kept
    return [shapes.referrer(one, _used(rules, one), rules.profile) for one in kept]


def _used(rules: Rules, one: Referrer) -> list[Bucket]:
    rows = [row for row in rules.store.buckets().values() if row.uid == one.uid]
    known: dict[int | str, Bucket] = {row.name: row for row in [ACRCLOUD_MUSIC, *rows]}
    known |= {row.id: row for row in [ACRCLOUD_MUSIC, *rows]}
    return [known[used] for used in one.buckets if used in known]


def results(rules: Rules, project_id: int, stream_id: str, query: Mapping[str, str]) -> list[Json]:
    """Return the monitoring results of a custom stream. Source: Console API, "Custom Streams Results"; reference 5.

    GUESS: the default date is today; a limit that is not a number is ignored; an entry whose key `false_positive` is
    true is hidden unless the query asks for it.
    """
    seeded = rules.store.results(rules.uid, project_id, stream_id)
    if not seeded:
        raise rules.unknown(project_id)
    kept = [entry for entry in seeded if _wanted(entry, query)]
    kept.sort(key=_heard_at)
    if query.get("type") == "last":
        return kept[-1:]
    day = query.get("date") or time.strftime("%Y%m%d", time.gmtime(rules.now))
    return [entry for entry in kept if _heard_at(entry)[:10].replace("-", "") == day]


def _heard_at(entry: Json) -> str:
    return str(_metadata(entry).get("timestamp_utc", ""))


def _metadata(entry: Json) -> Json:
    found = entry.get("metadata")
    return found if isinstance(found, dict) else {}


def _wanted(entry: Json, query: Mapping[str, str]) -> bool:
    played = _metadata(entry).get("played_duration", 0)
    low, high = _number(query.get("min_duration"), 0), _number(query.get("max_duration"), 3600)
    country = query.get("isrc_country")
    return (
        isinstance(played, int)
        and low <= played <= high
        and (not country or any(code.startswith(country) for code in _codes(entry)))
        and (not entry.get("false_positive") or query.get("with_false_positive") == "1")
    )


def _codes(entry: Json) -> list[str]:
    """Return the ISRCs of an entry; their first two letters are the country."""
    hits = _metadata(entry).get("music")
    found: list[str] = []
    for hit in hits if isinstance(hits, list) else []:
        ids = hit.get("external_ids") if isinstance(hit, dict) else None
        code = ids.get("isrc") if isinstance(ids, dict) else None
        found += [str(one) for one in (code if isinstance(code, list) else [code])]
    return found


def _number(text: str | None, otherwise: int) -> int:
    return int(text) if text is not None and re.fullmatch("[0-9]{1,15}", text) else otherwise
