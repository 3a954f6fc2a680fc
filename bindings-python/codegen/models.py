"""Writes `rewards.models` and the list `rewards.operations` from the core's JSON Schema.

    python codegen/models.py            writes them
    python codegen/models.py --check    fails if what is there differs

The schema is the output of the core's example `schemas`; give it with `--schema FILE` to save
running cargo. What is the same for all models (the base class, the types of amounts and times) is
written manually in `base.py` and `scalars.py`. The rules of the emitter:

- A definition becomes a class, a `Literal` or a named annotation, in the module of the first root
  that reaches it.
- A choice is externally tagged: a variant without data is a name, one with data a model with a
  single field, called after variant and choice (`percent` of `Effect` is `PercentEffect`).
- What the core leaves out when it is empty is left out; what it always writes is written.
- Docs are the core's own.
"""

import argparse
import json
import keyword
import re
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Optional, cast

from core_examples import printed_by
from layout import (
    BASE,
    BY_HAND,
    CODES,
    DATA_NAMES,
    FORMATS,
    HEADER,
    METHODS,
    MODULES,
    OPERATIONS,
    RANGES,
    SCALARS,
    TYPING,
)
from text import (
    WIDTH,
    assign,
    choice_docs,
    docstring,
    from_import,
    in_export_order,
    in_sequence,
    lines_of,
    literal,
    pascal,
)

PACKAGE = Path(__file__).parent.parent / "python" / "rewards"


@dataclass
class Module:
    """A module as it is being written."""

    name: str
    docs: str
    parts: list[str] = field(default_factory=lambda: [])
    uses: set[str] = field(default_factory=lambda: set())
    defines: list[str] = field(default_factory=lambda: [])


