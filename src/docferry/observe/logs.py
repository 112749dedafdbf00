"""Logging as an operator meets it: the journal with fields, text on a terminal, JSON lines by choice.

Code logs the ordinary way, with a sentence and ``extra`` fields:

    log.info("submitted", extra={"document": document.id, "job": job_id, "provider": "pulse"})

``configure`` chooses once where that goes. The journal is used only when our stderr really is connected to it
and its socket exists, since libsystemd drops records without a word when it does not; otherwise the same
record goes to stderr. Third-party libraries are heard from WARNING upwards: their debug output names URLs and headers.
"""

from __future__ import annotations

import contextlib
import io
import json
import logging
import os
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TextIO, cast

from docferry.clock import iso
from docferry.errors import UsageError
from docferry.models import display
from docferry.observe.redaction import Redactor, name_token

FIELDS = ("document", "job", "path", "provider", "rule", "state", "attempt", "inbox", "took_s")
FORMATS = ("auto", "text", "json", "journal")
LEVELS = ("debug", "info", "warning", "error")
JOURNAL_SOCKET = Path("/run/systemd/journal/socket")

_PRIORITIES = ((logging.CRITICAL, 2), (logging.ERROR, 3), (logging.WARNING, 4), (logging.INFO, 6))
_DEBUG_PRIORITY = 7
_NOISY = ("aiohttp", "apprise", "asyncio", "httpcore", "httpx", "requests", "urllib3", "uvicorn", "watchdog")

_redactor = Redactor()
_log = logging.getLogger(__name__)


def register_secret(value: str) -> None:
    """From now on ``value`` never appears in a log, in whatever way it gets into a message or a traceback."""
    _redactor.register(value)


@dataclass(frozen=True, slots=True)
class Entry:
    """A log record made safe to show: redacted, without control characters, decodable."""

    at: float
    priority: int  # syslog's, 0 to 7
    level: str
    logger: str
    sentence: str
    fields: Mapping[str, str]
    rest: tuple[str, ...]  # further lines of the message, and the traceback
    source: str
    line: int
    function: str


def entry_of(record: logging.LogRecord, redactor: Redactor) -> Entry:
    """What may be shown of ``record``."""
    names = redactor.names_in(record)
    given = ((field, getattr(record, field, None)) for field in FIELDS)
    fields = {
        field: display(redactor.clean(_field_text(field, value, redactor), names))
        for field, value in given
        if value is not None and value != ""
    }
    sentence, *rest = redactor.clean(record.getMessage(), names).splitlines() or [""]
    rest += redactor.clean(_trace_of(record), names).splitlines()
    return Entry(
        at=record.created,
        priority=priority_of(record.levelno),
        level=record.levelname.lower(),
        logger=record.name,
        sentence=display(sentence),
        fields=fields,
        rest=tuple(display(line) for line in rest),
        source=record.pathname,
        line=record.lineno,
        function=record.funcName or "",
    )


def _field_text(field: str, value: object, redactor: Redactor) -> str:
    if field == "path" and not redactor.names:
        return name_token(str(value))
    return f"{value:.3f}" if isinstance(value, float) else str(value)


def _trace_of(record: logging.LogRecord) -> str:
    parts = [logging.Formatter().formatException(record.exc_info)] if record.exc_info else []
    if record.stack_info:
        parts.append(record.stack_info)
    return "\n".join(parts)


def priority_of(level: int) -> int:
    """The syslog priority of a logging level."""
    return next((priority for floor, priority in _PRIORITIES if level >= floor), _DEBUG_PRIORITY)


def text_lines(entry: Entry, *, timed: bool) -> list[str]:
    """The entry for a reader: time, level, sentence, fields; then what else there is, indented.

    Only a first line begins at the margin: a newline in a name cannot pass for a line of the log.
    """
    fields = "".join(f" {field}={_quoted(value)}" for field, value in entry.fields.items())
    head = f"{_local_time(entry.at)} {entry.level.upper():<7} " if timed else ""
    return [f"{head}{entry.sentence}{fields}", *(f"    {line}" for line in entry.rest)]


def _local_time(moment: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(moment)) + f".{int(moment * 1000) % 1000:03d}"


def _quoted(value: str) -> str:
    plain = value and not any(character in value for character in ' "=')
    return value if plain else json.dumps(value, ensure_ascii=False)


def json_line(entry: Entry) -> str:
    """The entry as one line of JSON."""
    members: dict[str, object] = {"time": iso(entry.at), "level": entry.level, "message": entry.sentence}
    members |= entry.fields
    members["logger"] = entry.logger
    if entry.rest:
        members["more"] = "\n".join(entry.rest)
    return json.dumps(members, ensure_ascii=False)


def journal_fields(entry: Entry) -> dict[str, str | int]:
    """The entry as journal fields. Never CODE_ARGS: formatting arguments are where secrets hide."""
    fields: dict[str, str | int] = {f"DOCFERRY_{field.upper()}": value for field, value in entry.fields.items()}
    fields |= {"PRIORITY": str(entry.priority), "LOGGER": entry.logger, "SYSLOG_IDENTIFIER": "docferry"}
    # The line must be a number for systemd-python, which writes all of them as text.
    fields |= {"CODE_FILE": entry.source, "CODE_LINE": entry.line, "CODE_FUNC": entry.function}
    return fields


