"""A run's log read again: what the rules say of it, for `advloss doctor`."""

from dataclasses import dataclass
from pathlib import Path

from advloss.core.errors import InputError
from advloss.core.storage.json_lines import entries
from advloss.training.doctor.rules import RULES, found_in
from advloss.training.run.folder import RunFolder


@dataclass(frozen=True)
class Diagnosis:
    """lines: what was found, or that nothing was. notes: about the log itself."""

    lines: list[str]
    notes: list[str]


def diagnosis(folder: Path) -> Diagnosis:
    """What the rules find in the run of that folder. Raises InputError if there is no run, or if it has no log."""
    log = RunFolder(folder).log
    if not log.is_file():
        what = "there is no run" if not folder.is_dir() else "this run has no log.jsonl"
        raise InputError(f"{folder}: {what}; name a run that `advloss train` has begun")
    notes: list[str] = []
    read = [entry for entry in entries(log, notes) if isinstance(entry.get("iteration"), int)]
    if not any("health" in line for line in read):
        return Diagnosis(
            [f"{folder}: this run has no measures of the doctor (train.doctor=false, or an older version trained it)"],
            notes,
        )
    lines = []
    for iteration, finding in found_in(read):
        lines += [f"iteration {iteration}: {finding.rule}: {finding.sentence}", f"  what helps: {finding.remedy}"]
    last = read[-1]["iteration"]
    return Diagnosis(
        lines or [f"{folder}: none of the {len(RULES)} rules finds anything until iteration {last}"], notes
    )
