"""What an operator reads, in each form, and what nobody must ever read."""

from __future__ import annotations

import io
import json
import logging
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st
from systemd.journal import send as systemd_send  # type: ignore[import-not-found, import-untyped, unused-ignore]

from docferry.errors import UsageError
from docferry.observe import logs
from docferry.observe.redaction import SECRET_MARK, Redactor, name_token

SECRET = "sk-live/7f3a+b c"


@pytest.fixture(autouse=True)
def _untouched_logging(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Each test configures logging for itself alone."""
    monkeypatch.setattr(logs, "_redactor", Redactor())
    root = logging.getLogger()
    before = (root.handlers[:], root.level, sys.excepthook)
    yield
    for handler in [handler for handler in root.handlers if handler not in before[0]]:
        root.removeHandler(handler)
    root.setLevel(before[1])
    sys.excepthook = before[2]
    logging.captureWarnings(False)


def logged(format: str, *, names: bool = True, level: str = "info") -> io.StringIO:
    stream = io.StringIO()
    logs.configure(format=format, level=level, names=names, stream=stream, environ={})
    return stream


def lone_logger() -> logging.Logger:
    """A logger that nobody else hears."""
    return logging.Logger("docferry.alone")  # noqa: LOG001


def test_text_has_time_level_sentence_and_fields() -> None:
    stream = logged("text")
    extra = {"document": "0abc", "path": "a b.pdf", "attempt": 2, "took_s": 1.5}
    logging.getLogger("docferry.x").info("submitted to %s", "pulse", extra=extra)
    line = stream.getvalue()
    assert line.endswith(' INFO    submitted to pulse document=0abc path="a b.pdf" attempt=2 took_s=1.500\n')
    assert line[4] == "-"
    assert line[10] == " "


def test_json_lines_carry_the_same_fields() -> None:
    stream = logged("json")
    logging.getLogger("docferry.x").warning("again", extra={"job": "j1", "state": "waiting"})
    entry = json.loads(stream.getvalue())
    assert (entry["level"], entry["message"], entry["job"], entry["state"]) == ("warning", "again", "j1", "waiting")
    assert entry["time"].endswith("Z")


def test_under_systemd_without_bindings_each_line_has_its_priority() -> None:
    stream = io.StringIO()
    sink = logs.StreamSink(stream, Redactor(), style="prefixed")
    logger = lone_logger()
    logger.addHandler(sink)
    try:
        raise ValueError("odd")
    except ValueError:
        logger.exception("it broke", extra={"document": "0abc"})
    lines = stream.getvalue().splitlines()
    assert lines[0] == "<3>it broke document=0abc"
    assert all(line.startswith("<3>") for line in lines)
    assert lines[-1].endswith("ValueError: odd")


class Journal:
    """Takes what libsystemd would be given."""

    def __init__(self) -> None:
        self.sent: list[dict[str, str | int]] = []

    def send(self, message: str, **fields: str | int) -> None:
        self.sent.append({"MESSAGE": message, **fields})
        systemd_send(message, **fields)  # refuses what it cannot write; goes nowhere without a journal


def test_the_journal_gets_structured_fields_and_never_the_arguments(tmp_path: Path) -> None:
    journal, redactor, socket = Journal(), Redactor(), tmp_path / "socket"
    redactor.register(SECRET)
    socket.touch()
    stream = io.StringIO()
    logger = lone_logger()
    logger.addHandler(logs.JournalSink(journal.send, redactor, logs.StreamSink(stream, redactor, style="text"), socket))
    logger.error("refused: %s", SECRET, extra={"document": "0abc", "job": "j1", "provider": "pulse", "attempt": 1})
    (entry,) = journal.sent
    assert entry["DOCFERRY_DOCUMENT"] == "0abc"
    assert entry["DOCFERRY_JOB"] == "j1"
    assert entry["DOCFERRY_PROVIDER"] == "pulse"
    assert entry["DOCFERRY_ATTEMPT"] == "1"
    assert entry["PRIORITY"] == "3"
    assert "CODE_ARGS" not in entry
    assert SECRET not in str(entry)
    assert entry["MESSAGE"] == "refused: [secret] document=0abc job=j1 provider=pulse attempt=1"
    assert stream.getvalue() == ""


def test_a_message_of_several_lines_stays_together() -> None:
    stream = logged("text")
    logging.getLogger("docferry.x").error("docferry.yaml:3: wrong\n  3 | pulse\n      ^^^")
    first, *rest = stream.getvalue().splitlines()
    assert first.endswith("ERROR   docferry.yaml:3: wrong")
    assert rest == ["      3 | pulse", "          ^^^"]


def test_nothing_is_lost_while_the_journal_is_away(tmp_path: Path) -> None:
    journal, stream, redactor = Journal(), io.StringIO(), Redactor()
    fallback = logs.StreamSink(stream, redactor, style="prefixed")
    logger = lone_logger()
    logger.addHandler(logs.JournalSink(journal.send, redactor, fallback, tmp_path / "no-socket"))
    logger.warning("hello", extra={"inbox": "scans"})
    assert journal.sent == []
    assert stream.getvalue() == "<4>hello inbox=scans\n"


@pytest.mark.parametrize(
    ("format", "stderr_is_journal", "has_systemd_python", "way"),
    [
        ("auto", True, True, "journal"),
        ("auto", True, False, "prefixed"),
        ("auto", False, True, "text"),
        ("auto", False, False, "text"),
        ("json", True, True, "json"),
        ("text", True, True, "text"),
        ("journal", False, True, "journal"),
    ],
)
def test_the_way_is_chosen_from_what_is_there(
    format: str, stderr_is_journal: bool, has_systemd_python: bool, way: str
) -> None:
    chosen = logs.choose(format, stderr_is_journal=stderr_is_journal, has_systemd_python=has_systemd_python)
    assert chosen == way


def test_a_journal_that_cannot_be_had_is_an_error_and_not_silence() -> None:
    with pytest.raises(UsageError, match="systemd-python"):
        logs.choose("journal", stderr_is_journal=True, has_systemd_python=False)


@pytest.mark.parametrize("named", ["1:2", "", "nonsense"])
def test_a_journal_stream_that_is_not_our_stderr_is_not_believed(named: str) -> None:
    assert logs.configure(stream=io.StringIO(), environ={"JOURNAL_STREAM": named}) == "text"


@given(
    secret=st.text(st.characters(codec="utf-8", exclude_characters="[]secrt"), min_size=6).filter(str.strip),
    form=st.sampled_from(["message", "argument", "field", "url", "error", "repr", "json"]),
)
def test_no_way_of_logging_shows_a_secret(secret: str, form: str) -> None:
    from urllib.parse import quote

    secret = secret.strip()
    redactor = Redactor()
    redactor.register(secret)
    spelled = {"url": quote(secret, safe=""), "repr": repr(secret), "json": json.dumps(secret)}.get(form, secret)
    record = logging.LogRecord("x", logging.INFO, "f.py", 1, "see <%s>", (spelled,), None)
    if form == "field":
        record.path = f"/srv/{spelled}/x"
    if form == "error":
        record.exc_info = (ValueError, ValueError(spelled), None)
    entry = logs.entry_of(record, redactor)
    assert SECRET_MARK in "".join([entry.sentence, *entry.rest])
    fields = [str(value) for value in logs.journal_fields(entry).values()]
    shown = "\n".join([*logs.text_lines(entry, timed=True), logs.json_line(entry), *fields])
    for spelling in (secret, quote(secret, safe=""), json.dumps(secret)[1:-1]):
        assert len(spelling) < 6 or spelling not in shown


def test_an_exception_that_nobody_caught_is_redacted_too() -> None:
    code = (
        "from docferry.observe import logs\n"
        "import threading\n"
        "logs.configure(format='text')\n"
        f"key = {SECRET!r}\n"
        "logs.register_secret(key)\n"
        "def dies(): raise ValueError(f'thread {key}')\n"
        "thread = threading.Thread(target=dies, name='side')\n"
        "thread.start(); thread.join()\n"
        "raise RuntimeError(f'bad key {key}')\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 1
    assert SECRET not in done.stderr
    assert "RuntimeError: bad key [secret]" in done.stderr
    assert "thread side died" in done.stderr


def test_a_record_that_cannot_be_formatted_is_reported_without_its_arguments(
    capsys: pytest.CaptureFixture[str],
) -> None:
    logger = lone_logger()
    logger.addHandler(logs.StreamSink(io.StringIO(), Redactor(), style="text"))
    logger.info("two %s %s", SECRET)
    shown = capsys.readouterr().err
    assert "a log record could not be written" in shown
    assert SECRET not in shown


def test_names_can_be_hidden_and_still_be_followed() -> None:
    stream = logged("text", names=False)
    path = "acme/Salary of Jane Doe.pdf"
    log = logging.getLogger("docferry.x")
    log.info("claimed %s", path, extra={"path": path})
    log.info("moved %s", PurePosixPath("/srv/in") / path)
    try:
        Path(f"/nowhere/{path}").read_bytes()
    except OSError:
        log.exception("unreadable")
    text = stream.getvalue()
    assert "Jane" not in text
    assert "Salary" not in text
    assert f"claimed {name_token(path)} path={name_token(path)}" in text


def test_a_name_cannot_forge_a_line_or_colour_a_terminal() -> None:
    stream = logged("text")
    evil = "a\n2026-01-01 00:00:00.000 ERROR   forged\x1b[31m\udcff.pdf"
    logging.getLogger("docferry.x").info("claimed %s", evil, extra={"path": evil})
    text = stream.getvalue()
    assert [line for line in text.splitlines() if not line.startswith("    ")] == text.splitlines()[:1]
    assert "\x1b" not in text
    assert text.encode()


def test_other_libraries_are_heard_only_when_something_is_wrong() -> None:
    stream = logged("text", level="debug")
    logging.getLogger("httpx").info("HTTP Request: GET https://example.test/result?token=abc")
    logging.getLogger("docferry.x").debug("ours")
    assert "token" not in stream.getvalue()
    assert "ours" in stream.getvalue()


def test_configuring_again_replaces_the_old_way() -> None:
    first = logged("text")
    second = logged("json", level="warning")
    logging.getLogger("docferry.x").info("quiet")
    logging.getLogger("docferry.x").warning("loud")
    assert first.getvalue() == ""
    assert len(second.getvalue().splitlines()) == 1
