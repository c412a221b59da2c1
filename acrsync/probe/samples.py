"""The values that trials send, and that deciders look for in what is read back."""

from __future__ import annotations

import json

from acrsync.probe.forms import SAMPLES

LABELS = ["c", "a", "b"]  # neither sorted nor reversed; one letter each, which no limit of length can cut
MANY_LABELS = "0123456789abcdefghijklmnopqrstuvwxyz"
LONG_LABEL = 600
TEMPLATE = '{"b":  1, "a": "\u00e9"}'  # key order, spaces and a letter that every way to format it again would change
FORMED = json.dumps({"z": SAMPLES[0], "y": SAMPLES[1], "x": SAMPLES[2]}, ensure_ascii=False)
NOT_JSON = f" {{acrsync {' '.join(SAMPLES)} "  # with space around it: some servers trim
LENGTHS = (255, 256, 191, 192, 128, 129, 100, 101, 64, 65, 50, 51)  # limits of common columns, and one more than each
LONGEST_NAME = 1000
