"""Checks that environments of one account do not change each other's buckets."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from urllib.parse import urlsplit

from acrsync.diagnostics import Diagnostic, Span, error
from acrsync.manifest.outline import Plain, environments
from acrsync.manifest.problems import short
from acrsync.manifest.rules import entries
from acrsync.manifest.spots import merged
from acrsync.manifest.tree import PlacedMapping, Tree
from acrsync.model import JSON, Manifest, Prune

Both = tuple[str, str]
Account = tuple[str, str, str]
_FIX = "give one of them another account or other names, for example with a prefix from `variables`."


def related(trees: Sequence[Tree], environment: str) -> Sequence[str]:
    """Return the other environments that may have the same account, according to the files."""
    top = {key: value for tree in reversed(trees) for key, value in tree.data.items()}
    accounts = _accounts(
        {
            name: {**top, **(own if isinstance(own, PlacedMapping) else {})}
            for name, (_, own) in environments(trees).items()
        }
    )
    return tuple(name for name in accounts if name != environment and accounts[name] == accounts[environment])


def overlaps(environments: Mapping[str, Plain]) -> Iterator[tuple[Both, Diagnostic]]:
    """Yield an error for each two environments of one account that change the same bucket.

    Environments with other errors are not checked.
    """
    known = {name: (one.manifest, one.trees) for name, one in environments.items() if one.manifest is not None}
    accounts = _accounts(
        {
            name: {
                "account": {"uid": manifest.account_uid},
                "endpoint": manifest.endpoint,
                "token_env": manifest.token_env,
            }
            for name, (manifest, _) in known.items()
        }
    )
    of_account: defaultdict[Account, list[str]] = defaultdict(list)
    for name, account in accounts.items():
        of_account[account].append(name)
    found: dict[Both, Diagnostic] = {}
    for names in of_account.values():
        for both, problem in _within({name: known[name] for name in names}):
            found.setdefault(both, problem)
    return ((both, next(merged([problem]))) for both, problem in found.items())


def _accounts(settings: Mapping[str, Mapping[str, JSON]]) -> Mapping[str, Account]:
    """Return the identity of each environment's account: its uid, else its token."""
    by_token: dict[tuple[str, str], str] = {}
    uids: dict[str, str | None] = {}
    tokens: dict[str, tuple[str, str]] = {}
    for name, one in settings.items():
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
    """Return the deployment of an endpoint: the same uid in two deployments is two accounts."""
    try:
        parts = urlsplit(endpoint)
        host, port = (parts.hostname or endpoint).lower(), parts.port
    except ValueError:
        return endpoint
    if not endpoint or host.endswith("acrcloud.com"):
        return "acrcloud.com"
    return "acrcloud.cn" if host.endswith("acrcloud.cn") else f"{host}:{port}"


def _within(known: Mapping[str, tuple[Manifest, Sequence[Tree]]]) -> Iterator[tuple[Both, Diagnostic]]:
    """Yield the errors between environments of one account."""
    if len(known) == 1:
        return
    seen: dict[tuple[str, JSON], tuple[str, Span]] = {}
    for name, (_, trees) in known.items():
        for claim, span in _claims(trees):
            other, place = seen.setdefault(claim, (name, span))
            if other != name:
                what = f"bucket {claim[1]}" if claim[0] == "id" else f"the bucket {short(str(claim[1]))}"
                detail = f"{short(other)} (at {place}) and {short(name)} have the same account, and both have {what}."
                yield (other, name), error("E167", detail, fix=_FIX, span=span)
    for name, (manifest, _) in known.items():
        for other, (of_other, _) in known.items():
            if other != name and _prunes(manifest, of_other):
                detail = f"{short(name)} and {short(other)} have the same account, and `prune: {manifest.prune}` of "
                detail += f"{short(name)} deletes the empty buckets of {short(other)}."
                fix = "remove `prune` there; or give each of them its own stack, `ownership: label` and `prune: stack`."
                yield (name, other), error("E167", detail, fix=fix, span=manifest.spans.get("prune"))


def _prunes(manifest: Manifest, other: Manifest) -> bool:
    """Return whether a manifest prunes the buckets of another one."""
    if manifest.prune is Prune.STACK:
        return manifest.mark is not None and manifest.mark == other.mark
    return manifest.prune is Prune.ACCOUNT


def _claims(trees: Sequence[Tree]) -> Iterator[tuple[tuple[str, JSON], Span]]:
    """Yield the name and the id of each bucket that an entry changes."""
    for section in ("buckets", "removed"):
        for entry in entries(trees, section):
            for key in ("name", "was", "id"):
                if key in entry.data:
                    yield ("id" if key == "id" else "name", entry.data[key]), entry.span
