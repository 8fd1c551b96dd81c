"""The report of `advloss evaluate`: a table to read, and JSON with the whole protocol."""

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

from advloss.core.errors import InputError
from advloss.core.storage.files import Inputs, check_result, closed_named, make_folder, write_whole
from advloss.evaluation.comparison import Comparison
from advloss.evaluation.skipped import Skipped


class Report:
    """The report: the comparison, and the pictures that were skipped with the reasons."""

    def __init__(self, comparison: Comparison, skipped: Skipped) -> None:
        self.comparison = comparison
        self.skipped = skipped

    def tables(self) -> list[tuple[list[str], list[list[str]]]]:
        """Header and rows of each table: of the pictures, the last row the means; of all pictures together."""
        made = [(["all pictures", "", "error", "95% interval"], self.together())] if self.comparison.together else []
        return [self.table(), *made] if self.comparison.rows else made

    def table(self) -> tuple[list[str], list[list[str]]]:
        """Header and rows, the last one the means."""
        rows = {**self.comparison.rows, "mean": self.comparison.means}
        header = ["picture", *self.comparison.means]
        return header, [[name, *(_shown(m, value) for m, value in row.items())] for name, row in rows.items()]

    def together(self) -> list[list[str]]:
        """Of each measure of all pictures together: its name, value, standard error and interval, `-` if not known."""
        return [[name, f"{value:.4g}", *self._interval(name)] for name, value in self.comparison.together.items()]

    def _interval(self, name: str) -> list[str]:
        known = self.comparison.intervals.get(name)
        if known is None or not math.isfinite(known["error"]):
            return ["-", "-"]
        return [f"{known['error']:.2g}", f"{known['low']:.4g} to {known['high']:.4g}"]

    def write(self, path: Path, say: Callable[[str], None]) -> None:
        """Writes the JSON document, with null for numbers that are not finite, and says so. InputError if it can't be
        written."""
        content = _finite({**self.comparison.plain(), "skipped": self.skipped.sentences})
        text = json.dumps(content, indent=2, allow_nan=False)
        try:
            make_folder(path.parent)
            write_whole(path, (text + "\n").encode())
        except OSError as error:
            raise InputError(f"{path}: can't be written ({error.strerror or error})") from None
        say(f"{path}: the figures, with all that they depend on")

    def check(self) -> None:
        """Raises InputError with the names of the skipped pictures, if there are any."""
        self.skipped.check()


def check_out(out: Path, inputs: Inputs) -> None:
    """Raises InputError if a report can't be written there, or would replace an input or a file that is no report."""
    check_result(out, inputs)
    with closed_named():
        if not out.exists():
            return
        with out.open("rb") as file:
            if file.read(1) not in (b"", b"{"):
                raise InputError(f"--out {out}: is there, and no report of figures (JSON); name another file")


def _shown(measure: str, value: float) -> str:
    """`28.42` dB, `inf` dB of equal pictures, `0.8104`; `-` for what has no value."""
    if "psnr" in measure:
        return f"{value:.4g}"
    return f"{value:.4f}" if math.isfinite(value) else "-"


def _finite(content: Any) -> Any:
    """`content` with None for each float that is not finite, since JSON has no such numbers."""
    if isinstance(content, dict):
        return {key: _finite(value) for key, value in content.items()}
    if isinstance(content, list | tuple):
        return [_finite(value) for value in content]
    return None if isinstance(content, float) and not math.isfinite(content) else content
