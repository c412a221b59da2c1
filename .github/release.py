"""Print what pins a release: the locked packages and the wheel itself, each with hashes, for `pip --require-hashes`.

`python .github/release.py dist/acrsync-1.2.3-py3-none-any.whl > acrsync-1.2.3.txt`
"""

import hashlib
import sys
from pathlib import Path

LOCK = Path(__file__).parents[1] / "requirements.lock"


def main(wheel: Path) -> None:
    """Print the file; what builds acrsync stays in it, and does no harm."""
    name, version, *_ = wheel.name.split("-")
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    print(f"# {name} {version} and everything that it needs; for `pip install --require-hashes --requirement`")  # noqa: T201
    print(f"{name}=={version} --hash=sha256:{digest}")  # noqa: T201 - it is a script
    print(LOCK.read_text(encoding="utf-8"), end="")  # noqa: T201


if __name__ == "__main__":
    main(Path(sys.argv[1]))
