"""What may hold a face is found in whatever form, and what holds none keeps its bytes."""

from __future__ import annotations

import base64
import gzip
import random
import time
import uuid
from typing import Any

import numpy as np
import polars as pl
import pytest
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from schemas.contracts import contract
from streams import withhold
from streams.decode import decode
from streams.values import Values
from streams.withhold import is_image_name, may_hold_face, may_hold_image, texts_with_image
from tests.streams.conftest import MakeSearch
from tests.streams.images import IMAGES, TEMPLATES, WRITTEN, embedding, noise

ORDINARY: list[dict[str, Any]] = [
    {},
    {"probe_hash": "5c" * 32, "candidates": 12, "top_score": 0.9731, "galleries": ["lacris-booking"]},
    {"purpose": "compared the still with booking records, no lead; see the report of the day before"},
    {"user_agent": "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome"},
    {"endpoint": "https://app.example.gov/cases/2020/11/view?token=" + "aZ09_-" * 7 + "&page=2"},
    {"attributes": {"sessions": ",".join(str(uuid.UUID(int=n << 64 | 77)) for n in range(9))}},
    {"attributes": {"sessions": "\n".join(str(uuid.UUID(int=n << 64 | 77)) for n in range(9))}},
    {
        "unit": "Отдел по розыску",
        "purpose": "顔認証による捜索。事件番号は別紙のとおりである。担当者に確認済み。",
    },
    {"attributes": {"a": "b", "c": "d", "e": "f", "shift": "2", "zone": "7"}, "account": "trial"},
    {
        "approved_by": "S12",
        "training_cert": "LACRIS-2020-0001",
        "case_number": "20-123456",
        "client_ip": "10.0.0.7",
    },
]
JWT = ".".join(
    base64.urlsafe_b64encode(part).decode().rstrip("=")
    for part in (b'{"alg":"RS256","typ":"JWT"}', b'{"sub":"P1","iat":1605346200,"aud":"app"}', noise(256, 1))
)
LEGAL: list[dict[str, Any]] = [
    *ORDINARY,
    {"endpoint": f"https://app.example.gov/?token={JWT}"},
    {"attributes": {"token": JWT}},
    {"attributes": {"scores": str([round(0.99 - n / 100, 2) for n in range(50)])}},
    {"attributes": {f"score_{n}": str(round(0.99 - n / 100, 2)) for n in range(50)}},
    {"galleries": [f"gallery-{n}" for n in range(60)]},
    {"attributes": {"hashes": "\n".join(noise(32, n).hex() for n in range(6))}},
    {"attributes": {"image_count": "3", "photo_id": "17", "template_version": "2", "picture_url": "/p/1"}},
    {
        "attributes": {
            "client": '{"image_count": 3, "photo": null, "device": "ws1", "note": "%s"}' % ("x" * 99)
        }
    },
    {"purpose": "a GIF89a or a JFIF file, %PDF-1 or /9j/ as it may be; the photo was no face template"},
    {"purpose": "Überprüfung der Identität – „Zeugenaussage“ und ohne Erfolg – ähnlich wie früher"},
    {
        "purpose": ("“No lead” – the officer’s note: ‘see “20-1”, “20-2”, “20-3”…’ " * 3)
        .encode("cp1252")
        .decode("latin-1")
    },
    {"purpose": ("Отдел по розыску, дело без номера; " * 4).encode().decode("latin-1")},
    {"purpose": "lost in a conversion: Mu\ufffdoz, Nu\ufffdez, Pe\ufffda and others; " * 3},
]


def frame(text: str) -> pl.DataFrame:
    return pl.DataFrame({"note": [text]})


def judged(value: bytes) -> tuple[str, bool]:
    """The reason for which a value is no row, empty where it is one, and whether it is withheld."""
    decoded = decode(Values([value]), contract("search"), {})
    return (decoded.bad[0].reason, decoded.bad[0].withheld) if decoded.bad else ("", False)


