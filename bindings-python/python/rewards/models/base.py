"""What all models have in common: frozen, without unknown fields, at home in the engine's JSON."""

from collections.abc import Iterable, Mapping
from functools import partial
from operator import is_, not_
from typing import TYPE_CHECKING, Annotated, Any, Literal, Optional, TypeVar, Union, cast, get_args, get_origin

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    PlainSerializer,
    ValidationError,
)
from pydantic_core import CoreSchema, PydanticCustomError, core_schema
from typing_extensions import Self

T = TypeVar("T")
K = TypeVar("K")


def _told(error: ValidationError) -> Exception:
    """What is wrong with a value, as every fault of this package is told."""
    # Faults are models, too.
    from ..errors import invalid_model

    return invalid_model(error)


if TYPE_CHECKING:
    _Base = BaseModel
else:

    class _Called(type(BaseModel)):
        """Values that are made by hand. Those inside others, and bodies of requests, are made without it."""

        def __call__(cls, *args, **fields):
            try:
                return super().__call__(*args, **fields)
            except ValidationError as error:
                raise _told(error) from error

    class _Base(BaseModel, metaclass=_Called):
        pass


class Model(_Base):
    """A value: it cannot be changed, and equals every value of its kind with the same fields.

    Whoever makes one of something else gets an `InvalidError` with all that is wrong.
    """

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        populate_by_name=True,
        serialize_by_alias=True,
        use_attribute_docstrings=True,
    )

    @classmethod
    def model_validate(cls, obj: Any, **options: Any) -> Self:
        """Reads a value from a mapping of its fields. Raises `InvalidError`."""
        try:
            return super().model_validate(obj, **options)
        except ValidationError as error:
            raise _told(error) from error

    @classmethod
    def model_validate_json(cls, json_data: Union[str, bytes, bytearray], **options: Any) -> Self:
        """Reads a value from JSON. Raises `InvalidError`."""
        try:
            return super().model_validate_json(json_data, **options)
        except ValidationError as error:
            raise _told(error) from error

    @classmethod
    def from_json(cls, text: Union[str, bytes]) -> Self:
        """Reads the engine's JSON. Raises `InvalidError`, with all that is wrong, if the text is no such value."""
        return cls.model_validate_json(text, by_alias=True, by_name=False)

    def to_json(self) -> str:
        """Writes the engine's JSON: one line, amounts and times as text, absent values left out."""
        return self.model_dump_json()

    def __repr_args__(self) -> Iterable[tuple[Optional[str], Any]]:
        """Only what was given: most fields of most values are absent."""
        return [entry for entry in super().__repr_args__() if entry[0] in self.model_fields_set]


Maybe = Annotated[Optional[T], Field(exclude_if=partial(is_, None))]
"""A value that may be absent; then it is left out of the JSON."""

ListOf = Annotated[list[T], Field(exclude_if=not_)]
"""A list that is left out of the JSON when it is empty."""

SortedSet = Annotated[set[T], PlainSerializer(sorted, return_type=list[T], when_used="json")]
"""A set, written in order."""

SetOf = Annotated[SortedSet[T], Field(exclude_if=not_)]
"""A set, written in order; left out of the JSON when it is empty."""


def _in_key_order(entries: dict[Any, Any]) -> dict[Any, Any]:
    for key in entries:
        try:
            str(key).encode()
        except UnicodeEncodeError:
            # Written out, two different halves would be one key.
            code, detail = "value_invalid", "expected texts as keys, got half of a surrogate pair"
            raise PydanticCustomError(code, detail) from None
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

    Only the member with that name looks at the value, so that an error tells what is wrong with it,
    and not what every other member would have made of it.
    """

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        choices: dict[str, CoreSchema] = {}
        titles: dict[str, str] = {}
        names: list[str] = []
        for member in get_args(source):
            if get_origin(member) is Literal:
                names.extend(get_args(member))
                choices[_NAME] = handler.generate_schema(member)
            else:
                (name,) = member.__annotations__
                names.append(name)
                titles[name] = _step(member.__name__)
                choices[titles[name]] = handler.generate_schema(member)

        def choose(value: Any) -> Optional[str]:
            return _NAME if isinstance(value, str) else titles.get(_only_key(value))

        return core_schema.tagged_union_schema(
            choices,
            choose,
            custom_error_type="variant_unknown",
            custom_error_message="expected exactly one of "
            + ", ".join(f"`{name}`" for name in names),
        )


def _step(choice: str) -> str:
    """How a choice shows in the place of an error. Paths leave it out: it is no part of the JSON."""
    return f"<{choice}>"


_NAME = _step("name")


def _only_key(value: Any) -> str:
    """The name of the single field; empty when there is no such."""
    keys: Mapping[Any, Any] = {}
    if isinstance(value, Model):
        keys = type(value).model_fields
    elif isinstance(value, dict):
        keys = cast("Mapping[Any, Any]", value)
    return str(next(iter(keys))) if len(keys) == 1 else ""
