"""The end of a file, by its format."""

from __future__ import annotations

import io
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from docferry.intake.structure import Structure, looks_complete

SAMPLES = Path(__file__).parents[2] / "config" / "samples"


def verdict(data: bytes) -> Structure:
    return looks_complete(lambda offset, length: data[offset : offset + length], len(data))


def picture(format: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    Image.effect_noise((64, 64), 50).save(buffer, format, **options)
    return buffer.getvalue()


def tiff(pages: int) -> bytes:
    images = [Image.effect_noise((40, 40), 50) for _ in range(pages)]
    buffer = io.BytesIO()
    images[0].save(buffer, "TIFF", save_all=True, append_images=images[1:])
    return buffer.getvalue()


def archive() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as opened:
        for number in range(20):
            opened.writestr(f"word/part{number}.xml", f"<p>{number}</p>" * 50)
        opened.comment = b"a comment " * 30
    return buffer.getvalue()


PDF = b"%PDF-1.7\n" + b"stream of bytes\n" * 200 + b"startxref\n9\n%%EOF\r\n"
MAKERS: dict[str, Callable[[], bytes]] = {
    "pdf": lambda: PDF,
    "zip": archive,
    "jpeg": lambda: picture("JPEG"),
    "png": lambda: picture("PNG"),
    "webp": lambda: picture("WEBP"),
}


@pytest.mark.parametrize("kind", MAKERS)
def test_a_whole_file_is_complete_and_every_cut_is_seen(kind: str) -> None:
    data = MAKERS[kind]()
    assert verdict(data) is Structure.COMPLETE
    for share in (0.3, 0.6, 0.9, 0.99):
        assert verdict(data[: int(len(data) * share)]) is Structure.INCOMPLETE, share


def test_a_tiff_is_open_ended_and_every_cut_is_seen() -> None:
    for pages in (1, 3):
        data = tiff(pages)
        assert verdict(data) is Structure.OPEN_ENDED
        for share in (0.2, 0.6, 0.95):
            assert verdict(data[: int(len(data) * share)]) is Structure.INCOMPLETE, (pages, share)


def test_a_tiff_whose_first_directory_is_not_written_yet_is_incomplete() -> None:
    assert verdict(b"II*\0" + bytes(4) + b"pixels" * 50) is Structure.INCOMPLETE


def test_a_tiff_whose_directories_form_a_loop_ends() -> None:
    directory = struct.pack("<HHHIII", 1, 256, 4, 1, 40, 8)
    assert verdict(b"II*\0" + struct.pack("<I", 8) + directory) is Structure.OPEN_ENDED


def test_preallocated_space_is_incomplete() -> None:
    """Row 13: the size is right from the start, the bytes come later."""
    assert verdict(bytes(5000)) is Structure.INCOMPLETE
    assert verdict(PDF[:500] + bytes(5000)) is Structure.INCOMPLETE
    data = picture("PNG")
    assert verdict(data[: len(data) // 2] + bytes(len(data) // 2)) is Structure.INCOMPLETE


def test_a_jpeg_with_something_behind_the_picture_is_complete() -> None:
    assert verdict(picture("JPEG") + b"maker's trailer" * 100) is Structure.COMPLETE


@pytest.mark.parametrize("data", [b"plain text", b"<html></html>", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" * 20, b"x"])
def test_formats_without_an_end_mark_are_unknown(data: bytes) -> None:
    assert verdict(data) is Structure.UNKNOWN


def test_our_samples_are_never_called_cut_off() -> None:
    for sample in SAMPLES.iterdir():
        if sample.is_file():
            assert verdict(sample.read_bytes()) is not Structure.INCOMPLETE, sample.name


heads = st.sampled_from(
    [b"", b"%PDF-1.4", b"PK\x03\x04", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"II*\0", b"MM\0*", b"RIFF"]
)


@given(heads, st.binary(max_size=3000))
def test_hostile_bytes_get_a_verdict(head: bytes, body: bytes) -> None:
    assert verdict(head + body) in Structure