class Emitter:
    """Turns definitions into modules."""

    def __init__(self, schema: dict[str, Any]) -> None:
        self.read: dict[str, Any] = schema["$defs"]
        self.written: dict[str, Any] = schema["written"]
        self.operations: list[dict[str, Any]] = schema["operations"]
        self.codes: list[dict[str, Any]] = schema["codes"]
        self.home: dict[str, str] = {}
        self.open: set[str] = set()
        self.modules: list[Module] = []

    def files(self) -> dict[str, str]:
        for name, (docs, roots) in MODULES.items():
            module = Module(name, docs)
            self.modules.append(module)
            for root in roots:
                self.define(root, module)
        left = [name for name in self.read if name not in self.home and name not in BY_HAND]
        if left:
            raise SystemExit(f"no module for {left}: add a root to MODULES")
        files = {f"models/{module.name}.py": self.module_text(module) for module in self.modules}
        files["models/__init__.py"] = self.index_text()
        files["operations.py"] = self.operations_text()
        return files

    # Definitions

    def define(self, name: str, module: Module) -> None:
        """Writes a definition after all that it refers to."""
        if name in self.home or name in BY_HAND or name in self.open:
            return
        self.open.add(name)
        read, written = self.read[name], self.written[name]
        for other in references(read):
            self.define(other, module)
        self.open.discard(name)
        if "oneOf" in read:
            self.choice(name, read, written, module)
        elif read.get("type") == "object":
            self.model(name, read, written, module)
        else:
            self.alias(name, read, module)

    def enter(self, name: str, module: Module, text: str) -> None:
        if name in self.home:
            raise SystemExit(f"`{name}` is defined twice: give one of them a name in DATA_NAMES")
        self.home[name] = module.name
        module.defines.append(name)
        module.parts.append(text)

    def model(
        self, name: str, read: dict[str, Any], written: dict[str, Any], module: Module
    ) -> None:
        if read.get("additionalProperties") is not False:
            raise SystemExit(f"`{name}` accepts unknown fields")
        module.uses.add("Model")
        lines = [f"class {name}(Model):", *docstring(read["description"], "    ")]
        for key in in_order(read):
            always = key in written.get("required", [])
            lines += ["", *self.field(key, read, always, module)]
        text = "\n".join(lines) + "\n"
        if name in METHODS:
            text += METHODS[name]
            module.uses |= {"Union", "Decimal", "to_decimal", "amount_text"}
        self.enter(name, module, text)

    def field(self, key: str, owner: dict[str, Any], always: bool, module: Module) -> list[str]:
        schema = owner["properties"][key]
        required = key in owner.get("required", [])
        kind, nullable = self.type_of(schema, module)
        default: Optional[str] = None
        if not required:
            kind, default = self.optional(schema, kind, nullable, always, module)
        elif nullable:
            module.uses.add("Optional")
            kind = f"Optional[{kind}]"
        name = key
        value = "" if default is None else f" = {default}"
        if keyword.iskeyword(key):
            module.uses.add("Field")
            name = f"{key}_"
            given = "" if default is None else f"default={default}, "
            given += f'validation_alias="{key}", serialization_alias="{key}"'
            value = f" = Field({given})"
            if len(f"    {name}: {kind}{value}") > WIDTH:
                value = f" = Field(\n        {given}\n    )"
        docs = docstring(schema["description"], "    ") if "description" in schema else []
        return [f"    {name}: {kind}{value}", *docs]

    def optional(
        self, schema: dict[str, Any], kind: str, nullable: bool, always: bool, module: Module
    ) -> tuple[str, str]:
        """The type and default of a field that may be absent."""
        if nullable:
            wrapper = "Optional" if always else "Maybe"
            module.uses.add(wrapper)
            return f"{wrapper}[{kind}]", "None"
        if "default" in schema:
            return kind, self.default(schema["default"], kind)
        if always:
            raise SystemExit(f"a field that is always written has no default: {schema}")
        for plain, wrapper, empty in (
            ("list", "ListOf", "[]"),
            ("SortedSet", "SetOf", "set()"),
            ("SortedDict", "DictOf", "{}"),
        ):
            if kind.startswith(f"{plain}["):
                module.uses.add(wrapper)
                return wrapper + kind.removeprefix(plain), empty
        module.uses.add("Blank")
        empty = {"StrictBool": "False", "UInt32": "0", "Int32": "0"}.get(kind, f"{kind}()")
        return f"Blank[{kind}]", empty

    @staticmethod
    def default(value: Any, kind: str) -> str:
        if isinstance(value, dict):
            fields = (f"{name}={literal(given)}" for name, given in value.items())
            return f"{kind}({', '.join(fields)})"
        return literal(value)

    def choice(
        self, name: str, read: dict[str, Any], written: dict[str, Any], module: Module
    ) -> None:
        names = [variant for variant in read["oneOf"] if "const" in variant]
        if len(names) == len(read["oneOf"]):
            module.uses.add("Literal")
            values = ", ".join(literal(variant["const"]) for variant in names)
            self.enter(
                name, module, f"{assign(name, 'Literal', values)}\n{lines_of(choice_docs(read))}\n"
            )
            return
        members: list[str] = []
        recursive: list[str] = []
        if names:
            module.uses.add("Literal")
            members.append(
                "Literal[" + ", ".join(literal(variant["const"]) for variant in names) + "]"
            )
        for variant, variant_written in zip(read["oneOf"], written["oneOf"]):
            if "const" not in variant:
                members.append(self.variant(name, variant, variant_written, module))
                if name in references(variant):
                    recursive.append(members[-1])
        module.uses |= {"Annotated", "Union", "Tagged"}
        if len(members) == 1:
            raise SystemExit(f"`{name}` is no choice")
        union = f"Union[{', '.join(members)}]"
        text = f"{name} = Annotated[{union}, Tagged()]"
        if len(text) > WIDTH:
            listed = "".join(f"        {member},\n" for member in members)
            text = f"{name} = Annotated[\n    Union[\n{listed}    ],\n    Tagged(),\n]"
        text += "\n" + lines_of(choice_docs(read)) + "\n"
        for member in recursive:
            text += f"\n{member}.model_rebuild()"
        self.enter(name, module, text.rstrip("\n") + "\n")

    def variant(
        self, choice: str, read: dict[str, Any], written: dict[str, Any], module: Module
    ) -> str:
        """Writes the model of a variant with data; its single field is the variant's name."""
        (key,) = read["properties"]
        inner = read["properties"][key]
        if inner.get("type") == "object" and inner.get("additionalProperties") is False:
            data = DATA_NAMES.get((choice, key), pascal(key))
            described = {"description": read["description"], **inner}
            self.model(data, described, written["properties"][key], module)
            kind = data
        else:
            kind, _ = self.type_of(inner, module, quoted=choice)
        module.uses.add("Model")
        name = pascal(key) + choice
        lines = [
            f"class {name}(Model):",
            *docstring(read["description"], "    "),
            "",
            f"    {key}: {kind}",
        ]
        self.enter(name, module, "\n".join(lines) + "\n")
        return name

    def alias(self, name: str, read: dict[str, Any], module: Module) -> None:
        kind, _ = self.type_of(read, module)
        if read.get("type") == "string":
            module.uses |= {"Annotated", "StringConstraints"}
            limits = {
                "min_length": read.get("minLength"),
                "max_length": read.get("maxLength"),
                "pattern": read.get("pattern"),
            }
            given = ", ".join(
                f"{limit}={'r' if limit == 'pattern' else ''}{literal(value)}".replace("\\\\", "\\")
                for limit, value in limits.items()
                if value is not None
            )
            limited = f"StringConstraints({given})"
            text = f"{name} = Annotated[str, {limited}]"
            if len(limited) + 5 > WIDTH:
                limited = f"StringConstraints(\n        {given}\n    )"
            if len(text) > WIDTH:
                text = f"{name} = Annotated[\n    str,\n    {limited},\n]"
        else:
            text = f"{name} = {kind}"
        docs = lines_of(docstring(read["description"], ""))
        self.enter(name, module, f"{text}\n{docs}\n")

    # Types

    def type_of(self, schema: dict[str, Any], module: Module, quoted: str = "") -> tuple[str, bool]:
        """The annotation of a schema, and whether it may also be null."""
        if "anyOf" in schema:
            first, second = schema["anyOf"]
            if second != {"type": "null"}:
                raise SystemExit(f"unknown kind of choice: {schema}")
            return self.type_of(first, module, quoted)[0], True
        if "$ref" in schema:
            name = target(schema)
            module.uses.add(name)
            return (f'"{name}"' if name == quoted else name), False
        kinds = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
        nullable = "null" in kinds
        # Numbers that may be text or an integer have a format, and a type of their own.
        kind: str = kinds[0]
        if kind == "array":
            item, _ = self.type_of(schema["items"], module, quoted)
            if not schema.get("uniqueItems"):
                return f"list[{item}]", nullable
            module.uses.add("SortedSet")
            return f"SortedSet[{item}]", nullable
        if kind == "object":
            return self.dictionary(schema, module), nullable
        if kind == "boolean":
            module.uses.add("StrictBool")
            return "StrictBool", nullable
        known = FORMATS.get(schema.get("format", ""))
        if known is not None:
            module.uses.add(known)
            return self.bounded(schema, known, module), nullable
        if kind != "string":
            raise SystemExit(f"unknown type: {schema}")
        return "str", nullable

    @staticmethod
    def bounded(schema: dict[str, Any], kind: str, module: Module) -> str:
        """A number with bounds narrower than its format has."""
        least, most = RANGES.get(schema["format"], (schema.get("minimum"), schema.get("maximum")))
        bounds = {
            "ge": schema.get("minimum") if schema.get("minimum") != least else None,
            "le": schema.get("maximum") if schema.get("maximum") != most else None,
        }
        given = ", ".join(
            f"{bound}={value}" for bound, value in bounds.items() if value is not None
        )
        if not given:
            return kind
        module.uses |= {"Annotated", "Field"}
        return f"Annotated[{kind}, Field({given})]"

    def dictionary(self, schema: dict[str, Any], module: Module) -> str:
        module.uses.add("SortedDict")
        numbered = schema.get("patternProperties", {}).get(r"^\d+$")
        if numbered is not None:
            return f"SortedDict[int, {self.type_of(numbered, module)[0]}]"
        return f"SortedDict[str, {self.type_of(schema['additionalProperties'], module)[0]}]"

    # Files

    def module_text(self, module: Module) -> str:
        body = in_sequence(module.parts)
        if module.name == "faults":
            body += codes_text(self.codes)
            module.uses |= {"NamedTuple"}
        used = {name for name in module.uses if re.search(rf"\b{name}\b", body)}
        here = set(module.defines)
        standard = [
            from_import("decimal", used & {"Decimal"}),
            from_import("typing", used & (TYPING | {"NamedTuple"})),
            from_import("uuid", used & {"UUID"}),
        ]
        library = [from_import("pydantic", used & {"Field", "StrictBool", "StringConstraints"})]
        own = [from_import(".base", used & BASE)]
        own.append(from_import(".scalars", used & (SCALARS | {"to_decimal", "amount_text"})))
        for other in self.modules:
            own.append(from_import(f".{other.name}", (used & set(other.defines)) - here))
        groups = [
            "\n".join(line for line in group if line) for group in (standard, library, sorted(own))
        ]
        imports = "\n\n".join(group for group in groups if group)
        gap = "\n\n\n" if body.startswith("class ") else "\n\n"
        return f'{HEADER}"""{module.docs}"""\n\n{imports}{gap}{body}'

    def index_text(self) -> str:
        docs = (
            '"""Requests, replies, the program document, events and faults as pydantic models.\n\n'
            "They read and write the engine's JSON with `from_json` and `to_json`, and are at the\n"
            'same time request and response models of FastAPI.\n"""'
        )
        imports = [from_import(".base", {"Model"}), from_import(".scalars", SCALARS)]
        imports += [
            from_import(
                f".{module.name}",
                set(module.defines) | ({"CODES", "Code"} if module.name == "faults" else set()),
            )
            for module in self.modules
        ]
        names = in_export_order({"Model", "CODES", "Code"} | SCALARS | set(self.home))
        listed = "".join(f'    "{name}",\n' for name in names)
        return f"{HEADER}{docs}\n\n" + "\n".join(sorted(imports)) + f"\n\n__all__ = [\n{listed}]\n"

    def operations_text(self) -> str:
        names = {
            target(operation[part])
            for operation in self.operations
            for part in ("request", "reply")
        }
        parts: list[str] = []
        for operation in self.operations:
            request, reply = target(operation["request"]), target(operation["reply"])
            name, kind = operation["name"], operation["kind"]
            docs = lines_of(docstring(self.read[request]["description"], ""))
            parts.append(
                f'{name.upper()} = Operation("{name}", "{kind}", {request}, {reply})\n{docs}\n'
            )
        listed = "".join(f"    {operation['name'].upper()},\n" for operation in self.operations)
        imports = from_import(".models", names | {"Model"})
        return OPERATIONS.format(
            header=HEADER, imports=imports, parts="\n".join(parts), listed=listed
        )


