"""What people meet on their way, character by character; only digests, which say nothing to a reader, are left out."""

from __future__ import annotations

import re
import shlex
import subprocess
from pathlib import Path

import pytest

from e2e.commandline import DEADLINE_S, Place

GOLDEN = Path(__file__).parents[1] / "golden" / "cli"
EMULATOR = {"ACRSYNC_ENDPOINT": "emulator:"}

MISTAKES = """\
version: 1
bukets:
  - name: a
defaults: {region: eu-west-1}
buckets:
  - {name: music, type: Fiel, labels: null}
  - {name: Music, type: File, net_type: yes}
  - {name: "news ", type: File, metadata_template: {year: {default: 1999}}}
"""
REFUSED = """\
version: 1
defaults: {region: eu-west-1, type: File}
buckets:
  - {name: test, type: Live, region: us-west-2}
  - {name: Offline-Bucket}
  - {name: music, labels: [Radio], type: LiveRec}
removed: [{name: us_bucket}, {name: eu_shared_bucket}]
allow: [{guard: replace, id: 4711, reason: long ago}]
"""
IN_PLACE = """\
version: 1
stack: radio
ownership: label
buckets:
  - {name: eu_shared_bucket, id: 12310, region: eu-west-1, type: LiveRec}
  - {name: eu_shared_bucket2, id: 12309, region: eu-west-1, type: LiveRec}
  - {name: test, region: eu-west-1, type: Live, protect: true, labels: []}
"""
GONE = """\
version: 1
stack: radio
ownership: label
removed: [{name: test}]
"""

TRANSCRIPTS: dict[str, tuple[dict[str, str], dict[str, str], list[str]]] = {
    "first-day": (
        {},
        {},
        [
            "plan",
            "validate",
            "export",
            "export --endpoint nonsense",
            "plna",
            "plan --detailed",
            "apply --expect sha256:0",
        ],
    ),
    "mistakes": ({"acrsync.yaml": MISTAKES}, EMULATOR, ["validate", "plan", "apply"]),
    "refused": ({"acrsync.yaml": REFUSED}, EMULATOR, ["plan", "apply --yes", "plan --max-deletes 9 --prune"]),
    "a-swap-and-protection": (
        {"acrsync.yaml": IN_PLACE, "gone.yaml": GONE},
        EMULATOR,
        ["apply --yes --parallelism 1", "plan", "apply --yes gone.yaml", "export --out acrsync.yaml"],
    ),
    "saved-plans": (
        {"acrsync.yaml": IN_PLACE},
        EMULATOR,
        [
            "plan --out plan.json",
            "apply --plan plan.json --yes --expect sha256:0",
            "apply --plan plan.json --yes --endpoint emulator::memory:",
            "apply --plan acrsync.yaml --yes",
            "apply --plan missing.json --yes",
        ],
    ),
}


@pytest.mark.parametrize("name", TRANSCRIPTS)
def test_the_transcript_is_as_it_was_reviewed(bare: Place, golden, name):
    files, environment, lines = TRANSCRIPTS[name]
    for file, text in files.items():
        bare.write(file, text)
    printed = []
    for line in lines:
        done = bare.start(*shlex.split(line), environment=environment, stderr=subprocess.STDOUT)
        out, _ = done.communicate(timeout=DEADLINE_S)
        assert "Traceback" not in out
        printed.append(f"$ acrsync {line}\n{out.rstrip()}\n[exit code {done.returncode}]\n")
    golden(GOLDEN / f"{name}.txt", re.sub(r"sha256:[0-9a-f]{64}", "sha256:...", "\n".join(printed)))
