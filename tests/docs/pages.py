"""What the pages show: commands, Python, options; and the folder in which everything that README names is there."""

import re
import shlex
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
README = ROOT / "README.md"
PAGES = [README, *sorted((ROOT / "docs").glob("*.md"))]
"""Not the changelog, which names what is no more."""
SHOWN = re.compile(r"```bash\n(?P<block>.*?)```|```.*?```|`(?P<span>[^`]+)`", flags=re.DOTALL)
PROGRAMS = ("advloss", "torchrun", "python", "python3", "pip", "pytest")
SETTING = re.compile(r"^[A-Z_]+=\S*$")
OVERRIDE = re.compile(r"^[a-z_]+(\.[a-z_]+)+=.+$", flags=re.DOTALL)


def text_of(page: Path) -> str:
    """The page, without README's table of benchmarks, which `tools/benchmark.py table` writes."""
    return re.sub(r"<!-- benchmarks -->.*<!-- /benchmarks -->", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)


def sections(page: Path) -> dict[str, str]:
    """The text by the headings; what stands before the first one under ``."""
    first, *others = re.split(r"^## (.*)\n", text_of(page), flags=re.MULTILINE)
    return {"": first, **dict(zip(others[::2], others[1::2], strict=True))}


def shown(text: str) -> list[list[str]]:
    """The words of each line of a bash block and of each code span, in their order; `&&` joins two lines."""
    lines: list[list[str]] = []
    for found in SHOWN.finditer(text):
        spans = [found["span"]] if found["span"] else []
        for line in found["block"].splitlines() if found["block"] else spans:
            for part in line.split("&&"):
                try:
                    lines.append(shlex.split(part, comments=bool(found["block"])))
                except ValueError:  # a code span with one quotation mark
                    continue
    return [line for line in lines if line]


def commands(text: str) -> list[list[str]]:
    """The lines that run a program, without the folder that it lies in."""
    named = [[Path(line[0]).name, *line[1:]] if "/bin/" in line[0] else line for line in shown(text)]
    return [line for line in named if _program(line) in PROGRAMS or line[0].startswith("tools/")]


def overrides(text: str) -> list[list[str]]:
    """The lines that are nothing but `key=value` of a recipe."""
    return [line for line in shown(text) if all(OVERRIDE.match(word) for word in line)]


def _program(line: list[str]) -> str:
    return next((word for word in line if not SETTING.match(word)), "")
