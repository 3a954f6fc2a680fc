"""How the service is."""

from __future__ import annotations

import os
import shutil
from typing import Any

from flask import Blueprint, Response, jsonify
from rewards import Engine, RewardsError

from .deps import the_engine

routes = Blueprint("health", __name__)
WARN = {"cpu": 80, "memory": 85, "disk": 90}
"""From how many percent on something is worth a warning."""


def memory() -> float | None:
    """How much memory is used, in percent, where the system says it."""
    try:
        with open("/proc/meminfo", encoding="ascii") as lines:
            values = {name: int(rest.split()[0]) for name, rest in (line.split(":", 1) for line in lines)}
        return 100 - 100 * values["MemAvailable"] / values["MemTotal"]
    except (OSError, KeyError, ValueError):
        return None


def used() -> dict[str, float | None]:
    """What is used of this machine, in percent."""
    disk = shutil.disk_usage(".")
    cores = os.cpu_count() or 1
    return {"cpu": 100 * os.getloadavg()[0] / cores, "memory": memory(), "disk": 100 * disk.used / disk.total}


def detailed(engine: Engine) -> tuple[dict[str, Any], int]:
    """How everything is, and the status of the answer."""
    try:
        found: dict[str, Any] = engine.health().model_dump(mode="json")
        is_open = bool(found["is_open"])
    except RewardsError as error:
        found, is_open = {"fault": error.code}, False
    figures = used()
    warnings = [name for name, value in figures.items() if value is not None and value > WARN[name]]
    told = {name: None if value is None else round(value, 1) for name, value in figures.items()}
    state = "unhealthy" if not is_open else "warning" if warnings else "healthy"
    return {"status": state, "engine": found, "system": told, "warnings": warnings}, 200 if is_open else 503


@routes.get("/health")
def health() -> tuple[Response, int]:
    """Whether payments are taken."""
    found, status = detailed(the_engine())
    return jsonify(status=found["status"]), status


@routes.get("/health/detailed")
def health_detailed() -> tuple[Response, int]:
    """How the engine, its store and this machine are."""
    found, status = detailed(the_engine())
    return jsonify(found), status
