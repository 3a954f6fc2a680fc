"""What all models have in common: they are frozen, refuse unknown fields, and read and write the engine's JSON."""

from functools import partial
from operator import is_, not_
from typing import Annotated, Any, Literal, Optional, TypeVar, Union, get_args, get_origin

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, GetCoreSchemaHandler, PlainSerializer
from pydantic_core import CoreSchema, core_schema
from typing_extensions import Self

T = TypeVar("T")
K = TypeVar("K")


class Model(BaseModel):
    """A value: it cannot be changed, has no fields but its own, and equals every value with the same fields."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        populate_by_name=True,
        use_attribute_docstrings=True,
    )

    @classmethod
    def from_json(cls, text: Union[str, bytes]) -> Self:
        """Reads the engine's JSON.

        Raises `pydantic.ValidationError`, with all that is wrong, if the text is no such value.
        """
        return cls.model_validate_json(text)

    def to_json(self) -> str:
        """Writes the engine's JSON: no white space, amounts and times as text, absent values left out."""
        return self.model_dump_json(by_alias=True)


Maybe = Annotated[Optional[T], Field(exclude_if=partial(is_, None))]
"""A value that may be absent; then it is left out of the JSON."""

ListOf = Annotated[list[T], Field(exclude_if=not_)]
"""A list that is left out of the JSON when it is empty."""

SetOf = Annotated[
    set[T],
    PlainSerializer(sorted, return_type=list[T], when_used="json"),
    Field(exclude_if=not_),
]
"""A set, written in order; left out of the JSON when it is empty."""


def _in_key_order(entries: dict[Any, Any]) -> dict[Any, Any]:
    return dict(sorted(entries.items()))


SortedDict = Annotated[dict[K, T], AfterValidator(_in_key_order)]
"""A dictionary, kept in the order of its keys."""

DictOf = Annotated[SortedDict[K, T], Field(exclude_if=not_)]
"""A dictionary, kept in the order of its keys; left out of the JSON when it is empty."""


def _is_blank(value: Any) -> bool:
    return bool(value == type(value)())


Blank = Annotated[T, Field(exclude_if=_is_blank)]
"""A value that is left out of the JSON when it is as it is without any field given."""


class Tagged:
    """Marks a union whose JSON is a name, or an object with one name as its key.

    Only the member with that name looks at the value, so that an error tells what is wrong with it and not what
    every other member would have made of it.
    """

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        choices: dict[str, CoreSchema] = {}
        names: list[str] = []
        for member in get_args(source):
            if get_origin(member) is Literal:
                names.extend(get_args(member))
                choices[_TEXT] = handler.generate_schema(member)
            else:
                (name,) = member.__annotations__
                names.append(name)
                choices[name] = handler.generate_schema(member)
        return core_schema.tagged_union_schema(
            choices,
            _tag,
            custom_error_type="unknown_variant",
            custom_error_message="expected exactly one of " + ", ".join(f"`{name}`" for name in names),
        )


_TEXT = "name"


def _tag(value: Any) -> Optional[str]:
    if isinstance(value, str):
        return _TEXT
    if isinstance(value, Model):
        fields = iter(type(value).model_fields)
    elif isinstance(value, dict):
        fields = iter(value)
    else:
        return None
    name = next(fields, None)
    return name if next(fields, None) is None else None
