"""A provider that does what it is told: takes jobs, lets them run for a while, fails on cue, counts everything.

    python tests/peers/fake_provider.py --port 0 --dialect pulse --script '{"job_s": 2}' [--state FILE]

prints one line of JSON (``{"url": ..., "port": ...}``) when it listens, and ends on SIGTERM or when its stdin is
closed with ``--until-stdin-closes``. In a test's own process: ``with FakeProvider("pulse", {...}) as fake: fake.url``.

The script (all optional; it may be changed while running by ``POST /_script`` or ``fake.script.update``):

    job_s          seconds a job runs; a list is gone through job by job, then round again       default 0
    pages          page_count of every result                                                    default 1
    credits        credits of every result                                                       default none
    idempotent     the same Idempotency-Key again gives the earlier job                          default false
    key            the key that is wanted; others get 401                                        default any
    large          Pulse: results are given as a link that works once                            default false
    list_lag_s     Nanonets: a record shows in the listing only after this                       default 0
    page_size_max  Nanonets: the listing gives no more at a time                                 default 100
    topics         Pulse: {topic: [pages]} of a split                                            default none
    category       Nanonets: the class of every page                                             default Other
    headers        that every good answer carries                                                default none
    rate           {"count": 5, "per_s": 1, "on": "poll"}: more requests than this get 429       default none
    faults         a list of faults, tried in order

A fault is ``{"on": "submit|poll|fetch|cancel|list|any", "do": ACTION, "times": 1, "skip": 0, "match": "text"}``:
it strikes ``times`` times (0: always) after letting ``skip`` requests pass, where ``match`` occurs in the path,
upload name, idempotency key or document's text. Actions (with their own keys):

    cut                the whole request was read, nothing is accepted, the line is cut
    cut_early          the line is cut when the head was read
    accept_then_cut    the job exists, its answer never comes
    accept_then_hang   the job exists, nothing is ever said
    accept_then_status the job exists, the answer is ``status`` with ``body``
    hang               nothing is accepted, nothing is ever said
    status             nothing is accepted; answer ``status``, ``headers``, ``body`` (text or JSON)
    answer             200 with ``body`` as it stands (text: not JSON, cut, nested, twice the same key …)
    cut_body           the right answer, cut after ``bytes`` (default: half)
    delay              waits ``delay_s``, then all goes its way
    job                the job ends as ``status`` failed, canceled or expired, with ``message``
    forget             the job is accepted and never heard of again (404)
    huge               an answer of ``bytes`` bytes

``GET /_stats`` gives what happened: ``submissions`` (each with endpoint, mode, idempotency_key, upload_name,
sha256, bytes, accepted, job_id, at, fields), ``polls`` (times by job), ``counts`` by kind, ``cancels``, ``keys_seen``.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import json
import os
import signal
import sys
import threading
import time
import uuid
from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import unquote

try:
    from peers.raw_http import Connection, HttpRequest, RawServer
except ModuleNotFoundError:  # started as a script
    from raw_http import Connection, HttpRequest, RawServer  # type: ignore[import-not-found,no-redef]


@dataclass
class FakeJob:
    """One accepted job."""

    id: str
    endpoint: str
    mode: str
    upload_name: str
    key: str
    sha256: str
    size: int
    accepted_at: float
    seconds: float
    fields: dict[str, Any]
    fate: str = "completed"  # completed | failed | canceled | expired | forgotten
    message: str = ""
    taken: bool = False  # its large result was fetched

    def done(self, now: float) -> bool:
        return now >= self.accepted_at + self.seconds


@dataclass
class Submission:
    """One submission that was seen, accepted or not."""

    endpoint: str
    mode: str
    idempotency_key: str
    upload_name: str
    sha256: str
    bytes: int
    fields: dict[str, Any]
    at: float
    accepted: bool = False
    job_id: str | None = None


@dataclass
class Seen:
    """Everything that is remembered, also across restarts when there is a state file."""

    jobs: dict[str, FakeJob] = field(default_factory=dict)
    submissions: list[Submission] = field(default_factory=list)
    polls: dict[str, list[float]] = field(default_factory=dict)
    cancels: list[str] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    struck: Counter[str] = field(default_factory=Counter)
    keys_seen: list[str] = field(default_factory=list)


class FakeProvider:
    """The peer. Use as a context manager; ``url`` is its base URL."""

    def __init__(
        self, dialect: str, script: Mapping[str, Any] | None = None, *, port: int = 0, state: Path | None = None
    ) -> None:
        self.dialect = dialect
        self.script: dict[str, Any] = dict(script or {})
        self.seen = Seen()
        self._state = state
        self._durations = 0
        self._recent: deque[float] = deque()
        self._server = RawServer(self._handle, self._before_body, port=port)
        if state and state.exists():
            self._load(state)

    def __enter__(self) -> Self:
        self._server.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._server.__exit__(kind, error, traceback)

    @property
    def url(self) -> str:
        return self._server.url

    @property
    def port(self) -> int:
        return self._server.port

    def accepted(self) -> list[Submission]:
        return [submission for submission in self.seen.submissions if submission.accepted]

    def stats(self) -> dict[str, Any]:
        seen = self.seen
        return {
            "submissions": [asdict(submission) for submission in list(seen.submissions)],
            "polls": dict(seen.polls),
            "counts": dict(seen.counts),
            "cancels": list(seen.cancels),
            "keys_seen": sorted(set(seen.keys_seen)),
            "jobs": {job.id: asdict(job) for job in list(seen.jobs.values())},
        }

    # What is asked

    def _kind(self, request: HttpRequest) -> str:
        path = request.path
        if path.startswith("/_"):
            return "control"
        if request.method == "DELETE":
            return "cancel"
        if path.startswith("/large_results/"):
            return "fetch"
        if request.method == "GET":
            return "list" if path == "/api/v1/extract/results" else "poll"
        return "submit"

    async def _before_body(self, request: HttpRequest, connection: Connection) -> bool:
        fault = self._fault(self._kind(request), request, actions={"cut_early"})
        if fault:
            connection.cut(reset=bool(fault.get("reset")))
        return fault is not None

    async def _handle(self, request: HttpRequest, connection: Connection) -> None:
        kind = self._kind(request)
        if kind == "control":
            await self._control(request, connection)
            return
        self.seen.counts[kind] += 1
        if not await self._key_is_good(request, connection) or not await self._rate_is_kept(kind, connection):
            return
        fault = self._fault(kind, request)
        if fault and fault["do"] == "delay":
            await asyncio.sleep(fault["delay_s"])
            fault = None
        if kind == "submit":
            await self._submit(request, connection, fault)
        elif not (fault and await self._strike(fault, connection, b"")):
            await self._read(kind, request, connection, fault)

    async def _control(self, request: HttpRequest, connection: Connection) -> None:
        if request.path == "/_script":
            self.script.update(request.json())
        await connection.answer(200, self.stats())

    async def _key_is_good(self, request: HttpRequest, connection: Connection) -> bool:
        given = request.headers.get("x-api-key") or request.headers.get("authorization", "").removeprefix("Bearer ")
        self.seen.keys_seen.append(given)
        wanted = self.script.get("key")
        if wanted is None or given == wanted:
            return True
        await self._error(connection, 401, "AUTH_002", "the key is not valid")
        return False

    async def _rate_is_kept(self, kind: str, connection: Connection) -> bool:
        rate = self.script.get("rate")
        if not rate or kind not in rate.get("on", kind):
            return True
        now = time.monotonic()
        while self._recent and self._recent[0] < now - rate["per_s"]:
            self._recent.popleft()
        if len(self._recent) >= rate["count"]:
            self.seen.counts["throttled"] += 1
            await self._error(connection, 429, "GENERAL_429", "too many requests", {"retry-after": "1"})
            return False
        self._recent.append(now)
        return True

    async def _error(
        self,
        connection: Connection,
        status: int,
        code: str,
        message: str,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        pulse = {"error": {"code": code, "message": message}}
        await connection.answer(status, pulse if self.dialect == "pulse" else {"detail": message}, headers)

    # Faults

    def _fault(self, kind: str, request: HttpRequest, actions: set[str] | None = None) -> dict[str, Any] | None:
        for index, fault in enumerate(self.script.get("faults", [])):
            early = fault["do"] == "cut_early"
            if early != (actions is not None) or fault.get("on", "any") not in (kind, "any"):
                continue
            if fault.get("match") and fault["match"].encode() not in _searched(request):
                continue
            tag = json.dumps([index, fault], sort_keys=True)
            self.seen.struck[tag] += 1
            count = self.seen.struck[tag] - fault.get("skip", 0)
            times = fault.get("times", 1)
            if count >= 1 and (times == 0 or count <= times):
                self._save()
                return dict(fault)
        return None

    async def _strike(self, fault: Mapping[str, Any], connection: Connection, answer: bytes) -> bool:
        """Carries a fault out. False: it changes a job's fate only, and the answer is given as usual."""
        action = fault["do"]
        if action in ("cut", "accept_then_cut"):
            connection.cut(reset=bool(fault.get("reset")))
        elif action in ("hang", "accept_then_hang"):
            await connection.fall_silent()
        elif action in ("status", "accept_then_status"):
            await connection.answer(fault["status"], fault.get("body", b""), fault.get("headers"))
        elif action == "answer":
            await connection.answer(fault.get("status", 200), fault["body"], fault.get("headers"))
        elif action == "huge":
            await connection.answer(200, b'{"x":"' + b"x" * fault["bytes"] + b'"}')
        elif action == "cut_body" and answer:
            await connection.answer(200, answer, send_bytes=fault.get("bytes", len(answer) // 2))
        else:
            return False
        return True

    # Submissions

    async def _submit(self, request: HttpRequest, connection: Connection, fault: dict[str, Any] | None) -> None:
        submission = self._submission(request)
        self.seen.submissions.append(submission)
        action = fault["do"] if fault else ""
        if fault and not action.startswith("accept") and action not in ("job", "forget", "cut_body"):
            self._save()
            await self._strike(fault, connection, b"")
            return
        if submission.endpoint in ("split", "schema", "tables") and not self._knows(submission.fields):
            await self._error(connection, 404, "REQ_404", "no such extraction")
            return
        job = self._accept(submission)
        if fault and action == "job":
            job.fate, job.message = fault["status"], fault.get("message", "")
        if fault and action == "forget":
            job.fate = "forgotten"
        self._save()
        if fault and action.startswith("accept"):
            await self._strike(fault, connection, b"")
            return
        status, answer = await self._submission_answer(job)
        body = json.dumps(answer).encode()
        if not (fault and await self._strike(fault, connection, body)):
            await connection.answer(status, body, self.script.get("headers"))

    def _submission(self, request: HttpRequest) -> Submission:
        name = request.path.strip("/").split("/")
        file = request.file()
        if self.dialect == "nanonets":
            endpoint, mode = name[-2], "sync" if name[-1] == "sync" else "async"
            fields: dict[str, Any] = request.fields()
        else:
            endpoint = name[-1]
            fields = request.fields() if file or "multipart" in request.headers["content-type"] else request.json()
            mode = "async" if str(fields.get("async", "")).lower() == "true" else "sync"
        content = file.content if file else fields.get("file_base64", fields.get("file_url", "")).encode()
        return Submission(
            endpoint=endpoint,
            mode=mode,
            idempotency_key=request.headers.get("idempotency-key", ""),
            upload_name=file.filename if file else "",
            sha256=hashlib.sha256(content).hexdigest(),
            bytes=len(content),
            fields={key: value for key, value in fields.items() if key != "file_base64"},
            at=time.time(),
        )

    def _knows(self, fields: Mapping[str, Any]) -> bool:
        wanted = str(fields.get("extraction_id") or fields.get("split_id") or "")
        return wanted.partition("-")[2] in self.seen.jobs

    def _accept(self, submission: Submission) -> FakeJob:
        if self.script.get("idempotent"):
            for job in self.seen.jobs.values():
                if job.key == submission.idempotency_key:
                    submission.job_id = job.id
                    return job
        submission.accepted = True
        submission.job_id = uuid.uuid4().hex[:12]
        job = FakeJob(
            id=submission.job_id,
            endpoint=submission.endpoint,
            mode=submission.mode,
            upload_name=submission.upload_name,
            key=submission.idempotency_key,
            sha256=submission.sha256,
            size=submission.bytes,
            accepted_at=time.time(),
            seconds=self._next_duration(),
            fields=submission.fields,
        )
        self.seen.jobs[job.id] = job
        return job

    def _next_duration(self) -> float:
        wish = self.script.get("job_s", 0)
        if not isinstance(wish, list):
            return float(wish)
        self._durations += 1
        return float(wish[(self._durations - 1) % len(wish)])

    async def _submission_answer(self, job: FakeJob) -> tuple[int, dict[str, Any]]:
        if job.mode == "sync":
            await asyncio.sleep(job.seconds)
            return 200, self._pulse_result(job) if self.dialect == "pulse" else self._nanonets_sync(job)
        if self.dialect == "pulse":
            return 202, {"job_id": job.id, "status": "pending", "message": "Job queued for processing"}
        if job.endpoint == "classify":
            entry = {"record_id": job.id, "filename": job.upload_name, "total_pages": 0, "pages": []}
            counts = {"total_files": 1, "successful_files": 1, "failed_files": 0}
            return 202, {"success": True, "message": "", "batch_id": uuid.uuid4().hex, **counts, "results": [entry]}
        return 202, self._record(job, content=False)

    # Reads

    async def _read(
        self, kind: str, request: HttpRequest, connection: Connection, fault: dict[str, Any] | None
    ) -> None:
        if kind == "list":
            status, answer = 200, self._listing(request)
        else:
            job = self.seen.jobs.get(unquote(request.path.rsplit("/", 1)[-1]))
            if job is None or job.fate == "forgotten":
                await self._error(connection, 404, "JOB_001", "no such job")
                return
            status, answer = self._job_answer(kind, job, request, fault)
        body = json.dumps(answer).encode()
        self._save()
        if not (fault and await self._strike(fault, connection, body)):
            await connection.answer(status, body, self.script.get("headers"))

    def _job_answer(
        self, kind: str, job: FakeJob, request: HttpRequest, fault: dict[str, Any] | None
    ) -> tuple[int, dict[str, Any]]:
        if kind == "cancel":
            self.seen.cancels.append(job.id)
            if not job.done(time.time()):
                job.fate, job.seconds = "canceled", 0
            return 200, {"job_id": job.id, "message": "Job cancelled successfully"}
        if kind == "fetch":
            if job.taken:
                return 410, {"error": {"code": "STORAGE_410", "message": "This result was already downloaded"}}
            job.taken = True
            return 200, self._pulse_result(job, inline=True)
        self.seen.polls.setdefault(job.id, []).append(time.time())
        if fault and fault["do"] == "job":
            job.fate, job.message, job.seconds = fault["status"], fault.get("message", ""), 0
        if self.dialect == "nanonets":
            return 200, self._record(job, content=request.query.get("include_content") != "false")
        return 200, self._pulse_job(job)

    def _pulse_job(self, job: FakeJob) -> dict[str, Any]:
        now = time.time()
        answer: dict[str, Any] = {"job_id": job.id, "created_at": _iso(job.accepted_at)}
        if not job.done(now):
            young = now < job.accepted_at + job.seconds / 2
            return answer | {"status": "pending" if young else "processing"}
        answer["status"] = job.fate
        if job.fate == "failed":
            answer["error"] = job.message
        if job.fate == "completed":
            answer["result"] = self._pulse_result(job)
        return answer

    def _pulse_result(self, job: FakeJob, *, inline: bool = False) -> dict[str, Any]:
        facts: dict[str, Any] = {"plan_info": {"tier": "trial", "pages_used": len(self.seen.jobs)}}
        if self.script.get("credits") is not None:
            facts["credits_used"] = self.script["credits"]
        if job.endpoint == "split":
            splits = self.script.get("topics") or {"all": list(range(1, self._pages() + 1))}
            return facts | {"split_id": f"sp-{job.id}", "split_output": {"splits": splits}}
        if job.endpoint == "schema":
            values = {"values": {"sha256": job.sha256}, "citations": {}}
            if "split_schema_config" in job.fields:
                topics = dict.fromkeys(job.fields["split_schema_config"], values)
                return facts | {"schema_id": f"sc-{job.id}", "split_id": job.fields["split_id"], "results": topics}
            return facts | {"schema_id": f"sc-{job.id}", "version": 1, "schema_output": values}
        if job.endpoint == "tables":
            return facts | {"tables_id": job.id, "tables_output": {"tables": []}}
        if self.script.get("large") and not inline:
            link = f"{self.url}/large_results/{job.id}"
            return facts | {"is_url": True, "url": link, "extraction_id": f"ex-{job.id}", "page_count": self._pages()}
        return facts | {
            "markdown": _text(job),
            "page_count": self._pages(),
            "extraction_id": f"ex-{job.id}",
            "bounding_boxes": {"Text": [{"id": "txt-1", "content": job.sha256, "page_number": 1}]},
            "extensions": {},
            "warnings": [],
        }

    def _pages(self) -> int:
        return int(self.script.get("pages", 1))

    def _nanonets_sync(self, job: FakeJob) -> dict[str, Any]:
        if job.endpoint == "classify":
            return {"success": True, "message": "", "result": self._classes(job)}
        return self._record(job, content=True)

    def _classes(self, job: FakeJob) -> dict[str, Any]:
        category = self.script.get("category", "Other")
        page = {"category": category, "confidence": 90, "reasoning": "as told"}
        pages = [{"page_number": number + 1, **page} for number in range(self._pages())]
        return {"record_id": job.id, "filename": job.upload_name, "total_pages": self._pages(), "pages": pages}

    def _record(self, job: FakeJob, *, content: bool) -> dict[str, Any]:
        done = job.done(time.time())
        status = ("failed" if job.fate == "failed" else "completed") if done else "processing"
        record: dict[str, Any] = {
            "success": status == "completed",
            "message": job.message or status,
            "record_id": job.id,
            "status": status,
            "filename": job.upload_name or "document",
            "output_format": job.fields.get("output_format", ""),
            "file_size": job.size,
            "created_at": _iso(job.accepted_at),
        }
        if status == "completed":
            record |= {"processing_time": job.seconds, "pages_processed": self._pages()}
            if content:
                record["result"] = self._classes(job) if job.endpoint == "classify" else self._formats(job)
        return record

    def _formats(self, job: FakeJob) -> dict[str, Any]:
        contents = {
            "markdown": _text(job),
            "html": f"<p>{job.sha256}</p>",
            "json": {"sha256": job.sha256},
            "csv": f"sha256\n{job.sha256}\n",
        }
        asked = job.fields.get("output_format", "").split(",")
        return {name: {"content": contents[name]} for name in asked if name in contents}

    def _listing(self, request: HttpRequest) -> dict[str, Any]:
        query = request.query
        page = int(query.get("page", "1"))
        size = min(int(query.get("page_size", "10")), self.script.get("page_size_max", 100))
        visible_at = time.time() - self.script.get("list_lag_s", 0)
        jobs = [job for job in self.seen.jobs.values() if job.accepted_at <= visible_at]
        jobs.sort(key=lambda job: job.accepted_at, reverse=query.get("sort_order", "desc") == "desc")
        shown = jobs[(page - 1) * size : page * size]
        pagination = {
            "page": page,
            "page_size": size,
            "total_count": len(jobs),
            "total_pages": -(-len(jobs) // size),
            "has_next": page * size < len(jobs),
            "has_previous": page > 1,
        }
        return {
            "success": True,
            "results": [self._record(job, content=False) for job in shown],
            "pagination": pagination,
        }

    # Across restarts

    def _save(self) -> None:
        if not self._state:
            return
        seen = self.seen
        value = {
            "jobs": [asdict(job) for job in seen.jobs.values()],
            "submissions": [asdict(submission) for submission in seen.submissions],
            "polls": seen.polls,
            "cancels": seen.cancels,
            "counts": seen.counts,
            "struck": seen.struck,
        }
        temporary = self._state.with_name(self._state.name + ".new")
        temporary.write_text(json.dumps(value))
        os.replace(temporary, self._state)

    def _load(self, state: Path) -> None:
        value = json.loads(state.read_text())
        self.seen = Seen(
            jobs={job["id"]: FakeJob(**job) for job in value["jobs"]},
            submissions=[Submission(**submission) for submission in value["submissions"]],
            polls=value["polls"],
            cancels=value["cancels"],
            counts=Counter(value["counts"]),
            struck=Counter(value["struck"]),
        )


def _searched(request: HttpRequest) -> bytes:
    key = request.headers.get("idempotency-key", "")
    return f"{request.target}\n{key}\n".encode() + request.body


def _text(job: FakeJob) -> str:
    return f"# {job.upload_name or job.id}\n\nsha256 {job.sha256}\n"


def _iso(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).isoformat().replace("+00:00", "Z")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--dialect", choices=("pulse", "nanonets"), default="pulse")
    parser.add_argument("--script", default="{}", help="JSON, or @FILE")
    parser.add_argument("--state", type=Path)
    parser.add_argument("--until-stdin-closes", action="store_true")
    given = parser.parse_args()
    text = Path(given.script[1:]).read_text() if given.script.startswith("@") else given.script
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    signal.signal(signal.SIGINT, lambda *_: stop.set())
    with FakeProvider(given.dialect, json.loads(text), port=given.port, state=given.state) as fake:
        print(json.dumps({"url": fake.url, "port": fake.port}), flush=True)
        if given.until_stdin_closes:
            threading.Thread(target=lambda: (sys.stdin.read(), stop.set()), daemon=True).start()
        stop.wait()


if __name__ == "__main__":
    main()
