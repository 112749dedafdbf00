"""Facts come from the content, whatever the file is called, and hostile files harm only their own answer."""

from __future__ import annotations

import asyncio
import hashlib
import os
import signal
import struct
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable
from email.message import EmailMessage
from pathlib import Path

import pytest
from PIL import Image

from docferry.errors import InboxOffline
from docferry.models import Json
from docferry.rules.facts import FactReader
from docferry.rules.known import unreadable_reason
from intake.namespaces import MOUNTS, alone
from rules.work import SAMPLES, read_facts, with_reader, write_zip

LOCKED = Path(__file__).parent / "data" / "locked.pdf"
OOXML = "application/vnd.openxmlformats-officedocument."


def _mail(path: Path) -> None:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "a@example.com", "b@example.com", "Offer"
    message.set_content("The price is 12 EUR.\n")
    path.write_bytes(bytes(message))


def _ole(path: Path, *streams: str) -> None:
    """A compound file with a directory and nothing else: all that its type can be told from."""
    header = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(16) + struct.pack("<HHHHH", 62, 3, 0xFFFE, 9, 6) + bytes(6)
    header += struct.pack("<IIII", 0, 1, 1, 0) + struct.pack("<IIIII", 4096, 0xFFFFFFFE, 0, 0xFFFFFFFE, 0)
    header += struct.pack("<109I", 0, *[0xFFFFFFFF] * 108)
    table = struct.pack("<128I", 0xFFFFFFFD, 0xFFFFFFFE, *[0xFFFFFFFF] * 126)
    entries = b""
    for name in ("Root Entry", *streams):
        text = (name + "\0").encode("utf-16-le")
        entries += text.ljust(64, b"\0") + struct.pack("<H", len(text)) + bytes(62)
    path.write_bytes(header + table + entries.ljust(512, b"\0"))


def _pictures(path: Path, kind: str, count: int = 1) -> None:
    pictures = [Image.new("L", (8, 8), shade) for shade in range(count)]
    pictures[0].save(path, kind, save_all=count > 1, **({"append_images": pictures[1:]} if count > 1 else {}))


def _zip(members: dict[str, str | bytes]) -> Callable[[Path], object]:
    return lambda path: write_zip(path, members)


def _bytes(content: bytes) -> Callable[[Path], object]:
    return lambda path: path.write_bytes(content)


def _copy(sample: str, limit: int | None = None, before: bytes = b"") -> Callable[[Path], object]:
    return lambda path: path.write_bytes(before + (SAMPLES / sample).read_bytes()[:limit])


def _content_types(part: str) -> dict[str, str | bytes]:
    return {"[Content_Types].xml": f'<Types><Override ContentType="application/{part}+xml"/></Types>'}


DOCUMENT = _content_types("vnd.openxmlformats-officedocument.wordprocessingml.document.main")
MACROS = _content_types("vnd.ms-word.document.macroEnabled.main")
TALK = _content_types("vnd.openxmlformats-officedocument.presentationml.presentation.main")
ODT = "application/vnd.oasis.opendocument.text"


