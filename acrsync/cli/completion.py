"""Shell completion of values: names of buckets, environments, runs, approvals, formats and codes.

Completion sends no request: names of buckets come from the manifest in this folder. It ignores files that it cannot
read, because a shell cannot show messages.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.shell_completion import CompletionItem

if TYPE_CHECKING:
    from acrsync.model import Manifest


def buckets(_: click.Context, __: click.Parameter, typed: str) -> list[CompletionItem]:
    """Offer the names in the manifest."""
    return _beginning(typed, _names())


def runs(_: click.Context, __: click.Parameter, typed: str) -> list[CompletionItem]:
    """Offer the recorded runs, the newest first."""
    return _beginning(typed, ("last", *_runs()))


def shown(_: click.Context, __: click.Parameter, typed: str) -> list[CompletionItem]:
    """Offer the values of `show`: buckets, runs and saved plans."""
    found = _beginning(typed, (*_names(), *_runs(), *map(str, sorted(Path().glob("*.json")))))
    return found or [CompletionItem(typed, type="file")]


def approvals(_: click.Context, __: click.Parameter, typed: str) -> list[CompletionItem]:
    """Offer the guards that can be approved."""
    from acrsync.plan.guards import APPROVABLE

    return _beginning(typed, (f"{guard}:" for guard in sorted(APPROVABLE)))


def outputs(_: click.Context, __: click.Parameter, typed: str) -> list[CompletionItem]:
    """Offer the formats of `--out`, and files."""
    from acrsync.cli.options import RECORD
    from acrsync.report import FORMATS

    found = _beginning(typed, (f"{name}:" for name in (*FORMATS, RECORD)))
    return found or [CompletionItem(typed, type="file")]


def codes(_: click.Context, __: click.Parameter, typed: str) -> list[CompletionItem]:
    """Offer the codes of messages."""
    from acrsync.diagnostics import SUMMARIES

    return [
        CompletionItem(code, help=summary)
        for code, summary in sorted(SUMMARIES.items())
        if code.startswith(typed.upper())
    ]


def environments(_: click.Context, __: click.Parameter, typed: str) -> list[CompletionItem]:
    """Offer the environments in the manifest, and `all`."""
    return _beginning(typed, ("all", *_environments()))


def _beginning(typed: str, values: Iterable[str]) -> list[CompletionItem]:
    return [CompletionItem(value) for value in dict.fromkeys(values) if value.startswith(typed)]


def _names() -> Iterator[str]:
    manifest = _manifest()
    if manifest is not None:
        yield from (entry.name for entry in manifest.desired)


def _manifest() -> Manifest | None:
    from acrsync import manifest as manifests
    from acrsync.cli.options import default_paths

    paths = default_paths()
    return manifests.load(paths).manifest if paths[0].is_file() else None


def _environments() -> Sequence[str]:
    from acrsync.cli.options import default_paths

    try:
        text = default_paths()[0].read_bytes()
    except OSError:
        return ()
    found: Any = _section(text.decode("utf-8", "replace"), "environments")
    return tuple(found)


def _section(text: str, key: str) -> Iterator[str]:
    """Yield the keys of a section in block style, also of a manifest with errors."""
    inside, indent = False, None
    for line in text.splitlines():
        bare = line.strip()
        if not bare or bare.startswith("#"):
            continue
        depth = len(line) - len(line.lstrip(" "))
        if depth == 0:
            inside, indent = bare == f"{key}:", None
        elif inside:
            indent = depth if indent is None else indent
            if depth == indent:
                yield bare.partition(":")[0].strip("'\"")


def _runs() -> list[str]:
    from acrsync.runs.where import DEFAULT

    return sorted((path.stem for path in Path(DEFAULT).glob("*.jsonl")), reverse=True)