class Sink(logging.Handler):
    """Turns each record into a redacted entry and writes that; the record itself goes no further."""

    def __init__(self, redactor: Redactor) -> None:
        super().__init__()
        self._redactor = redactor

    def emit(self, record: logging.LogRecord) -> None:
        try:
            self.write(entry_of(record, self._redactor))
        except Exception as error:  # noqa: BLE001 - a log that cannot be written must not stop the work it tells of
            self._report(record, error)

    def _report(self, record: logging.LogRecord, error: Exception) -> None:
        """Says that a record was lost. Not logging's own way, which prints the arguments and so perhaps a key."""
        place = f"{record.pathname}:{record.lineno}"
        with contextlib.suppress(OSError, ValueError, AttributeError):  # stderr closed: nobody is left to be told
            sys.stderr.write(f"<3>a log record could not be written: {place}: {type(error).__name__}\n")

    def write(self, entry: Entry) -> None:
        raise NotImplementedError


class StreamSink(Sink):
    """Writes text or JSON lines to a stream."""

    def __init__(self, stream: TextIO, redactor: Redactor, *, style: str) -> None:
        super().__init__(redactor)
        self._stream = stream
        self._style = style  # text | prefixed (text with sd-daemon's priority prefix, without time) | json

    def write(self, entry: Entry) -> None:
        """Writes one entry in one piece, so that lines of two threads do not mix."""
        self._stream.write("".join(f"{line}\n" for line in self._lines(entry)))
        self._stream.flush()

    def _lines(self, entry: Entry) -> list[str]:
        if self._style == "json":
            return [json_line(entry)]
        if self._style == "prefixed":
            return [f"<{entry.priority}>{line}" for line in text_lines(entry, timed=False)]
        return text_lines(entry, timed=True)


class JournalSink(Sink):
    """Sends entries to the journal with their fields; to stderr, with priorities, while the journal is away."""

    def __init__(self, send: Callable[..., None], redactor: Redactor, fallback: StreamSink, socket: Path) -> None:
        super().__init__(redactor)
        self._send = send
        self._fallback = fallback
        self._socket = socket

    def write(self, entry: Entry) -> None:
        if not self._socket.exists():  # libsystemd would drop the record and report success
            self._fallback.write(entry)
            return
        # The fields stand in the message too: plain journalctl shows nothing else.
        self._send("\n".join(text_lines(entry, timed=False)), **journal_fields(entry))


def configure(
    *,
    format: str = "auto",
    level: str = "info",
    names: bool = True,
    stream: TextIO | None = None,
    environ: Mapping[str, str] = os.environ,
) -> str:
    """Sends the root logger's records where they belong and returns the way chosen: journal, prefixed, text or json.

    May be called again, after a reload. ``names=False`` hides the names of documents behind stable tokens.
    Raises UsageError where ``format: journal`` was asked for and cannot be had.
    """
    target = stream or sys.stderr
    send = _journal_send()
    way = choose(format, stderr_is_journal=_is_journal(target, environ), has_systemd_python=send is not None)
    _redactor.names = names
    handler: logging.Handler
    if way == "journal" and send is not None:
        fallback = StreamSink(target, _redactor, style="prefixed")
        handler = JournalSink(send, _redactor, fallback, JOURNAL_SOCKET)
    else:
        handler = StreamSink(target, _redactor, style=way)
    _install(handler, level)
    if way == "prefixed" and send is None:
        _log.warning("journal fields are not available: systemd-python is not installed (docferry[systemd])")
    return way


def choose(format: str, *, stderr_is_journal: bool, has_systemd_python: bool) -> str:
    """How to write, from what was asked for and what is there."""
    if format == "journal" and not has_systemd_python:
        raise UsageError("log format journal needs systemd-python", hint="pip install 'docferry[systemd]'")
    if format == "journal" or (format == "auto" and stderr_is_journal and has_systemd_python):
        return "journal"
    if format == "auto" and stderr_is_journal:
        return "prefixed"
    return "json" if format == "json" else "text"


def _install(handler: logging.Handler, level: str) -> None:
    root = logging.getLogger()
    for old in [old for old in root.handlers if isinstance(old, Sink)]:
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(level.upper())
    for name in _NOISY:
        logging.getLogger(name).setLevel(logging.WARNING)
    logging.captureWarnings(True)
    # An exception nobody caught would be printed past the handlers, with whatever its message holds.
    sys.excepthook = _log_uncaught
    threading.excepthook = _log_thread_death


def _log_uncaught(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    if issubclass(kind, KeyboardInterrupt):
        return
    _log.critical("unexpected error", exc_info=(kind, error, trace))


def _log_thread_death(death: threading.ExceptHookArgs) -> None:
    if death.exc_value is None or isinstance(death.exc_value, SystemExit):
        return
    thread = death.thread.name if death.thread else "unknown"
    trace = (death.exc_type, death.exc_value, death.exc_traceback)
    _log.critical("thread %s died of an unexpected error", thread, exc_info=trace)


def _journal_send() -> Callable[..., None] | None:
    try:
        from systemd.journal import send  # type: ignore[import-not-found, import-untyped, unused-ignore]
    except ImportError:  # an optional extra that needs libsystemd
        return None
    return cast("Callable[..., None]", send)


def _is_journal(stream: TextIO, environ: Mapping[str, str]) -> bool:
    """Whether ``stream`` is the socket that systemd named in $JOURNAL_STREAM: device and inode must match."""
    named = environ.get("JOURNAL_STREAM")
    if not named or not JOURNAL_SOCKET.exists():
        return False
    try:
        status = os.fstat(stream.fileno())
    except (OSError, io.UnsupportedOperation):
        return False
    return named == f"{status.st_dev}:{status.st_ino}"
