"""Writes `rewards.models` and the list `rewards.operations` from the core's JSON Schema.

    python codegen/models.py            writes them
    python codegen/models.py --check    fails if what is there differs

The schema is the output of the core's example `schemas`; give it with `--schema FILE` to save
running cargo. What is the same for all models (the base class, the types of amounts and times) is
written by hand in `base.py` and `scalars.py`. The rules of the emitter:

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
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Optional

PACKAGE = Path(__file__).parent.parent / "python" / "rewards"
WORKSPACE = Path(__file__).parent.parent.parent
WIDTH = 100

# The modules: docs, and the roots whose definitions a module holds unless an earlier one does.
MODULES: dict[str, tuple[str, list[str]]] = {
    "values": (
        "Names, assets, amounts of money and calendar terms: what the other models are made of.",
        [
            "MemberId",
            "PurchaseId",
            "ProgramId",
            "Slug",
            "Currency",
            "Asset",
            "Money",
            "Basis",
            "DateRange",
            "Period",
            "WeekStart",
            "Rounding",
        ],
    ),
    "conditions": (
        "When a rule matches: conditions over the facts of a purchase and its member.",
        ["Condition"],
    ),
    "effects": ("What a rule grants.", ["Effect"]),
    "program": (
        "The program document, and publishing it.",
        ["Program", "PublishProgram", "PublishedProgram"],
    ),
    "members": ("Members: register them.", ["RegisterMember", "RegisteredMember"]),
    "purchases": (
        "Purchases: quote, record, confirm and cancel them.",
        [
            "QuotePurchase",
            "QuotedPurchase",
            "RecordPurchase",
            "RecordedPurchase",
            "ConfirmPurchase",
            "ConfirmedPurchase",
            "CancelPurchase",
            "CancelledPurchase",
        ],
    ),
    "grants": (
        "Rewards by hand, and the settling of what is due.",
        [
            "GrantReward",
            "GrantedByHand",
            "AdjustBalance",
            "AdjustedBalance",
            "SettleMember",
            "SettledMember",
        ],
    ),
    "balances": (
        "What a member has, and how it came to be.",
        ["GetBalance", "Balance", "GetStatement", "Statement"],
    ),
    "tiers": ("Where a member stands on the tier ladders.", ["GetTiers", "MemberTiers"]),
    "events": ("Events: what hosts are told.", ["EventRecord"]),
    "faults": ("Faults: why an operation has no effect.", ["Fault"]),
}

# Definitions and formats that are written by hand in `scalars.py`.
BY_HAND = {"DecimalText", "Factor", "Rate"}
FORMATS = {
    "date-time": "Timestamp",
    "date": "LocalDate",
    "time-of-day": "TimeOfDay",
    "iana-time-zone": "Zone",
    "decimal": "Amount",
    "uuid": "UUID",
    "uint16": "UInt16",
    "uint32": "UInt32",
    "uint64": "UInt64",
    "int32": "Int32",
    "int64": "Int64",
}
SCALARS = BY_HAND | set(FORMATS.values()) - {"UUID"}
BASE = {"Model", "Maybe", "ListOf", "SetOf", "SortedDict", "DictOf", "Blank", "Tagged"}
TYPING = {"Annotated", "Literal", "Optional", "Union"}
RANGES = {
    "uint16": (0, 2**16 - 1),
    "uint32": (0, None),
    "uint64": (0, None),
    "int32": (None, None),
    "int64": (None, None),
}

# Names of the data of variants where the name of the variant alone would say too little.
DATA_NAMES = {("Limit", "amount"): "LimitAmount"}

# Methods that a model has beyond its fields.
METHODS = {
    "Money": '''
    @classmethod
    def of(cls, amount: Union[Decimal, int, str], asset: str) -> "Money":
        """The amount of the asset: `Money.of("12.30", "EUR")`."""
        return cls(amount=to_decimal(amount), asset=asset)

    def __str__(self) -> str:
        return f"{amount_text(self.amount)} {self.asset}"
''',
}


@dataclass
class Module:
    """A module as it is being written."""

    name: str
    docs: str
    parts: list[str] = field(default_factory=list)
    uses: set[str] = field(default_factory=set)
    defines: list[str] = field(default_factory=list)


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
            ("set", "SetOf", "set()"),
            ("SortedDict", "DictOf", "{}"),
        ):
            if kind.startswith(f"{plain}["):
                module.uses.discard(plain)
                module.uses.add(wrapper)
                return wrapper + kind.removeprefix(plain), empty
        module.uses.add("Blank")
        return f"Blank[{kind}]", f"{kind}()"

    @staticmethod
    def default(value: Any, kind: str) -> str:
        return f"{kind}()" if value == {} else literal(value)

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
        kinds = schema["type"]
        nullable = isinstance(kinds, list)
        kind = kinds[0] if nullable else kinds
        if kind == "array":
            item, _ = self.type_of(schema["items"], module, quoted)
            return (f"set[{item}]" if schema.get("uniqueItems") else f"list[{item}]"), nullable
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
        body = "\n\n".join(module.parts)
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
        names = sorted({"Model", "CODES", "Code"} | SCALARS | set(self.home))
        listed = "".join(f'    "{name}",\n' for name in names)
        return f"{HEADER}{docs}\n\n" + "\n".join(sorted(imports)) + f"\n\n__all__ = [\n{listed}]\n"

    def operations_text(self) -> str:
        names = {
            target(operation[part])
            for operation in self.operations
            for part in ("request", "reply")
        }
        parts = []
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


HEADER = "# Generated by `codegen/models.py` from the core's JSON Schema; change it there.\n"

OPERATIONS = '''{header}"""All operations: names, kinds, and the models of requests and replies."""

from dataclasses import dataclass
from typing import Any, Generic, Literal, TypeVar

{imports}

Request = TypeVar("Request", bound=Model)
Reply = TypeVar("Reply", bound=Model)

Kind = Literal["command", "question"]
"""Whether an operation can change anything: a command can, a question cannot."""


@dataclass(frozen=True)
class Operation(Generic[Request, Reply]):
    """What is known of an operation without running it."""

    name: str
    """The stable name; idempotency keys are scoped by it."""
    kind: Kind
    """Whether it can change anything."""
    request: type[Request]
    """The model of what is asked."""
    reply: type[Reply]
    """The model of what the caller is told."""


{parts}
OPERATIONS: tuple[Operation[Any, Any], ...] = (
{listed})
"""All of them."""
'''

CODES = '''

class Code(NamedTuple):
    """What a stable code stands for."""

    kind: FaultKind
    """What the caller can do about it."""
    http_status: int
    """The HTTP status that says the same."""


CODES: dict[str, Code] = {{
{listed}}}
"""All codes of faults; the codes of single problems of an `invalid` fault are not among them."""
'''


def codes_text(codes: list[dict[str, Any]]) -> str:
    listed = "".join(
        f'    "{code["code"]}": Code("{code["kind"]}", {code["http_status"]}),\n' for code in codes
    )
    return CODES.format(listed=listed)


def references(schema: Any) -> Iterator[str]:
    """The names of all definitions a schema refers to, in order."""
    if isinstance(schema, dict):
        if "$ref" in schema:
            yield target(schema)
        for part in schema.values():
            yield from references(part)
    elif isinstance(schema, list):
        for part in schema:
            yield from references(part)


def target(schema: dict[str, Any]) -> str:
    return str(schema["$ref"]).removeprefix("#/$defs/")


def in_order(schema: dict[str, Any]) -> list[str]:
    """The fields in the order of their declaration, which is that of the properties."""
    return list(schema.get("properties", {}))


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


def schema_of_core() -> str:
    command = ["cargo", "run", "--quiet", "--locked", "-p", "rewards-core", "--example", "schemas"]
    # The order of fields is the order of their declaration only with `preserve_order`.
    command += ["--features", "schema,schemars/preserve_order"]
    return subprocess.run(command, cwd=WORKSPACE, check=True, capture_output=True, text=True).stdout


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
    differing = [
        name
        for name, text in files.items()
        if not (PACKAGE / name).exists() or (PACKAGE / name).read_text(encoding="utf-8") != text
    ]
    if options.check:
        if differing:
            sys.exit(f"differ from the core's schema, run `python codegen/models.py`: {differing}")
        return
    for name in differing:
        (PACKAGE / name).write_text(files[name], encoding="utf-8")


if __name__ == "__main__":
    main()
