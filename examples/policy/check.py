"""Judge a plan by policies in Rego: `python check.py plan.tf.json POLICY...` exits with 1 if one of them denies it.

Needs `pip install regopy`. conftest and opa read the same files: `conftest test plan.tf.json`.
A policy that cannot be asked exits with 2: no answer is not a yes.
"""

import json
import sys
from pathlib import Path

from regopy import Interpreter


def main(plan: str, *policies: str) -> int:
    """Print the denials of every policy and return the exit code."""
    read = json.loads(Path(plan).read_text(encoding="utf-8"))
    denied: list[str] = []
    for policy in policies:
        rego = Interpreter()
        rego.strict_built_in_errors = True
        rego.add_module(policy, Path(policy).read_text(encoding="utf-8"))
        rego.set_input(read)
        answers = [value for result in rego.query("data.main.deny").results for value in result.expressions]
        if len(answers) != 1 or not isinstance(answers[0], list):
            print(f"{policy}: package main has no set `deny`")  # noqa: T201 - it is a script
            return 2
        denied += map(str, answers[0])
    print("\n".join(f"denied: {message}" for message in denied) or "allowed")  # noqa: T201 - it is a script
    return 1 if denied else 0


if __name__ == "__main__":
    if len(sys.argv) < 3:  # noqa: PLR2004 - the script, a plan and a policy
        sys.exit("usage: python check.py plan.tf.json POLICY...")
    sys.exit(main(*sys.argv[1:]))
