"""What the environment says: where the books are, which keys there are, who may call and how often."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Optional

from pydantic import AwareDatetime, BaseModel, Field, Json, ValidationError
from rewards import KeyRing, RingKey

EXAMPLE = '[{"id": "2026", "key": "<64 hexadecimal digits>", "valid_from": "2026-01-01T00:00:00Z"}]'


class ConfigError(Exception):
    """The service cannot start, and why."""


class Key(BaseModel):
    """A key that codes are derived from and kept under."""

    id: str
    key: Annotated[str, Field(pattern="^([0-9a-fA-F]{2}){32,}$", repr=False)]
    valid_from: AwareDatetime
    valid_until: Optional[AwareDatetime] = None


class Settings(BaseModel):
    """Everything that can be set, each by a variable of this name in capitals."""

    coupons_key_ring: Annotated[Json[list[Key]], Field(min_length=1)]
    """The keys, such as `EXAMPLE`."""
    rewards_url: Optional[str] = None
    """Where the books are; a file beside the service when absent."""
    coupons_jwt_secret: Annotated[Optional[str], Field(min_length=32, repr=False)] = None
    """What tokens are signed with; nobody has to show one when absent."""
    coupons_rate_limit: Annotated[int, Field(ge=0)] = 600
    """How many calls a minute one address may make; any number when 0."""
    coupons_job_pause: Annotated[float, Field(ge=0)] = 0
    """How many seconds a job leaves to others before each thousand codes."""

    def key_ring(self) -> KeyRing:
        """The keys as the engine takes them."""
        keys = self.coupons_key_ring
        return KeyRing(
            RingKey("coupons", key.id, bytes.fromhex(key.key), key.valid_from, key.valid_until)
            for key in keys
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
        raise ConfigError(f"cannot start: {told}. COUPONS_KEY_RING is such as {EXAMPLE}") from None
