"""Pieces of Python source: docstrings, imports, names and literals, in lines of at most `WIDTH`."""

import json
import re
import textwrap
from typing import Any

WIDTH = 100


def plain_docs(text: str) -> str:
    """Docs without the links and examples of Rust."""
    text = re.sub(r"\n*```.*?```", "", text, flags=re.DOTALL)
    if text.startswith("Text: "):
        text = text[6].upper() + text[7:] + "."
    text = re.sub(r"\[`([^`]+)`\]\([^)]*\)", r"`\1`", text)
    text = re.sub(r"\[`([^`]+)`\]", r"`\1`", text)
    return re.sub(r"`([^`]*)::([^`]*)`", r"`\1.\2`", text)


def docstring(text: str, indent: str) -> list[str]:
    """A docstring: one line, or a summary and the rest, wrapped anew."""
    paragraphs = [" ".join(paragraph.split()) for paragraph in plain_docs(text).split("\n\n")]
    if len(paragraphs) == 1 and len(paragraphs[0]) + len(indent) + 6 <= WIDTH:
        return [f'{indent}"""{paragraphs[0]}"""']
    summary, end, rest = paragraphs[0].partition(". ")
    if end and len(summary) + len(indent) + 4 <= WIDTH:
        paragraphs[:1] = [f"{summary}.", rest]
    lines: list[str] = []
    for number, paragraph in enumerate(paragraphs):
        start = '"""' if number == 0 else ""
        wrapped = textwrap.wrap(start + paragraph, WIDTH - len(indent), break_long_words=False)
        lines += ([""] if number else []) + [indent + line for line in wrapped]
    return [*lines, f'{indent}"""']


def choice_docs(read: dict[str, Any]) -> list[str]:
    """The docs of a choice, with one line for every name."""
    lines = docstring(read["description"], "")
    named = [variant for variant in read["oneOf"] if "const" in variant]
    if all(variant["description"] == f"{pascal(variant['const'])}." for variant in named):
        return lines
    if len(lines) == 1:
        lines = [lines[0].removesuffix('"""')]
    else:
        lines.pop()
    lines.append("")
    for variant in named:
        text = f"- `{variant['const']}`: {' '.join(plain_docs(variant['description']).split())}"
        lines += textwrap.wrap(text, WIDTH, subsequent_indent="  ")
    return [*lines, '"""']


def lines_of(lines: list[str]) -> str:
    return "\n".join(lines)


def pascal(name: str) -> str:
    return "".join(part.capitalize() for part in name.split("_"))


def literal(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False) if isinstance(value, str) else repr(value)


def assign(name: str, kind: str, values: str) -> str:
    text = f"{name} = {kind}[{values}]"
    if len(text) <= WIDTH:
        return text
    listed = "".join(f"    {value},\n" for value in values.split(", "))
    return f"{name} = {kind}[\n{listed}]"


def from_import(module: str, names: set[str]) -> str:
    if not names:
        return ""
    text = f"from {module} import {', '.join(in_import_order(names))}"
    if len(text) <= WIDTH:
        return text
    listed = "".join(f"    {name},\n" for name in in_import_order(names))
    return f"from {module} import (\n{listed})"


def in_import_order(names: set[str]) -> list[str]:
    """Constants, then classes, then functions, each by name without regard to case."""
    return sorted(names, key=lambda name: (not name.isupper(), name[0].islower(), name.lower()))


def in_export_order(names: set[str]) -> list[str]:
    """Constants, then all others, each by name."""
    return sorted(names, key=lambda name: (not name.isupper(), name))


def in_sequence(parts: list[str]) -> str:
    """The parts of a module: two blank lines around classes, one between all others."""
    body = parts[0]
    for before, part in zip(parts, parts[1:]):
        apart = any(piece.startswith("class ") for piece in (before, part))
        body += ("\n\n" if apart else "\n") + part
    return body
