"""A payment switch: payments over rails, exchange, risk, offline tokens, codes and a dashboard, with the engine inside.

    waitress-serve --call satupay.app:create

The environment says where the books are and which keys there are; see `config`.
"""

from __future__ import annotations

import atexit
import os
import sys
from functools import partial
from pathlib import Path

from flask import Flask
from rewards import Engine, RewardsError, read_program
from rewards import models as api

from . import config, dashboard, errors, health, offline, page, payments, qr, security, users
from .config import ConfigError, Settings
from .rails import Rail, sandbox
from .switch import PROGRAM, Switch

FILE = Path(__file__).with_name("satupay.db")
TERMS = Path(__file__).with_name("program.toml")


def publish(engine: Engine) -> None:
    """Publishes the program once. Later revisions are made by whoever changes it."""
    try:
        engine.get_program(api.GetProgram(program=PROGRAM))
    except RewardsError as error:
        if error.code != "program_unknown":
            raise
        program = qr.with_wallets(read_program(TERMS.read_text()))
        engine.publish_program(api.PublishProgram(program=program), key="first-program")


def make_app(settings: Settings, rails: dict[str, Rail] | None = None) -> Flask:
    """The service with these settings, and with rails of its own."""
    url, ring = settings.rewards_url, settings.key_ring()
    open_at = partial(Engine.open, url) if url else partial(Engine.open_file, FILE)
    engine = open_at(key_ring=ring, keep_events=False)
    publish(engine)
    own = rails or sandbox(settings.satupay_rail_latency)
    switch = Switch(engine, own, settings.satupay_rail_timeout, settings.satupay_reconcile)
    app = Flask(__name__)
    app.config["SETTINGS"] = settings
    app.config["MAX_CONTENT_LENGTH"] = 1_000_000
    app.extensions["switch"] = switch
    errors.install(app)
    security.install(app, settings)
    for part in (payments, offline, qr, users, dashboard, page, health):
        app.register_blueprint(part.routes)
    switch.start()

    @atexit.register
    def close() -> None:
        switch.close()
        engine.close()

    return app


def create() -> Flask:
    """The service as the environment says."""
    try:
        return make_app(config.read(os.environ))
    except ConfigError as error:
        sys.exit(f"satupay: {error}")
