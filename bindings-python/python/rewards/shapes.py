"""What replies look like, for the native half, which makes their models without validating them again."""

from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Any, Literal, Union, get_args, get_origin
from uuid import UUID

from ._native import NativeOperation, Shape
from .models import Model, Program
from .operations import Operation

_SCALARS: Mapping[type, str] = {
    str: "plain",
    int: "plain",
    bool: "plain",
    Decimal: "Decimal",
    datetime: "datetime",
    date: "date",
    UUID: "UUID",
}


def native(operation: Operation[Any, Any]) -> NativeOperation:
    """The operation as the native half knows it."""
    return NativeOperation(operation.name, _model(operation.reply))


def _model(model: type[Model]) -> Shape:
    # Conditions hold conditions, so a program has no shape that ends.
    if model is Program:
        return Shape.document(model)
    fields: list[tuple[str, str, Shape, list[Any]]] = []
    for name, field in model.model_fields.items():
        default = [] if field.is_required() else [field.get_default(call_default_factory=True)]
        fields.append((name, field.serialization_alias or name, _shape(field.annotation), default))
    return Shape.model(model, fields)


def _shape(kind: Any) -> Shape:
    origin, parts = get_origin(kind), get_args(kind)
    if origin is Annotated:
        return _shape(parts[0])
    if origin is list:
        return Shape.list_of(_shape(parts[0]))
    if origin is set:
        return Shape.set_of(_shape(parts[0]))
    if origin is dict:
        return Shape.dict_of(_shape(parts[1]))
    if origin is Literal:
        return Shape.scalar("plain")
    if origin is Union:
        return _union([part for part in parts if part is not type(None)])
    return Shape.scalar(_SCALARS[kind]) if kind in _SCALARS else _model(kind)


def _union(members: list[Any]) -> Shape:
    """An optional value, or a choice between models with one field each and names."""
    if len(members) == 1:
        return _shape(members[0])
    return Shape.choice([_shape(member) for member in members if get_origin(member) is not Literal])
