"""Users of a bucket come from lists with unencrypted secrets: none is printed, written, or kept."""

from __future__ import annotations

import sys

from e2e.commandline import Place
from emulator.api import Api

SECRET = "hush-5e5f0c1d-not-yours"
KINDS = ("base-projects", "bm-cs-projects", "bm-bd-projects", "fs-containers")
MANIFEST = """\
version: 1
stack: radio
ownership: label
account: {uid: 19}
defaults: {region: eu-west-1, type: File}
limits: {deletes: 9}
buckets:
  - {name: station-ids, was: jingles}
  - {name: news, net_type: 2}
  - {name: fresh}
removed: [{name: ads}]
"""


def seed(api: Api) -> None:
    """Let a project and a container with a secret use every bucket."""
    api.reset(rows=[{"id": 7, "name": "jingles"}, {"id": 8, "name": "news"}, {"id": 9, "name": "ads"}])
    for kind in KINDS:
        hidden = {"access_key": f"{SECRET}-key", "access_secret": SECRET, "config": {"token": SECRET}}
        api.control("POST", f"references/{kind}", {"name": f"of {kind}", "buckets": [7, 8, 9], **hidden})


def test_no_secret_of_a_project_is_printed_or_written_by_anything(place: Place, api: Api) -> None:
    seed(api)
    assert SECRET in str(api.get("/base-projects"))
    place.secrets.add(SECRET)
    place.write("acrsync.yaml", MANIFEST)
    outs = ("plan.json", "json:again.json", "markdown:plan.md", "html:plan.html", "gitlab:plan-gitlab.json")
    saving = [word for out in (*outs, "terraform-json:tf.json") for word in ("--out", out)]
    refused = place.acrsync("plan", "--debug", *saving)
    assert (refused.code, set(refused.codes)) == (3, {"E302", "E308"})
    assert "of base-projects" in refused.out
    assert place.acrsync("plan", "--debug", "--format", "json").code == 3
    assert place.acrsync("apply", "--debug", "--yes").code == 3

    approvals = [f"{guard}:{number}" for guard in ("in-use", "replace") for number in (7, 8, 9)]
    allow = [word for approval in approvals for word in ("--allow", approval)]
    assert place.acrsync("plan", "--debug", *allow, *saving).code == 0
    assert place.acrsync("apply", "--debug", "--yes", "--plan", "plan.json").code == 0
    run = sorted((place.folder / ".acrsync" / "runs").glob("*.jsonl"))[-1].stem
    assert place.acrsync("plan", "--debug", "--undo", run, *allow, *saving).code == 0
    assert place.acrsync("export", "--debug", "--out", "export.yaml").code == 0
    assert SECRET not in place.everything_written()
    asked = [request["path"] for request in api.requests() if request["path"].count("/") == 2]
    assert {f"/api/{kind}" for kind in KINDS} <= set(asked)


KEPT = """
import gc, os, sys
from acrsync.acrcloud import Account
from acrsync.client import Client

def reachable(needle):
    gc.collect()
    held = (part for thing in gc.get_objects() for part in gc.get_referents(thing))
    return sum(
        (needle in part if isinstance(part, str) else needle.encode() in part)
        for part in held
        if isinstance(part, (str, bytes, bytearray)) and part is not needle
    )

def look():
    client = Client(os.environ["ACRSYNC_TOKEN"], os.environ["ACRSYNC_ENDPOINT"], debug=print)
    account = Account(client)
    rows = account.observe().rows
    evidence = account.evidence(rows, references=True)
    assert len(evidence.references) == 3
    needle = sys.argv[1][::-1]
    assert reachable(needle) == 0, reachable(needle)
    kept = [needle + "!"]
    assert reachable(needle) == 1, "the search finds what is kept"
    client.close()

look()
"""


def test_no_secret_of_a_project_stays_in_memory(place: Place, api: Api) -> None:
    seed(api)
    done = place.ended(place.begin([sys.executable, "-c", KEPT, SECRET[::-1]]))
    assert done.code == 0, done.err
    assert SECRET not in done.out
