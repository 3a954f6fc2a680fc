"""JSON as it is compared, and JSON as it is written into files."""

import json
from typing import Any

COLUMNS = 120
"""Lists and objects are written in one line as long as they fit into so many columns."""


def canonical(value: object) -> str:
    """The form in which answers are compared: fields in the order of their names, no white space."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def in_order(value: Any) -> Any:
    """The value with all fields in the order of their names."""
    return json.loads(canonical(value))


def in_lines(value: Any, indent: int, column: int) -> str:
    """The layout of blessed files: a list or object in one line as long as it fits."""
    line = in_one_line(value)
    if column + len(line) < COLUMNS or not isinstance(value, (dict, list)):
        return line
    blank = " " * (indent + 2)
    if isinstance(value, dict):
        names = [f"{in_one_line(name)}: " for name in value]
        values, (start, end) = list(value.values()), "{}"
    else:
        names, values, (start, end) = [""] * len(value), value, "[]"
    parts = [
        f"{blank}{name}{in_lines(item, indent + 2, indent + 2 + len(name))}"
        for name, item in zip(names, values)
    ]
    return f"{start}\n" + ",\n".join(parts) + f"\n{' ' * indent}{end}"


def in_one_line(value: Any) -> str:
    if isinstance(value, dict):
        fields = ", ".join(f"{in_one_line(name)}: {in_one_line(v)}" for name, v in value.items())
        return f"{{ {fields} }}" if fields else "{}"
    if isinstance(value, list):
        return f"[{', '.join(map(in_one_line, value))}]"
    return json.dumps(value, ensure_ascii=False)