KINDS: list[tuple[str, Callable[[Path], object], str]] = [
    ("pdf", _copy("report.pdf"), "application/pdf"),
    ("pdf after junk", _copy("scan.pdf", before=b"\r\n\r\n"), "application/pdf"),
    ("text named pdf", _copy("bad/not-a.pdf"), "text/plain"),
    ("empty", _bytes(b""), "application/x-empty"),
    ("docx", _copy("letter.docx"), OOXML + "wordprocessingml.document"),
    ("docx cut short", _copy("letter.docx", 3000), OOXML + "wordprocessingml.document"),
    ("xlsx", _copy("budget.xlsx"), OOXML + "spreadsheetml.sheet"),
    ("pptx", _zip(TALK), OOXML + "presentationml.presentation"),
    ("docm", _zip(MACROS), "application/vnd.ms-word.document.macroenabled.12"),
    ("odt", _zip({"mimetype": ODT}), ODT),
    ("epub", _zip({"mimetype": "application/epub+zip"}), "application/epub+zip"),
    ("zip", _zip({"a.txt": "a"}), "application/zip"),
    ("zip that lies", _zip({"mimetype": "text/html\nX: y"}), "application/zip"),
    ("doc", lambda path: _ole(path, "WordDocument", "1Table"), "application/msword"),
    ("xls", lambda path: _ole(path, "Workbook"), "application/vnd.ms-excel"),
    ("ppt", lambda path: _ole(path, "PowerPoint Document"), "application/vnd.ms-powerpoint"),
    ("msg", lambda path: _ole(path, "__properties_version1.0"), "application/vnd.ms-outlook"),
    ("locked office", lambda path: _ole(path, "EncryptionInfo", "EncryptedPackage"), "application/encrypted"),
    ("ole", lambda path: _ole(path, "Something"), "application/x-ole-storage"),
    ("ole cut short", _bytes(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\xff" * 504), "application/x-ole-storage"),
    ("mail", _mail, "message/rfc822"),
    ("html", _copy("page.html"), "text/html"),
    ("html without doctype", _bytes(b"\n<!-- x --><html><p>a</html>"), "text/html"),
    ("svg", _bytes(b"<?xml version='1.0'?><svg xmlns='http://www.w3.org/2000/svg'/>"), "image/svg+xml"),
    ("xml", _bytes(b"<?xml version='1.0'?><a/>"), "application/xml"),
    ("rtf", _bytes(rb"{\rtf1 hello}"), "application/rtf"),
    ("json", _bytes(b'{"a": [1, 2]}'), "application/json"),
    ("nearly json", _bytes(b'{"a": [1, 2'), "text/plain"),
    ("csv", _bytes(b"a,b,c\n1,2,3\n4,5,6\n7,8,9\n"), "text/csv"),
    ("prose with commas", _bytes(b"One, two\nthree\nfour, five, six\n"), "text/plain"),
    ("notes with a colon", _bytes(b"Subject: tea\nbring milk\nand sugar\n"), "text/plain"),
    ("utf-8", _bytes("Größe: 5 m²\n".encode()), "text/plain"),
    ("utf-8 cut in a letter", _bytes(("ä" * 20000).encode()), "text/plain"),
    ("utf-16 with mark", _bytes("Größe und Länge".encode("utf-16")), "text/plain"),
    ("utf-16 without", _bytes("Groesse und Laenge".encode("utf-16-le")), "text/plain"),
    ("utf-16-be without", _bytes("Groesse und Laenge".encode("utf-16-be")), "text/plain"),
    ("latin-1", _bytes("Größe und Länge\n".encode("latin-1")), "text/plain"),
    ("shift-jis", _bytes("請求書番号\n".encode("shift-jis")), "text/plain"),
    ("gbk", _bytes("发票号码\n".encode("gbk")), "text/plain"),
    ("koi8-r", _bytes("Счёт номер пять\n".encode("koi8-r")), "text/plain"),
    ("noise", _bytes(bytes(range(256)) * 4), "application/octet-stream"),
    ("png", lambda path: _pictures(path, "PNG"), "image/png"),
    ("jpeg", lambda path: _pictures(path, "JPEG"), "image/jpeg"),
    ("gif", lambda path: _pictures(path, "GIF"), "image/gif"),
    ("bmp", lambda path: _pictures(path, "BMP"), "image/bmp"),
    ("webp", lambda path: _pictures(path, "WEBP"), "image/webp"),
    ("tiff", lambda path: _pictures(path, "TIFF"), "image/tiff"),
    ("heic", _bytes(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic"), "image/heic"),
    ("gzip", _bytes(b"\x1f\x8b\x08\0" + bytes(20)), "application/gzip"),
    ("ogg, which only the table knows", _bytes(b"OggS\0\x02" + bytes(40)), "application/ogg"),
]  # fmt: skip


def test_the_type_comes_from_the_content_never_from_the_name(tmp_path: Path) -> None:
    async def ask(reader: FactReader) -> dict[str, Json]:
        found = {}
        for label, make, _ in KINDS:
            path = tmp_path / f"{label}.exe"
            make(path)
            found[label] = (await reader.read(path, frozenset({"type"})))["type"]
        return found

    assert with_reader(ask) == {label: kind for label, _, kind in KINDS}


def test_pages_are_what_a_reader_would_see(tmp_path: Path) -> None:
    _pictures(tmp_path / "fax.tif", "TIFF", 7)
    _pictures(tmp_path / "one.gif", "GIF", 3)
    slides = {f"ppt/slides/slide{number}.xml": "" for number in range(1, 12)}
    write_zip(tmp_path / "talk.pptx", TALK | slides)
    write_zip(
        tmp_path / "letter.odt",
        {"mimetype": ODT, "meta.xml": '<m meta:page-count="3"/>'},
    )
    expected = {
        SAMPLES / "report.pdf": 4,
        SAMPLES / "scan.pdf": 1,
        SAMPLES / "receipt.png": 1,
        SAMPLES / "letter.docx": 1,
        SAMPLES / "budget.xlsx": 3,
        tmp_path / "fax.tif": 7,
        tmp_path / "one.gif": 1,
        tmp_path / "talk.pptx": 11,
        tmp_path / "letter.odt": 3,
    }

    async def ask(reader: FactReader) -> dict[Path, Json]:
        return {path: (await reader.read(path, frozenset({"pages"})))["pages"] for path in expected}

    assert with_reader(ask) == expected


def test_pages_that_cannot_be_known_say_why(tmp_path: Path) -> None:
    (tmp_path / "loop.tif").write_bytes(b"II*\0\x08\0\0\0" + struct.pack("<HI", 0, 8))
    (tmp_path / "cut.tif").write_bytes(b"II*\0\xff\xff\0\0")
    write_zip(
        tmp_path / "nothing.docx", _content_types("vnd.openxmlformats-officedocument.wordprocessingml.document.main")
    )
    reasons = {
        SAMPLES / "bad" / "truncated.pdf": "the PDF is damaged",
        SAMPLES / "notes.txt": "a file of type text/plain has no page count; put a type condition beside pages",
        LOCKED: "it needs a password",
        tmp_path / "cut.tif": "the TIFF is cut short",
        tmp_path / "nothing.docx": "the program that wrote it left no page count in it",
    }

    async def ask(reader: FactReader) -> dict[Path, str]:
        assert (await reader.read(tmp_path / "loop.tif", frozenset({"pages"})))["pages"] == 1
        answers = {path: await reader.read(path, frozenset({"pages"})) for path in reasons}
        return {path: unreadable_reason(answer["pages"]) for path, answer in answers.items()}

    assert with_reader(ask) == reasons


def test_encrypted_means_that_a_password_is_needed(tmp_path: Path) -> None:
    _ole(tmp_path / "locked.docx", "EncryptedPackage")
    write_zip(tmp_path / "locked.zip", {"a": "b"})
    content = bytearray((tmp_path / "locked.zip").read_bytes())
    content[content.index(b"PK\x01\x02") + 8] |= 1
    (tmp_path / "locked.zip").write_bytes(content)

    async def ask(reader: FactReader) -> list[Json]:
        files = [
            LOCKED,
            tmp_path / "locked.docx",
            tmp_path / "locked.zip",
            SAMPLES / "report.pdf",
            SAMPLES / "notes.txt",
        ]
        return [(await reader.read(file, frozenset({"encrypted"})))["encrypted"] for file in files]

    assert with_reader(ask) == [True, True, True, False, False]


def test_text_is_looked_for_in_the_digital_text(tmp_path: Path) -> None:
    _mail(tmp_path / "offer.eml")
    (tmp_path / "wide.txt").write_bytes("Rechnung Nr. 5".encode("utf-16"))
    (tmp_path / "page.html").write_text(
        "<html><script>var invoice</script><p>Dear&nbsp;Ms Gr&uuml;n,<br>thanks</p></html>"
    )
    slides = {f"ppt/slides/slide{number}.xml": f"<a:p><a:t>page {number}</a:t></a:p>" for number in range(1, 6)}
    write_zip(tmp_path / "talk.pptx", TALK | slides)
    cases: list[tuple[Path, str, Json]] = [
        (SAMPLES / "report.pdf", "(?i)report", True),
        (SAMPLES / "report.pdf", "no such words", False),
        (SAMPLES / "scan.pdf", ".", False),
        (SAMPLES / "receipt.png", ".", False),
        (SAMPLES / "letter.docx", "(?i)dear|regards|letter", True),
        (tmp_path / "offer.eml", "Subject: Offer", True),
        (tmp_path / "offer.eml", r"12 EUR", True),
        (tmp_path / "wide.txt", "Rechnung", True),
        (tmp_path / "page.html", "Ms Grün,\nthanks", True),
        (tmp_path / "page.html", "invoice", False),
        (tmp_path / "talk.pptx", "page 3", True),
        (tmp_path / "talk.pptx", "page 4", False),  # the first three pages are looked at
        (SAMPLES / "bad" / "empty.pdf", ".", False),
    ]  # fmt: skip

    async def ask(reader: FactReader) -> list[Json]:
        return [
            (await reader.read(path, frozenset({f"text:{pattern}"})))[f"text:{pattern}"] for path, pattern, _ in cases
        ]

    assert with_reader(ask) == [found for _, _, found in cases]
    _ole(tmp_path / "old.doc", "WordDocument")
    reason = unreadable_reason(read_facts(tmp_path / "old.doc", "text:x")["text:x"])
    assert reason.startswith("the text of a file of type application/msword cannot be read here")


def test_the_hash_is_that_of_the_bytes() -> None:
    content = (SAMPLES / "report.pdf").read_bytes()

    assert read_facts(SAMPLES / "report.pdf", "sha256") == {"sha256": hashlib.sha256(content).hexdigest()}


def test_names_may_be_any_bytes(tmp_path: Path) -> None:
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff\n \xfe.txt"))
    path.write_text("hello")

    assert read_facts(path, "type") == {"type": "text/plain"}


@pytest.mark.parametrize("kind", ["fifo", "symlink", "folder", "gone"])
def test_only_regular_files_are_opened(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "a"
    if kind == "fifo":
        os.mkfifo(path)
    elif kind == "symlink":
        path.symlink_to(SAMPLES / "notes.txt")
    elif kind == "folder":
        path.mkdir()

    answer = read_facts(path, "type", "pages")

    assert set(answer) == {"type", "pages"}
    assert all(unreadable_reason(value) for value in answer.values())


def test_a_zip_that_unpacks_without_end_is_not_unpacked(tmp_path: Path) -> None:
    path = tmp_path / "bomb.docx"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("[Content_Types].xml", "wordprocessingml.document.main+xml" + " " * 60_000_000)
        archive.writestr("word/document.xml", "<w:t>" + "x" * 60_000_000)

    answer = read_facts(path, "type", "text:x")

    assert answer == {"type": OOXML + "wordprocessingml.document", "text:x": True}


def test_a_pattern_that_takes_too_long_is_given_up(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("a" * 5000 + "b")

    reason = unreadable_reason(read_facts(tmp_path / "a.txt", "text:^(a|aa)+$")["text:^(a|aa)+$"])

    assert reason.startswith("the pattern takes too long")


def _worker_pids() -> list[int]:
    children = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
    return [int(pid) for pid in children if b"docferry.rules.worker" in _command_line(pid)]


def _command_line(pid: str) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""  # it has ended meanwhile


def _has_open(pid: int, file: Path) -> bool:
    """Whether the process is reading the file at this moment."""
    try:
        return any(os.readlink(entry) == str(file) for entry in Path(f"/proc/{pid}/fd").iterdir())
    except OSError:
        return False  # it, or what it had open, is gone


def test_a_disk_that_fails_is_no_property_of_the_file() -> None:
    """Else a share that breaks off for a moment would send a document by another rule, or fail it."""
    with pytest.raises(InboxOffline, match="reports errors"):
        read_facts(Path("/proc/self/mem"), "type")  # a regular file whose beginning nobody can read: EIO


@alone(*MOUNTS)
def test_a_share_that_hangs_is_told_apart_and_holds_up_no_other_folder() -> None:
    """Row 39: while one file is asked for in vain, and then no other of that share for a while."""
    folder = Path(tempfile.mkdtemp(prefix="docferry-facts-"))
    (folder / "share").mkdir()
    helper = Path(__file__).parents[1] / "service" / "hung_share.py"
    share = subprocess.Popen([sys.executable, str(helper), str(folder / "share")], stdout=subprocess.PIPE)
    assert share.stdout is not None
    if not share.stdout.readline():
        pytest.skip("no FUSE here")
    hung = folder / "share" / ".docferry" / "id" / "a.pdf"

    async def ask(reader: FactReader) -> dict[str, Json]:
        for _ in range(2):
            with pytest.raises(InboxOffline, match="its share hangs"):
                await asyncio.wait_for(reader.read(hung, frozenset({"pages", "sha256"})), 30)
        began = time.monotonic()
        with pytest.raises(InboxOffline):
            await reader.read(hung.with_name("b.pdf"), frozenset({"pages"}))
        assert time.monotonic() - began < 3, "it was asked for, and waited for"
        return await reader.read(SAMPLES / "notes.txt", frozenset({"type"}))

    try:
        assert with_reader(ask, time_limit_s=3.0) == {"type": "text/plain"}
    finally:
        share.kill()
        share.wait()
        share.stdout.close()


class TestTheWorker:
    def test_that_hangs_is_replaced(self, tmp_path: Path) -> None:
        (tmp_path / "slow.txt").write_text("a" * 5000 + "b")

        async def ask(reader: FactReader) -> tuple[dict[str, Json], dict[str, Json]]:
            slow = await reader.read(tmp_path / "slow.txt", frozenset({"text:^(a|aa)+$"}))
            return slow, await reader.read(SAMPLES / "notes.txt", frozenset({"type"}))

        slow, after = with_reader(ask, time_limit_s=0.6)

        assert unreadable_reason(slow["text:^(a|aa)+$"]) == "reading it took longer than 0.6 s"
        assert after == {"type": "text/plain"}
        assert _worker_pids() == []

    def test_that_died_between_two_files_harms_neither(self) -> None:
        async def ask(reader: FactReader) -> tuple[list[int], list[int], dict[str, Json]]:
            await reader.read(SAMPLES / "notes.txt", frozenset({"type"}))
            (before,) = _worker_pids()
            os.kill(before, signal.SIGKILL)
            answer = await reader.read(SAMPLES / "report.pdf", frozenset({"pages"}))
            return [before], _worker_pids(), answer

        before, after, answer = with_reader(ask)

        assert answer == {"pages": 4}
        assert len(after) == 1
        assert after != before

    def test_that_dies_of_a_file_says_so(self, tmp_path: Path) -> None:
        # Whatever the file would do to it, the kernel ends it in the middle of the question.
        (tmp_path / "slow.txt").write_text("a" * 5000 + "b")

        async def ask(reader: FactReader) -> dict[str, Json]:
            question = asyncio.create_task(reader.read(tmp_path / "slow.txt", frozenset({"text:^(a|aa)+$"})))
            while not question.done():
                for pid in _worker_pids():
                    if _has_open(pid, tmp_path / "slow.txt"):
                        os.kill(pid, signal.SIGSEGV)
                await asyncio.sleep(0.01)
            return await question

        assert unreadable_reason(with_reader(ask)["text:^(a|aa)+$"]) == "reading it crashed the reader (signal 11)"

    def test_is_limited_and_finds_no_keys(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("PULSE_API_KEY", "very-secret")

        async def ask(reader: FactReader) -> tuple[str, bytes]:
            await reader.read(SAMPLES / "notes.txt", frozenset({"type"}))
            (pid,) = _worker_pids()
            return Path(f"/proc/{pid}/limits").read_text(), Path(f"/proc/{pid}/environ").read_bytes()

        limits, environment = with_reader(ask)

        rows = {line[:25].strip(): line[25:].split()[0] for line in limits.splitlines()}
        assert (rows["Max address space"], rows["Max file size"], rows["Max core file size"]) == (
            "1500000000",
            "0",
            "0",
        )
        assert b"very-secret" not in environment

    def test_is_ended_when_a_question_is_given_up(self, tmp_path: Path) -> None:
        (tmp_path / "slow.txt").write_text("a" * 5000 + "b")

        async def ask(reader: FactReader) -> dict[str, Json]:
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.8):
                    await reader.read(tmp_path / "slow.txt", frozenset({"text:^(a|aa)+$"}))
            return await reader.read(SAMPLES / "notes.txt", frozenset({"type"}))

        assert with_reader(ask) == {"type": "text/plain"}
