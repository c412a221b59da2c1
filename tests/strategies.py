"""Generated manifests and accounts that are legal by themselves; together they may ask for anything."""

from __future__ import annotations

from hypothesis import strategies as st

from acrsync.bucket import canonical
from acrsync.model import Approval, Desired, Limit, Manifest, Prune, Removed
from doubles import MemoryAccount

NAMES = ["ads", "archive", "jingles", "live-eu", "live-us", "music", "news", "talk"]
REGIONS = ["eu-west-1", "us-west-2", "ap-southeast-1"]
TYPES = ["File", "Live", "LiveRec", "LiveTimeshift"]
labels = st.lists(st.sampled_from(["Music", "TV", "Radio", "Ünïcode"]), unique=True, max_size=3)
descriptors = st.fixed_dictionaries(
    {"type": st.sampled_from(["text"])}, optional={"default": st.sampled_from(["", "a", "334", 'q"uote'])}
)
templates = st.none() | st.dictionaries(st.sampled_from(["artist", "album", "title"]), descriptors, min_size=1)


@st.composite
def desired_buckets(draw, names=st.sampled_from(NAMES), *, regions=st.sampled_from(REGIONS)):
    attrs = {"name": draw(names), "region": draw(regions), "type": draw(st.sampled_from(TYPES))}
    if draw(st.booleans()):
        attrs["net_type"] = draw(st.sampled_from([0, 1, 2]))
    if draw(st.booleans()):
        attrs["labels"] = draw(labels)
    if draw(st.booleans()):
        attrs["metadata_template"] = draw(templates)
    return Desired(canonical(attrs))


@st.composite
def accounts(draw, *, max_files=2, foreign=False, reshape=True):
    account = MemoryAccount()
    for name in draw(st.lists(st.sampled_from(NAMES), unique=True)):
        desired = draw(desired_buckets(st.just(name)))
        body = dict(desired.attrs)
        template = body.get("metadata_template")
        if template is not None:
            import json

            body["metadata_template"] = json.dumps(template)
        account.seed(**body, num=draw(st.integers(0, max_files)))
    if reshape:
        account.reshape = draw(st.randoms(use_true_random=False))
    return account


@st.composite
def manifests(draw, *, approve_all=True, prune=st.sampled_from(list(Prune)), ownership=st.booleans()):
    desired = draw(st.lists(desired_buckets(), unique_by=lambda entry: entry.name))
    names = {entry.name for entry in desired}
    removed = draw(st.lists(st.sampled_from(NAMES), unique=True, max_size=2))
    owned = draw(ownership)
    policy = draw(prune)
    if policy is Prune.STACK and not owned:
        policy = Prune.NEVER
    approvals = (
        [Approval(guard, number) for number in range(20000, 20008) for guard in ("replace", "rename-like", "in-use")]
        if approve_all
        else []
    )
    return Manifest(
        desired=tuple(desired),
        removed=tuple(Removed(name) for name in removed if name not in names),
        approvals=tuple(approvals),
        stack="radio" if owned else None,
        ownership=owned,
        prune=policy,
        deletes_limit=Limit(100),
    )
