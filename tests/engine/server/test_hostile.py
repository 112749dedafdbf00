"""Hostile documents fail their own jobs, with a reason, within their limits; the server answers all the while."""

from __future__ import annotations

import io
import random
import struct
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.server.machine import SAMPLES, Running, engine

DEFECT = "PROC_004"
SOME_OF_EACH = [("report.pdf", 25), ("letter.docx", 15), ("budget.xlsx", 15), ("page.html", 15), ("receipt.png", 3)]


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with engine(tmp_path_factory.mktemp("hostile"), workers=2, limits={"job_time_s": 20.0}) as running:
        yield running


def damaged(data: bytes, chance: random.Random) -> bytes:
    """``data`` with a few bytes changed, a piece repeated or removed, or its end missing."""
    copy = bytearray(data)
    kind = chance.randrange(4)
    start = chance.randrange(len(copy))
    if kind == 0:
        for _ in range(chance.randrange(1, 30)):
            copy[chance.randrange(len(copy))] = chance.randrange(256)
    elif kind == 1:
        del copy[start:]
    elif kind == 2:
        del copy[start : start + chance.randrange(1, 500)]
    else:
        copy[start:start] = copy[start : start + chance.randrange(1, 500)]
    return bytes(copy)


@pytest.mark.parametrize(("name", "times"), SOME_OF_EACH)
def test_damaged_documents_end_one_way_or_the_other(guarded: Running, name: str, times: int) -> None:
    original, chance = (SAMPLES / name).read_bytes(), random.Random(name)
    jobs = [guarded.submit(damaged(original, chance), name) for _ in range(times)]
    assert guarded.http.get("/job/none").status_code == 404  # it answers all the while
    for job_id in jobs:
        answer = guarded.ended(job_id)
        assert answer["status"] in {"completed", "failed"}
        assert answer.get("error_code") != DEFECT, answer
        assert answer["status"] == "completed" or answer["error"]


def zip_bomb() -> bytes:
    """A DOCX of a few megabytes that unpacks to almost a gigabyte."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
        with archive.open("word/document.xml", "w", force_zip64=True) as entry:
            for _ in range(90):
                entry.write(b" " * 10_000_000)
    return packed.getvalue()


def picture_bomb() -> bytes:
    """A PNG of a few kilobytes that claims forty thousand pixels each way."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", 40_000, 40_000, 8, 2, 0, 0, 0)
    body = zlib.compress(b"\0" * 1_000_000)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", body) + chunk(b"IEND", b"")


def deep_html() -> bytes:
    return b"<html><body>" + b"<div>" * 200_000 + b"deep"


def endless_pdf() -> bytes:
    """A PDF whose page tree contains itself."""
    return (
        b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n"
        b"2 0 obj<</Type/Pages/Kids[2 0 R 2 0 R]/Count 999999999>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF"
    )


@pytest.mark.parametrize("make", [zip_bomb, picture_bomb, deep_html, endless_pdf])
def test_bombs_go_off_in_their_own_job(guarded: Running, make: object, tmp_path: Path) -> None:
    assert callable(make)
    answer = guarded.ended(guarded.submit(make(), "bomb"))
    assert answer["status"] in {"completed", "failed"}
    assert answer.get("error_code") != DEFECT, answer
    assert guarded.ended(guarded.submit(b"the next guest"))["status"] == "completed"
