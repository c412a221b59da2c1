"""Judge a plan by policies in Rego: `python check.py plan.tf.json POLICY...` exits with 1 where one of them says no.

Needs `pip install regopy`. Where conftest or opa is at hand, they read the same files: `conftest test plan.tf.json`.
"""

import json
import sys
from pathlib import Path

from regopy import Interpreter


def main(plan: str, *policies: str) -> int:
    """Print what the policies have against the plan and return the exit code."""
    rego = Interpreter()
    for policy in policies:
        rego.add_module(policy, Path(policy).read_text(encoding="utf-8"))
    rego.set_input(json.loads(Path(plan).read_text(encoding="utf-8")))
    [denied] = rego.query("data.main.deny").results[0].expressions
    print("\n".join(f"denied: {message}" for message in denied) or "allowed")  # noqa: T201 - it is a script
    return 1 if denied else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
