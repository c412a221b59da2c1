"""Environments of one account, which must not change one another's buckets."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from acrsync.diagnostics import Diagnostic, Span, error
from acrsync.manifest.environments import environments
from acrsync.manifest.problems import short
from acrsync.manifest.rules import entries
from acrsync.manifest.spots import told_once
from acrsync.manifest.tree import PlacedMapping, Tree
from acrsync.model import JSON, Manifest, Prune

Both = tuple[str, str]
Account = tuple[str, str, str]
_FIX = "give one of them another account, or names of its own, as with a prefix from `variables`."


@dataclass(frozen=True, slots=True)
class Environment:
    """The plain manifest of one environment, without errors of its own."""

    manifest: Manifest
    trees: Sequence[Tree]


def related(trees: Sequence[Tree], environment: str) -> Sequence[str]:
    """Return the other environments that may be of the same account, going by what the files say."""
    top = {key: value for tree in reversed(trees) for key, value in tree.data.items()}
    accounts = _accounts(
        {
            name: {**top, **(own if isinstance(own, PlacedMapping) else {})}
            for name, (_, own) in environments(trees).items()
        }
    )
    return tuple(name for name in accounts if name != environment and accounts[name] == accounts[environment])


def overlaps(known: Mapping[str, Environment]) -> Iterator[tuple[Both, Diagnostic]]:
    """Yield what two environments of one account could both change, the first of it for each two."""
    accounts = _accounts(
        {
            name: {
                "account": {"uid": one.manifest.account_uid},
                "endpoint": one.manifest.endpoint,
                "token_env": one.manifest.token_env,
            }
            for name, one in known.items()
        }
    )
    of_account: defaultdict[Account, list[str]] = defaultdict(list)
    for name, account in accounts.items():
        of_account[account].append(name)
    told: set[Both] = set()
    for names in of_account.values():
        for both, problem in _within({name: known[name] for name in names}):
            if both not in told:
                told.add(both)
                yield both, next(told_once([problem]))


def _accounts(said: Mapping[str, Mapping[str, JSON]]) -> Mapping[str, Account]:
    """Return what identifies the account of each environment: its number, else the token that is used for it."""
    by_token: dict[tuple[str, str], str] = {}
    uids: dict[str, str | None] = {}
    tokens: dict[str, tuple[str, str]] = {}
    for name, one in said.items():
        account, endpoint = one.get("account"), one.get("endpoint")
        uid = account.get("uid") if isinstance(account, Mapping) else None
        tokens[name] = (_deployment(endpoint if isinstance(endpoint, str) else ""), str(one.get("token_env")))
        uids[name] = None if uid is None else str(uid)
        if uid is not None:
            by_token.setdefault(tokens[name], str(uid))
    return {
        name: ("token", *token) if (uid := uids[name] or by_token.get(token)) is None else ("uid", token[0], uid)
        for name, token in tokens.items()
    }


def _deployment(endpoint: str) -> str:
    """Return what makes two accounts of one number different accounts."""
    try:
        parts = urlsplit(endpoint)
        host, port = (parts.hostname or endpoint).lower(), parts.port
    except ValueError:
        return endpoint
    if not endpoint or host.endswith("acrcloud.com"):
        return "acrcloud.com"
    return "acrcloud.cn" if host.endswith("acrcloud.cn") else f"{host}:{port}"


def _within(known: Mapping[str, Environment]) -> Iterator[tuple[Both, Diagnostic]]:
    """Yield what environments of one account could do to one another's buckets."""
    if len(known) == 1:
        return
    seen: dict[tuple[str, JSON], tuple[str, Span]] = {}
    for name, one in known.items():
        for claim, span in _claims(one.trees):
            other, place = seen.setdefault(claim, (name, span))
            if other != name:
                what = f"bucket {claim[1]}" if claim[0] == "id" else f"the bucket {short(str(claim[1]))}"
                detail = f"{short(other)}, at {place}, and {short(name)} are of one account, and both mean {what}."
                yield (other, name), error("E167", detail, fix=_FIX, span=span)
    for name, one in known.items():
        if one.manifest.prune is not Prune.NEVER:
            for other in known:
                if other != name and _is_pruned(one.manifest, known[other].manifest):
                    detail = (
                        f"{short(name)} and {short(other)} are of one account, and `prune: {one.manifest.prune}` of "
                    )
                    detail += f"{short(name)} takes the empty buckets of {short(other)}."
                    fix = "remove `prune` there, or give each of them a stack of its own, `ownership: label` and "
                    fix += "`prune: stack`."
                    yield (name, other), error("E167", detail, fix=fix, span=one.manifest.spans.get("prune"))


def _is_pruned(pruning: Manifest, other: Manifest) -> bool:
    return pruning.prune is Prune.ACCOUNT or (pruning.mark is not None and pruning.mark == other.mark)


def _claims(trees: Sequence[Tree]) -> Iterator[tuple[tuple[str, JSON], Span]]:
    """Yield what each entry would change: buckets by name, or by id."""
    for section in ("buckets", "removed"):
        for entry in entries(trees, section):
            for key in ("name", "was", "id"):
                if key in entry.data:
                    yield ("id" if key == "id" else "name", entry.data[key]), entry.span