@pytest.mark.parametrize("written", WRITTEN)
@pytest.mark.parametrize("image", IMAGES)
def test_an_image_in_a_text_of_a_sound_record_is_found(
    make_search: MakeSearch, image: str, written: str
) -> None:
    text = WRITTEN[written](IMAGES[image](600, 5))
    for fields in (
        {"purpose": f"see {text} there"},
        {"attributes": {"note": text}},
        {"galleries": ["a", text]},
    ):
        assert judged(make_search(**fields)) == ("holds_image", True)


@pytest.mark.parametrize("written", TEMPLATES)
def test_a_template_in_a_text_of_a_sound_record_is_found(make_search: MakeSearch, written: str) -> None:
    for seed in range(20):
        text = TEMPLATES[written](seed)
        for fields in ({"purpose": f"see {text}"}, {"attributes": {"note": text}}):
            assert judged(make_search(**fields)) == ("holds_image", True)


def test_tokens_and_packed_texts_are_no_templates() -> None:
    """What is random in a token of a session, a signature, or a text that was packed, is none."""
    for seed in range(300):
        for size in (128, 256, 1_000):
            assert not len(texts_with_image(frame(base64.b64encode(noise(size, seed)).decode())))
    words = " ".join(f"case {noise(2, seed).hex()} at {seed}" for seed in range(300)).encode()
    for packed in (gzip.compress(words), zstandard.compress(words)):
        assert not len(texts_with_image(frame(base64.b64encode(packed).decode())))


def test_a_template_that_is_spread_over_items_is_found(make_search: MakeSearch) -> None:
    numbers = TEMPLATES["floats"](4).strip("[]").split(", ")
    assert judged(make_search(galleries=numbers)) == ("holds_image", True)
    assert judged(make_search(attributes={f"n{n}": x for n, x in enumerate(numbers)})) == (
        "holds_image",
        True,
    )


@pytest.mark.parametrize(
    "name",
    [
        "probe-image",
        "ProbeImage",
        "probeImageBase64",
        "face.template",
        "embedding_512",
        "faceVector",
        "PROBE_IMAGE",
        "image",
        "photo2",
        "faceEmbeddings",
        "mugshot",
        "candidate_photo_b64",
        "template",
        "faceprint",
        "face_data",
        "thumbnail",
        "probe_base64",
        "image_bytes",
        "Ｐｈｏｔｏ",
        "rawImage",
        "cropped_face_image",
    ],
)
def test_a_name_of_an_image_is_known_however_it_is_written(make_search: MakeSearch, name: str) -> None:
    assert is_image_name(name)
    assert judged(make_search(attributes={name: "x"})) == ("holds_image", True)
    for text in (f'{{"x": 1, "{name}": "{"AB" * 60}"}}', f'[{{\\"{name}\\": \\"{"AB" * 60}\\"}}]'):
        if name.isascii():
            assert judged(make_search(attributes={"extra": text})) == ("holds_image", True)


@pytest.mark.parametrize("fields", LEGAL)
def test_what_clients_say_without_images_is_a_row(make_search: MakeSearch, fields: dict[str, Any]) -> None:
    assert judged(make_search(**fields)) == ("", False)


images = st.builds(
    lambda kind, size, seed: IMAGES[kind](size, seed),
    st.sampled_from(sorted(IMAGES)),
    st.integers(400, 3_000),
    st.integers(0, 1 << 30),
)
RAW = "raw"
texts = st.sampled_from([RAW, *WRITTEN])


