"""Which tensors of a method are partners: those that are made from the same item of a source."""

from advloss.methods.base import Method


def drawn_together(method: type[Method], x: str, y: str) -> bool | None:
    """Whether item i of two tensors comes from the same item of a source; None if the method does not say it."""
    sources = [method.follows.get(name) for name in (x, y)]
    if None in sources:
        return None
    first, second = ({each} if isinstance(each, str) else {*(each or ())} for each in sources)
    return not first.isdisjoint(second)


def why_no_partners(method: type[Method], x: str, y: str) -> str | None:
    """Why two tensors can't be compared image by image, as a sentence, if they are no partners; else None."""
    if drawn_together(method, x, y) is not False:
        return None
    first, second = (method.follows[name] for name in (x, y))
    others = [name for name in method.follows if name not in (x, y) and drawn_together(method, x, name)]
    instead = f"; compare {x} with one of {', '.join(others)}" if others else ""
    return (
        f"{x} follows from '{first}' and {y} from '{second}', which are drawn apart: image i of one is no partner of "
        f"image i of the other, so to compare or to join them means nothing{instead}"
    )
