"""Pulse over the wire, against a peer that is told what to do."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from docferry.errors import Ambiguous, JobUnknown, Rejected, ResultGone, Unavailable
from docferry.providers.base import (
    Accepted,
    Answered,
    JobCanceled,
    JobExpired,
    JobFailed,
    Pending,
    Pointed,
    StoredAnswer,
)
from peers.fake_provider import FakeProvider
from providers.support import KEY, document, run, submission


def test_a_job_is_accepted_polled_and_stored(tmp_path: Path) -> None:
    upload = document(tmp_path)
    answer = tmp_path / "answer.json"

    async def work(peer: Any) -> None:
        accepted = await peer.submit(submission(upload), answer)
        assert isinstance(accepted, Accepted)
        assert accepted.sent is not None
        assert accepted.sent.sha256 == hashlib.sha256(b"%PDF-1.7 a document").hexdigest()
        assert accepted.sent.size_bytes == upload.size_bytes
        assert not answer.exists()
        answered = await peer.poll("extract", accepted.job_id, answer)
        assert isinstance(answered, Answered)
        assert answered.outcome["extraction_id"] == f"ex-{accepted.job_id}"
        assert answered.pages == 1
        stored = json.loads(answer.read_bytes())
        assert stored["result"]["markdown"].startswith("# 7f3c9e2ab41d-1.pdf")
        made = peer.outputs([StoredAnswer("extract", answer, {})], ["markdown", "json", "raw"])
        assert [output.suffix for output in made.outputs] == [".md", ".json", ".raw.json"]

    with FakeProvider("pulse", {"key": KEY}) as fake:
        run("pulse", fake.url, work)
        [seen] = fake.seen.submissions
        assert (seen.mode, seen.idempotency_key, seen.upload_name) == ("async", "idem-1", "7f3c9e2ab41d-1.pdf")
        assert seen.fields["async"] == "true"


def test_a_synchronous_answer_is_stored_and_nothing_is_polled(tmp_path: Path) -> None:
    answer = tmp_path / "answer.json"

    async def work(peer: Any) -> None:
        answered = await peer.submit(submission(document(tmp_path), mode="sync", timeout_s=20), answer)
        assert isinstance(answered, Answered)
        assert answered.sent is not None
        assert json.loads(answer.read_bytes())["page_count"] == 1

    with FakeProvider("pulse") as fake:
        run("pulse", fake.url, work)
        assert "async" not in fake.seen.submissions[0].fields
        assert fake.seen.counts["poll"] == 0


def test_a_running_job_is_pending_and_can_be_cancelled(tmp_path: Path) -> None:
    async def work(peer: Any) -> None:
        accepted = await peer.submit(submission(document(tmp_path)), tmp_path / "a")
        assert await peer.poll("extract", accepted.job_id, tmp_path / "a") == Pending("pending")
        cancelled = await peer.cancel(accepted.job_id)
        assert cancelled.requested
        assert await peer.poll("extract", accepted.job_id, tmp_path / "a") == JobCanceled()

    with FakeProvider("pulse", {"job_s": 60}) as fake:
        run("pulse", fake.url, work)


@pytest.mark.parametrize(
    ("status", "message", "ending"),
    [
        ("failed", "FILE is password-protected", JobFailed("FILE is password-protected", retryable=False)),
        ("failed", "internal worker error", JobFailed("internal worker error", retryable=True)),
        ("canceled", "", JobCanceled()),
        ("cancelled", "", JobCanceled()),
        ("expired", "", JobExpired()),
    ],
)
def test_every_end_of_a_job(tmp_path: Path, status: str, message: str, ending: object) -> None:
    async def work(peer: Any) -> None:
        accepted = await peer.submit(submission(document(tmp_path)), tmp_path / "a")
        assert await peer.poll("extract", accepted.job_id, tmp_path / "a") == ending

    fault = {"on": "submit", "do": "job", "status": status, "message": message}
    with FakeProvider("pulse", {"faults": [fault]}) as fake:
        run("pulse", fake.url, work)


def test_ids_flow_through_a_chain(tmp_path: Path) -> None:
    async def work(peer: Any) -> None:
        accepted = await peer.submit(submission(document(tmp_path)), tmp_path / "a")
        outcome = dict((await peer.poll("extract", accepted.job_id, tmp_path / "a")).outcome)
        answers = [StoredAnswer("extract", tmp_path / "a", {})]
        topic_schema = {"A": {"schema": {"type": "object"}}}
        steps: list[tuple[str, dict[str, Any]]] = [
            ("split", {"splitConfig": {"splitInput": [{"name": "A"}]}}),
            ("schema", {"split_schema_config": topic_schema}),
            ("schema", {"schema_config": {"input_schema": {"type": "object"}}}),
            ("tables", {"tables_config": {"merge": True}}),
        ]
        for number, (endpoint, options) in enumerate(steps):
            path = tmp_path / f"step{number}"
            taken = await peer.submit(submission(None, endpoint, options, inputs=outcome), path)
            outcome |= (await peer.poll(endpoint, taken.job_id, path)).outcome
            answers.append(StoredAnswer(endpoint, path, options))
        made = peer.outputs(answers, ["markdown"])
        suffixes = [output.suffix for output in made.outputs]
        assert suffixes == [".md", ".split.json", ".schema.json", ".schema.2.json", ".tables.json"]

    with FakeProvider("pulse", {"topics": {"A": [1]}}) as fake:
        run("pulse", fake.url, work)
        fields = [seen.fields for seen in fake.seen.submissions]
        extraction, split = f"ex-{fields and fake.seen.submissions[0].job_id}", fake.seen.submissions[1].job_id
        assert fields[1] == {
            "extraction_id": extraction,
            "split_config": {"split_input": [{"name": "A"}]},
            "async": True,
        }
        assert fields[2]["split_id"] == f"sp-{split}"
        assert "extraction_id" not in fields[2]
        assert fields[3]["extraction_id"] == extraction
        assert fields[4] == {"extraction_id": extraction, "tables_config": {"merge": True}, "async": True}


def test_a_large_result_is_fetched_once_and_then_gone(tmp_path: Path) -> None:
    async def work(peer: Any) -> None:
        accepted = await peer.submit(submission(document(tmp_path)), tmp_path / "a")
        pointed = await peer.poll("extract", accepted.job_id, tmp_path / "a")
        assert isinstance(pointed, Pointed)
        assert pointed.outcome["extraction_id"]
        assert pointed.pages == 80
        answered = await peer.fetch(pointed.url, tmp_path / "a")
        assert answered.pages == 80
        assert (tmp_path / "a").exists()
        # The answer is there: a repetition after a crash finds it.
        assert (await peer.fetch(pointed.url, tmp_path / "a")).pages == 80
        with pytest.raises(ResultGone, match="billed again"):
            await peer.fetch(pointed.url, tmp_path / "b")

    with FakeProvider("pulse", {"large": True, "pages": 80}) as fake:
        run("pulse", fake.url, work)


def test_an_accepted_submission_whose_answer_is_cut_is_ambiguous(tmp_path: Path) -> None:
    async def work(peer: Any) -> None:
        with pytest.raises(Ambiguous):
            await peer.submit(submission(document(tmp_path)), tmp_path / "a")

    with FakeProvider("pulse", {"faults": [{"on": "submit", "do": "accept_then_cut"}]}) as fake:
        run("pulse", fake.url, work)
        assert len(fake.accepted()) == 1


def test_a_lost_job_is_unknown_and_a_missing_id_is_rejected(tmp_path: Path) -> None:
    async def work(peer: Any) -> None:
        with pytest.raises(JobUnknown):
            await peer.poll("extract", "nowhere/../x", tmp_path / "a")
        with pytest.raises(Rejected, match="extraction_id"):
            await peer.submit(submission(None, "split"), tmp_path / "a")

    with FakeProvider("pulse") as fake:
        run("pulse", fake.url, work)


def test_a_throttled_poll_tells_how_long_to_wait(tmp_path: Path) -> None:
    async def work(peer: Any) -> None:
        with pytest.raises(Unavailable) as caught:
            await peer.poll("extract", "x", tmp_path / "a")
        assert (caught.value.retry_after_s, caught.value.throttled) == (12, True)

    fault = {"on": "poll", "do": "status", "status": 429, "headers": {"Retry-After": "12"}}
    with FakeProvider("pulse", {"faults": [fault]}) as fake:
        run("pulse", fake.url, work)
