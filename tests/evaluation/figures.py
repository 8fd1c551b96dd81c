"""What `advloss evaluate` wrote, read as strictly as any other program would."""

import json
from pathlib import Path


def figures(path: str = "evaluation.json") -> dict:
    """The JSON document; NaN and Infinity, which JSON does not know, are errors."""

    def refuse(constant: str) -> None:
        raise AssertionError(f"{path} holds {constant}")

    return json.loads(Path(path).read_text(), parse_constant=refuse)
