"""QR codes: signed ones are checked without an engine, and software of others reads our pictures and texts and writes theirs."""

from __future__ import annotations

import io
import json
import re
import subprocess
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal

import pytest
import rewards
import zxingcpp
from conftest import NOW, ring_key
from PIL import Image
from rewards import models
from rewards.models import Money

Correction = Literal["low", "medium", "quartile", "high"]
CORRECTIONS: list[Correction] = ["low", "medium", "quartile", "high"]
PROMPTPARSE = "promptparse@1.6.0"


def created(engine: rewards.Engine) -> models.CreatedQr:
    program = models.Program.model_validate(
        {"id": "club", "currency": "EUR", "zone": "UTC", "qr": {"issuer": "club"}}
    )
    engine.publish_program(models.PublishProgram(program=program), key="program", now=NOW)
    engine.register_member(models.RegisterMember(member="ada"), now=NOW)
    content = models.SignedContent(data="SPRING-7F3K", amount=Money.of("12.50", "EUR"))
    request = models.CreateQr(
        qr="v-1",
        program="club",
        kind="voucher",
        member="ada",
        content=models.SignedQrContent(signed=content),
    )
    return engine.create_qr(request, now=NOW)


def test_a_signed_code_is_checked_without_an_engine() -> None:
    ring = rewards.KeyRing([ring_key("k1", purpose="tokens")])
    with rewards.open("memory:", key_ring=ring) as engine:
        code = created(engine)
        assert created(engine).text == code.text, "the same each time"
        keys = engine.get_token_keys(models.GetTokenKeys(), now=NOW).keys
    reader = models.QrVerifier(issuer="club", keys=keys)
    claims = rewards.check_qr(reader, models.ShownQr(text=code.text, now=NOW))
    assert (claims.qr, claims.kind, claims.member, claims.data) == ("v-1", "voucher", "ada", "SPRING-7F3K")
    assert claims.amount == Money.of("12.50", "EUR")
    for change, code_of in [
        ({"text": code.text[:-1]}, "token_malformed"),
        ({"text": code.text[:-3] + "000"}, "token_signature_wrong"),
        ({"now": NOW + timedelta(minutes=20)}, "token_expired"),
        ({"now": NOW - timedelta(minutes=20)}, "token_not_yet_valid"),
    ]:
        shown = models.ShownQr(text=code.text, now=NOW).model_copy(update=change)
        with pytest.raises(rewards.RejectedError) as refused:
            rewards.check_qr(reader, shown)
        assert refused.value.code == code_of
    stranger = reader.model_copy(update={"issuer": "bank"})
    with pytest.raises(rewards.RejectedError) as other:
        rewards.check_qr(stranger, models.ShownQr(text=code.text, now=NOW))
    assert other.value.code == "token_issuer_wrong"


def read(image: Image.Image) -> str:
    """What a reader of others finds."""
    found = zxingcpp.read_barcodes(image)
    assert len(found) == 1
    return found[0].text


def drawn(svg: str) -> Image.Image:
    """The picture of an SVG of ours: squares of one unit, eight pixels each."""
    side = re.search(r'viewBox="0 0 (\d+) \1"', svg)
    assert side is not None
    image = Image.new("L", (int(side[1]), int(side[1])), 255)
    for x, y in re.findall(r"M(\d+),(\d+)h1v1h-1z", svg):
        image.putpixel((int(x), int(y)), 0)
    return image.resize((image.width * 8, image.height * 8), Image.Resampling.NEAREST)


def shown_texts() -> list[str]:
    merchants = json.loads((Path(__file__).parents[2] / "tests" / "vectors" / "qr.json").read_text("utf-8"))
    steps = [step for case in merchants["cases"] for step in case["steps"]]
    built = [step["reply"]["text"] for step in steps if "text" in step.get("reply", {})]
    return ["7", "0123456789" * 30, "RT1:ABC $%*+-./:", "https://example.com/äöü?€=1", "最佳运输", *built]


@pytest.mark.parametrize("text", shown_texts())
def test_others_read_our_pictures(text: str) -> None:
    for correction in CORRECTIONS:
        png = rewards.qr_png(text, module_pixels=3, correction=correction)
        assert read(Image.open(io.BytesIO(png))) == text
        assert read(drawn(rewards.qr_svg(text, correction=correction))) == text


def test_what_cannot_be_drawn_is_told() -> None:
    for draw in (rewards.qr_svg, rewards.qr_png):
        for text, code in [("", "qr_value_missing"), ("x" * 2_400, "qr_too_long")]:
            with pytest.raises(rewards.InvalidError) as refused:
                draw(text)
            assert refused.value.problems[0].code == code
    with pytest.raises(rewards.InvalidError):
        rewards.qr_png("x", module_pixels=0)
    with pytest.raises(rewards.InvalidError):
        rewards.qr_svg("x", correction="more")  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]


@pytest.fixture(scope="session")
def promptparse(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder from which scripts of Node find the library."""
    folder = tmp_path_factory.mktemp("promptparse")
    command = ["npm", "install", "--silent", "--no-audit", "--no-fund", "--prefix", str(folder), PROMPTPARSE]
    subprocess.run(command, check=True)
    return folder


def node(folder: Path, script: str, given: object) -> Any:
    head = "const p = require('promptparse'); const given = JSON.parse(process.argv[1]);\n"
    command = ["node", "-e", f"{head}console.log(JSON.stringify({script}))", json.dumps(given)]
    done = subprocess.run(command, cwd=folder, check=True, capture_output=True, encoding="utf-8")
    return json.loads(done.stdout)


def test_promptpay_both_ways(promptparse: Path) -> None:
    targets: list[tuple[str, str, dict[str, str]]] = [
        ("MSISDN", "0812223333", {"phone": "0066812223333"}),
        ("NATID", "1111111111111", {"national_id": "1111111111111"}),
        ("EWALLETID", "000000000000000", {"e_wallet": "000000000000000"}),
    ]
    with rewards.open("memory:") as engine:
        for kind, target, account in targets:
            for amount in [None, "420.00", "0.01"]:
                given: dict[str, Any] = {"type": kind, "target": target}
                if amount is not None:
                    given["amount"] = float(amount)
                theirs = node(promptparse, "p.generate.anyId(given)", given)
                parsed = engine.parse_qr(models.ParseQr(text=theirs))
                document: dict[str, Any] = {
                    "initiation": "static" if amount is None else "dynamic",
                    "currency": "THB",
                    "country": "TH",
                }
                assert [scheme.to_json() for scheme in parsed.schemes] == [
                    json.dumps({"promptpay": account}, separators=(",", ":"))
                ]
                assert parsed.amount == (None if amount is None else Money.of(amount, "THB"))
                if amount is not None:
                    document["amount"] = amount
                request = {"qr": document, "schemes": [{"promptpay": account}]}
                ours = engine.build_qr(models.BuildQr.model_validate(request)).text
                tags = "given.map((text) => { const read = p.parse(text, true, true); return read && read.getTags() })"
                one, other = node(promptparse, tags, [ours, theirs])
                assert one is not None
                assert by_id(one) == by_id(other)


def by_id(tags: list[dict[str, Any]]) -> dict[str, Any]:
    """What a code says, without its checksum: the order of objects is free."""
    return {tag["id"]: tag["value"] for tag in tags if tag["id"] != "63"}
