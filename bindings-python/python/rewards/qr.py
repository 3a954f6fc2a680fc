"""QR codes without an engine: whether a signed one is genuine, and what a text looks like."""

from __future__ import annotations

import json
from typing import Literal

from . import _native, errors
from .models import QrClaims, QrVerifier, ShownQr

__all__ = ["check_qr", "qr_png", "qr_svg"]

Correction = Literal["low", "medium", "quartile", "high"]


def check_qr(verifier: QrVerifier, shown: ShownQr) -> QrClaims:
    """What a signed code says, once its signature, its issuer and its times are known to be right. No network is needed.

    Raises :class:`RejectedError` with a code of its own for each reason, those of offline tokens.
    """
    try:
        claims = _native.check_qr(verifier.to_json(), shown.to_json())
    except _native.NativeFault as fault:
        raise errors.from_native(fault) from None
    return QrClaims.from_json(claims)


def qr_svg(text: str, *, correction: Correction = "medium") -> str:
    """The picture of a text as SVG, which is as large as wherever it is shown.

    ``correction`` is how much of it may be damaged: 7, 15, 25 or 30 percent. Raises :class:`InvalidError` for a text that is empty
    or does not fit into a code.
    """
    try:
        return _native.qr_svg(text, json.dumps(correction))
    except _native.NativeFault as fault:
        raise errors.from_native(fault) from None


def qr_png(text: str, *, module_pixels: int = 8, correction: Correction = "medium") -> bytes:
    """The picture of a text as PNG in black and white, with 1 to 64 pixels for each of its modules; otherwise as :func:`qr_svg`."""
    try:
        return bytes(_native.qr_png(text, json.dumps(correction), module_pixels))
    except _native.NativeFault as fault:
        raise errors.from_native(fault) from None
