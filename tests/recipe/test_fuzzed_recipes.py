"""Recipes with 1,000 mistakes from a fixed seed: each is a checked recipe, or sentences that name places."""

import copy
import random
import time
from collections.abc import Callable

from advloss.core.errors import InputError
from advloss.recipe.resolve import resolve
from advloss.recipe.text.source import Source, known_recipes, parse, read

ODD = [
    "null", "~", "", "{}", "[]", "[[]]", "[null]", "{a: b}", "[{a: b}]", "-1", "0", "1e400", ".nan", "-.inf", "true",
    "no", "1_0", "12:30", "010", "2026-01-01", "'", '"', "[", "}", "!!int x", "&a *a", "*x", "text", "\u00e9", "1" * 90,
    "[fake_b]", "[b, b, b]", "[fake_b, {a: 1}]", "{name: unet}", "{name: {name: x}}", "{from: 1, to: 0, over: 5}",
    "{0: 1, 5: x}", "{loss: l1}", "adversarial", "cyclegan", "tokenizer", "/", "a" * 5000, "\\0",
    "{a: {b: {c: {d: e}}}}",
]  # fmt: skip


def _result(make: Callable[[], Source], shown: str) -> bool:
    """Whether a recipe came out. What was refused was refused in time and in words."""
    began = time.process_time()
    try:
        resolve(make()).plain()
        return True
    except InputError as error:
        said = str(error)
        assert said and "Traceback" not in said and all(len(line) < 6000 for line in said.splitlines()), shown
    except Exception as error:
        raise AssertionError(f"{type(error).__name__}: {error}: {shown}") from error
    finally:
        assert time.process_time() - began < 5, shown
    return False


def _changed(lines: list[str], chosen: random.Random) -> None:
    place = chosen.randrange(len(lines))
    line = lines[place]
    match chosen.randrange(8):
        case 0 | 1:
            lines[place] = f"{line.partition(':')[0]}: {chosen.choice(ODD)}"
        case 2:
            del lines[place]
        case 3:
            lines.insert(chosen.randrange(len(lines)), line)
        case 4:
            lines[place] = chosen.choice(["  ", " ", "\t", "- ", "? ", "# "]) + line
        case 5:
            at = chosen.randrange(len(line) + 1)
            lines[place] = (
                line[:at] + chosen.choice([":", "{", "]", ",", "&", "!", "x", "\x00", "\n", "#", '"']) + line[at:]
            )
        case 6:
            words = line.split(" ")
            words[chosen.randrange(len(words))] = chosen.choice(ODD)
            lines[place] = " ".join(words)
        case 7:
            other = chosen.randrange(len(lines))
            lines[place], lines[other] = lines[other], line


def test_texts_with_mistakes() -> None:
    chosen, texts = random.Random(15), [path.read_text() for path in known_recipes().values()]
    count, made = 700, 0
    for _ in range(count):
        lines = chosen.choice(texts).splitlines()
        for _ in range(chosen.choice([1, 1, 2, 5])):
            if lines:
                _changed(lines, chosen)
        text = "\n".join(lines)
        made += _result(lambda text=text: parse(text, "mine.yaml"), text)
    assert count // 20 < made < count * 3 // 4


def test_words_of_the_command_line_with_mistakes() -> None:
    chosen, names = random.Random(16), sorted(known_recipes())
    recipes = {name: read(name) for name in names}
    count, made = 500, 0
    for _ in range(count):
        name = chosen.choice(names)
        keys = [".".join(key) for key in recipes[name].origins]
        key = chosen.choice(
            [*keys, "data.a", "data.val", "data.channels", "train.average", "initial", "samples", "seed"]
        )
        key = chosen.choice([key, key, key, f"{key}.x", f"{key}.0", f"{key}.", f".{key}", key.upper()])
        override = f"{key}={chosen.choice(ODD)}"
        made += _result(lambda name=name, override=override: _overridden(recipes[name], override), f"{name} {override}")
    assert count // 100 < made < count * 3 // 4


def _overridden(recipe: Source, override: str) -> Source:
    source = copy.deepcopy(recipe)
    source.override(override)
    return source
