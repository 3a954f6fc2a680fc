"""Offline tokens without an engine: what a till and a wallet do where there is no network.

The core does it, so every language takes and refuses the same; see the chapter on offline tokens of the guide.
"""

from __future__ import annotations

from typing import Optional

from . import _native, errors
from .models import AcceptedToken, ShownToken, TokenClaims, TokenMemory, TokenSpend, TokenVerifier

__all__ = ["check_token", "read_token", "spend_message", "spend_proof"]


def check_token(
    verifier: TokenVerifier, shown: ShownToken, memory: Optional[TokenMemory] = None
) -> AcceptedToken:
    """Whether a token that is shown pays here, as far as that is known and remembered.

    Keep the ``memory`` of what comes back before anything is handed over, and give it when the token is shown again.

    Raises :class:`RejectedError` with a code of its own for each reason.
    """
    remembered = memory if memory is not None else TokenMemory()
    try:
        accepted = _native.check_token(verifier.to_json(), shown.to_json(), remembered.to_json())
    except _native.NativeFault as fault:
        raise errors.from_native(fault) from None
    return AcceptedToken.from_json(accepted)


def read_token(text: str) -> TokenClaims:
    """What a token says. Its signature is not verified: this is for the wallet that was given it."""
    try:
        claims = _native.read_token(text)
    except _native.NativeFault as fault:
        raise errors.from_native(fault) from None
    return TokenClaims.from_json(claims)


def spend_message(spend: TokenSpend) -> bytes:
    """What the key of a device signs to spend a token, with Ed25519."""
    try:
        return bytes(_native.spend_message(spend.to_json()))
    except _native.NativeFault as fault:
        raise errors.from_native(fault) from None


def spend_proof(spend: TokenSpend, signature: bytes) -> str:
    """The proof of a payment with its signature, as text for a QR code."""
    try:
        return _native.spend_proof(spend.to_json(), signature)
    except _native.NativeFault as fault:
        raise errors.from_native(fault) from None
