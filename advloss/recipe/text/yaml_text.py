"""YAML as recipes are written in: plain values, lists and mappings, read within bounds of depth, number and size.

Tags are refused, a date stays the text that was written, a key stands once in its mapping and is plain text. An anchor
can be used again, but not within itself, and what comes of all of them is bounded.
"""

import os
from collections.abc import Callable
from typing import Any

import yaml

from advloss.core.errors import InputError

BYTES_MOST = 2**20
DEPTH_MOST = 32
VALUES_MOST = 30_000
"""A data set of 22,000 classes has their names in its resolved recipe."""
NUMBER_MOST = 100
"""Characters of a number."""
PLAIN = frozenset(f"tag:yaml.org,2002:{kind}" for kind in ("null", "bool", "int", "float", "str", "seq", "map"))
Key = tuple[str, ...]
Seen = Callable[[Key, int], None]


class _Loader(yaml.SafeLoader):
    """PyYAML's loader, which stops at the first node that is too deep, and resolves plain kinds alone."""

    depth = count = 0

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        self.depth, self.count = self.depth + 1, self.count + 1
        if self.depth > DEPTH_MOST or self.count > 2 * VALUES_MOST:  # keys are nodes too
            why = _DEEP if self.depth > DEPTH_MOST else _MANY
            raise yaml.MarkedYAMLError(problem=why, problem_mark=self.peek_event().start_mark)
        node: yaml.Node | None = super().compose_node(parent, index)
        self.depth -= 1
        return node


_DEEP = f"values within values, more than {DEPTH_MOST} deep"
_MANY = f"more than {VALUES_MOST:,} values"
_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in kinds if tag in PLAIN]
    for first, kinds in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def read_yaml(text: str, refused: Callable[[int | None, str], InputError], seen: Seen = lambda key, line: None) -> Any:
    """The text's value: None, bool, int, float, str, list, and dict with keys of str.

    refused: makes the error from a line (from 1; None if no line is to blame) and what is wrong there. seen: called
    with the key of each value of a mapping that lies in no list, and with its line.
    """
    if len(text) > BYTES_MOST:
        raise refused(None, f"more than {BYTES_MOST:,} characters")
    try:
        node = yaml.compose(text, Loader=_Loader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        why = getattr(error, "problem", None) or str(error)
        raise refused(mark.line + 1 if mark else None, " ".join(why.split())) from None
    return None if node is None else _Walk(refused, seen).value(node, (), ())


class _Walk:
    """Makes values of nodes, and counts them."""

    def __init__(self, refused: Callable[[int | None, str], InputError], seen: Seen) -> None:
        self.refused, self.seen, self.count = refused, seen, 0
        self.loader = _Loader("")

    def value(self, node: yaml.Node, key: Key | None, above: tuple[yaml.Node, ...]) -> Any:
        """key: that of the value, None within a list. above: the nodes that it lies in."""
        self.count += 1
        if self.count > VALUES_MOST:
            raise self._wrong(node, _MANY)
        if any(node is one for one in above):
            raise self._wrong(node, "a value that holds itself")
        if len(above) >= DEPTH_MOST:
            raise self._wrong(node, _DEEP)
        if node.tag not in PLAIN:
            raise self._wrong(node, f"the tag {node.tag!r}; write a plain value")
        if isinstance(node, yaml.MappingNode) and node.tag.endswith(":map"):
            return self._mapping(node, key, (*above, node))
        if isinstance(node, yaml.SequenceNode) and node.tag.endswith(":seq"):
            return [self.value(one, None, (*above, node)) for one in node.value]
        return self._scalar(node)

    def _mapping(self, node: yaml.MappingNode, key: Key | None, above: tuple[yaml.Node, ...]) -> dict[str, Any]:
        values: dict[str, Any] = {}
        for name_node, value_node in node.value:
            if not isinstance(name_node, yaml.ScalarNode):
                raise self._wrong(name_node, "a list or a mapping as a key; a key is a word")
            name = self._text(name_node, str(name_node.value))
            if name in values:
                raise self._wrong(name_node, f"'{name}' is written twice")
            inner = None if key is None else (*key, name)
            if inner is not None:
                self.seen(inner, name_node.start_mark.line + 1)
            values[name] = self.value(value_node, inner, above)
        return values

    def _scalar(self, node: yaml.Node) -> Any:
        kind = node.tag.rpartition(":")[2]
        if not isinstance(node, yaml.ScalarNode):
            raise self._wrong(node, f"a list or a mapping is no value of the kind {kind}")
        text = str(node.value)
        if len(text) > NUMBER_MOST and kind in ("int", "float"):
            raise self._wrong(node, f"a number of more than {NUMBER_MOST} characters")
        try:
            value = self.loader.construct_object(node)
        except (yaml.YAMLError, ValueError, KeyError, IndexError, OverflowError):
            raise self._wrong(node, f"{text[:40]!r} is no value of the kind {kind}") from None
        return self._text(node, value) if isinstance(value, str) else value

    def _text(self, node: yaml.Node, text: str) -> str:
        """The text, if it can be a name or a path."""
        try:
            os.fsencode(text)
        except UnicodeEncodeError:
            text = "\0"
        if "\0" in text:
            raise self._wrong(node, "a character that no text has (NUL, or half of a pair)")
        return text

    def _wrong(self, node: yaml.Node, why: str) -> InputError:
        return self.refused(node.start_mark.line + 1, why)