def codes_text(codes: list[dict[str, Any]]) -> str:
    listed = "".join(
        f'    "{code["code"]}": Code("{code["kind"]}", {code["http_status"]}),\n' for code in codes
    )
    return CODES.format(listed=listed)


def references(schema: Any) -> Iterator[str]:
    """The names of all definitions a schema refers to, in order."""
    parts: Iterable[Any] = ()
    if isinstance(schema, dict):
        fields = cast("dict[str, Any]", schema)
        if "$ref" in fields:
            yield target(fields)
        parts = fields.values()
    elif isinstance(schema, list):
        parts = cast("Iterable[Any]", schema)
    for part in parts:
        yield from references(part)


def target(schema: dict[str, Any]) -> str:
    return str(schema["$ref"]).removeprefix("#/$defs/")


def in_order(schema: dict[str, Any]) -> list[str]:
    """The fields in the order of their declaration, which is that of the properties."""
    return list(schema.get("properties", {}))


def schema_of_core() -> str:
    return printed_by("schemas")


def main() -> None:
    parser = argparse.ArgumentParser(
        description="Writes the pydantic models from the core's JSON Schema."
    )
    parser.add_argument(
        "--check", action="store_true", help="write nothing, fail if a file differs"
    )
    parser.add_argument(
        "--schema",
        type=Path,
        help="output of the core's example `schemas`; run by cargo when absent",
    )
    options = parser.parse_args()
    schema = json.loads(options.schema.read_text() if options.schema else schema_of_core())
    files = Emitter(schema).files()
    if options.check:
        if wrong := [*differing(files), *left_over(files)]:
            sys.exit(f"differ from the core's schema, run `python codegen/models.py`: {wrong}")
        return
    for name in left_over(files):
        (PACKAGE / name).unlink()
    for name in differing(files):
        (PACKAGE / name).write_text(files[name], encoding="utf-8")


def differing(files: dict[str, str]) -> list[str]:
    """The files that are not there, or not as they must be."""
    return [name for name, text in files.items() if found(PACKAGE / name) != text]


def left_over(files: dict[str, str]) -> list[str]:
    """The files that were generated once and no longer are."""
    paths = (path for path in PACKAGE.glob("models/*.py") if found(path).startswith(HEADER))
    return [name for path in paths if (name := f"models/{path.name}") not in files]


def found(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.exists() else ""


if __name__ == "__main__":
    main()
