"""What the environment says: where the books are, which keys there are, who may call and how often."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal, Optional

from pydantic import AwareDatetime, BaseModel, Field, Json, ValidationError
from rewards import KeyRing, RingKey

EXAMPLE = '[{"purpose": "alias", "id": "2026", "key": "<64 hexadecimal digits>", "valid_from": "2026-01-01T00:00:00Z"}]'


class ConfigError(Exception):
    """The service cannot start, and why."""


class Key(BaseModel):
    """A key of the host: of names of members, of offline tokens, or of a provider of deposits."""

    purpose: Literal["alias", "tokens", "deposits"]
    id: str
    key: Annotated[str, Field(pattern="^([0-9a-fA-F]{2}){32,}$", repr=False)]
    valid_from: AwareDatetime
    valid_until: Optional[AwareDatetime] = None


class Settings(BaseModel):
    """Everything that can be set, each by a variable of this name in capitals."""

    satupay_key_ring: Annotated[Json[list[Key]], Field(min_length=1)]
    """The keys, such as `EXAMPLE`."""
    rewards_url: Optional[str] = None
    """Where the books are; a file beside the service when absent."""
    satupay_api_key: Annotated[Optional[str], Field(min_length=16, repr=False)] = None
    """What staff and merchants show; nobody has to show one when absent."""
    satupay_jwt_secret: Annotated[Optional[str], Field(min_length=32, repr=False)] = None
    """What tokens of users are signed with; users cannot call by themselves when absent."""
    satupay_per_minute: Annotated[int, Field(ge=0)] = 60
    """How many calls a minute one address may make; any number when 0."""
    satupay_per_hour: Annotated[int, Field(ge=0)] = 1_000
    """How many calls an hour."""
    satupay_rail_timeout: Annotated[float, Field(gt=0)] = 30
    """For how many seconds a rail is waited for. After that the outcome is unknown, and asked for again."""
    satupay_rail_latency: Annotated[float, Field(ge=0)] = 1
    """By what the times that the rails of the sandbox take are multiplied: 0 makes them answer at once."""
    satupay_reconcile: Annotated[float, Field(gt=0)] = 30
    """Every how many seconds payments are looked after that have not ended."""
    satupay_refresh: Annotated[int, Field(ge=1)] = 20
    """Every how many seconds a page that is open asks for figures again."""

    def key_ring(self) -> KeyRing:
        """The keys as the engine takes them."""
        return KeyRing(
            RingKey(key.purpose, key.id, bytes.fromhex(key.key), key.valid_from, key.valid_until)
            for key in self.satupay_key_ring
        )


def read(environment: Mapping[str, str]) -> Settings:
    """Reads the environment; what is empty is not set. Raises `ConfigError`, which repeats no value: some are secret."""
    found = {name.lower(): value for name, value in environment.items() if value}
    try:
        return Settings.model_validate(found)
    except ValidationError as error:
        problems = error.errors(include_input=False, include_context=False, include_url=False)
        wrong = {str(problem["loc"][0]).upper(): problem["msg"] for problem in problems}
        told = "; ".join(f"{name}: {what}" for name, what in wrong.items())
        raise ConfigError(f"cannot start: {told}. SATUPAY_KEY_RING is such as {EXAMPLE}") from None
