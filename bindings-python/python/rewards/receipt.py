"""What executing a request gives."""

from dataclasses import dataclass
from typing import Generic, TypeVar

from .models import Model

Reply = TypeVar("Reply", bound=Model)


@dataclass(frozen=True)
class Receipt(Generic[Reply]):
    """A reply, and whether it is the reply of an earlier command with the same key."""

    reply: Reply
    """What the command replied when it took effect."""
    replayed: bool
    """Whether that was before this call."""
