"""A recipe's values as one mapping, for comparing two of them."""


def flat(values: object, key: str = "") -> dict[str, object]:
    """The values by their whole keys, `losses.l1.weight`. Steps are one value, since their order counts."""
    if not isinstance(values, dict):
        return {key: values}
    if key == "train.steps":
        return {key: ", ".join(f"{name} {count}" for name, count in values.items())}
    found: dict[str, object] = {}
    for name, value in values.items():
        found |= flat(value, f"{key}.{name}" if key else str(name))
    return found