@settings(max_examples=600, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(image=images, written=texts, ordinary=st.sampled_from(ORDINARY), data=st.data())
def test_an_image_anywhere_in_a_damaged_record_is_found(
    make_search: MakeSearch, image: bytes, written: str, ordinary: dict[str, Any], data: st.DataObject
) -> None:
    value = make_search(**ordinary)
    at = data.draw(st.integers(10, len(value)))
    held = image if written == RAW else WRITTEN[written](image).encode()
    assert may_hold_face(value[:at] + held + value[at:])


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(image=images, ordinary=st.sampled_from(ORDINARY), data=st.data())
def test_a_part_of_an_image_without_its_beginning_is_found(
    make_search: MakeSearch, image: bytes, ordinary: dict[str, Any], data: st.DataObject
) -> None:
    """Its first 100 bytes are gone, and perhaps its end."""
    value = make_search(**ordinary)
    at = data.draw(st.integers(10, len(value)))
    middle = image[100 : data.draw(st.integers(max(len(image) // 2, 250), max(len(image), 250)))]
    assert may_hold_face(value[:at] + middle + value[at:])
    assert may_hold_face(value[:at] + WRITTEN["base64"](image)[150:].encode() + value[at:])


@pytest.mark.parametrize("kind", ["<f4", ">f4", "<f8", "<f2", "i1"])
def test_a_template_as_bytes_is_found(make_search: MakeSearch, kind: str) -> None:
    for seed in range(50):
        held = noise(128, seed) if kind == "i1" else embedding(128, seed, kind)
        value = make_search()
        assert may_hold_face(value[:60] + held + value[60:])
        assert may_hold_face(held)


@pytest.mark.parametrize(
    "name", [b"probe-image", b"ProbeImage", b"faceVector", b"embedding_512", b"face.template"]
)
def test_a_name_of_an_image_in_a_damaged_record_is_found(make_search: MakeSearch, name: bytes) -> None:
    assert may_hold_face(make_search()[:-2] + b"\2\x16" + name + b"\6abc\0")


def damaged(value: bytes, choose: random.Random) -> bytes:
    match choose.randrange(4):
        case 0:
            return value[: choose.randrange(1, len(value))]
        case 1:
            at = choose.randrange(len(value) * 8)
            flipped = bytearray(value)
            flipped[at // 8] ^= 1 << at % 8
            return bytes(flipped)
        case 2:
            at = choose.randrange(len(value))
            return value[:at] + value[at + choose.randrange(1, 9) :]
        case _:
            at = choose.randrange(len(value))
            return value[:at] + choose.randbytes(choose.randrange(1, 9)) + value[at:]


def test_damaged_records_without_an_image_keep_their_bytes(make_search: MakeSearch) -> None:
    choose = random.Random(11)  # noqa: S311  reproducible, no secret
    kept = total = 0
    for _ in range(500):
        for fields in ORDINARY:
            probe = {"probe_hash": choose.randbytes(32).hex(), "top_score": choose.random()}
            value = make_search(**({"candidates": choose.randrange(500)} | probe | fields))
            kept += not may_hold_face(damaged(value, choose))
            total += 1
    assert kept / total > 0.98


HOSTILE = [
    b"\\",
    b" ",
    b"\t\r",
    b'"',
    b'"image"',
    b'"image" ',
    b"face ",
    b"a",
    b"ab ",
    b"1,",
    b"1" * 99 + b",",
    b"P1 1 ",
    b"%41",
    b"\\x41",
    b"01234567-",
    b"-",
    b"A" * 27 + b" ",
    b"A" * 40 + b"\n",
    b"ab" * 23 + b"g",
    b"\x01abc",
    b"\x00",
    b"rawface",
    b"0x",
]


@pytest.mark.parametrize("piece", HOSTILE)
def test_no_value_takes_long_to_look_at(make_search: MakeSearch, piece: bytes) -> None:
    """A search in good form may hold it too; both take some milliseconds."""
    text = (piece * 40_000)[:40_000]
    sound = make_search(purpose=text.decode(), attributes={text[:9_000].decode(): text[:3_000].decode()})
    started = time.process_time()
    may_hold_face(text + b"x\n")
    judged(sound)
    assert time.process_time() - started < 2


@given(st.text(max_size=20), st.from_regex(withhold._HINTS), st.text(max_size=20))
def test_a_few_records_are_looked_at_closely_wherever_many_are(before: str, hint: str, after: str) -> None:
    data = np.frombuffer((before + hint + after).encode("utf-8", "surrogatepass"), np.uint8)
    assert may_hold_image(data)
