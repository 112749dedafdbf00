"""Nanonets over the wire, against a peer that is told what to do."""

from __future__ import annotations

import base64
import hashlib
import json
import time
from pathlib import Path
from typing import Any

import pytest

from docferry.errors import Ambiguous, JobUnknown, Parked, Rejected, Unavailable
from docferry.providers.base import Accepted, Answered, JobFailed, Pending, StoredAnswer
from peers.fake_provider import FakeProvider
from providers.support import KEY, document, run, submission

OPTIONS = {"output_format": ["markdown", "json"]}
LOST = {"on": "submit", "do": "accept_then_cut"}


def test_a_job_is_accepted_polled_and_stored(tmp_path: Path) -> None:
    answer = tmp_path / "answer"

    async def work(peer: Any) -> None:
        accepted = await peer.submit(submission(document(tmp_path), options=OPTIONS), answer)
        assert isinstance(accepted, Accepted)
        assert accepted.warnings == ()
        answered = await peer.poll("extract", accepted.job_id, answer)
        assert isinstance(answered, Answered)
        assert (answered.pages, answered.job_id) == (3, accepted.job_id)
        assert answered.outcome["file_size"] == 19
        made = peer.outputs([StoredAnswer("extract", answer, OPTIONS)], ["markdown", "json", "csv"])
        assert [output.suffix for output in made.outputs] == [".md", ".json"]
        assert made.missing == ("csv: the answer has none (output_format must name it)",)

    with FakeProvider("nanonets", {"key": KEY, "pages": 3}) as fake:
        run("nanonets", fake.url, work)
        [seen] = fake.seen.submissions
        assert seen.fields == {"output_format": "markdown,json"}
        assert fake.seen.counts["poll"] == 1


def test_a_running_record_is_pending_and_cannot_be_cancelled(tmp_path: Path) -> None:
    async def work(peer: Any) -> None:
        accepted = await peer.submit(submission(document(tmp_path), options=OPTIONS), tmp_path / "a")
        assert await peer.poll("extract", accepted.job_id, tmp_path / "a") == Pending("processing")
        cancelled = await peer.cancel(accepted.job_id)
        assert not cancelled.requested
        assert "runs on and is paid for" in cancelled.note
        with pytest.raises(JobUnknown):
            await peer.poll("extract", "another/id", tmp_path / "a")

    with FakeProvider("nanonets", {"job_s": 60}) as fake:
        run("nanonets", fake.url, work)


def test_a_failed_record_gives_its_message(tmp_path: Path) -> None:
    async def work(peer: Any) -> None:
        accepted = await peer.submit(submission(document(tmp_path), options=OPTIONS), tmp_path / "a")
        failed = await peer.poll("extract", accepted.job_id, tmp_path / "a")
        assert failed == JobFailed("the file is corrupt", retryable=False)

    fault = {"on": "submit", "do": "job", "status": "failed", "message": "the file is corrupt"}
    with FakeProvider("nanonets", {"faults": [fault]}) as fake:
        run("nanonets", fake.url, work)


def test_a_synchronous_answer_is_stored(tmp_path: Path) -> None:
    async def work(peer: Any) -> None:
        answered = await peer.submit(submission(document(tmp_path), options=OPTIONS, mode="sync"), tmp_path / "a")
        assert isinstance(answered, Answered)
        assert answered.sent is not None
        assert json.loads((tmp_path / "a").read_bytes())["status"] == "completed"

    with FakeProvider("nanonets") as fake:
        run("nanonets", fake.url, work)
        assert fake.seen.submissions[0].mode == "sync"


def test_the_document_as_base64_and_as_an_address(tmp_path: Path) -> None:
    content = bytes(range(256)) * 5000

    async def as_base64(peer: Any) -> None:
        assert not peer.capabilities.finds_lost_submissions
        accepted = await peer.submit(submission(document(tmp_path, content), options=OPTIONS), tmp_path / "a")
        assert accepted.sent.sha256 == hashlib.sha256(content).hexdigest()

    async def as_address(peer: Any) -> None:
        await peer.submit(submission(None, options=OPTIONS, file_url="https://example.org/a.pdf"), tmp_path / "a")

    with FakeProvider("nanonets") as fake:
        run("nanonets", fake.url, as_base64, send_file_as="base64")
        run("nanonets", fake.url, as_address)
        sent, addressed = fake.seen.submissions
        assert sent.sha256 == hashlib.sha256(base64.b64encode(content)).hexdigest()
        assert addressed.fields["file_url"] == "https://example.org/a.pdf"


@pytest.mark.parametrize("mode", ["sync", "async"])
def test_a_classification_gives_its_class(tmp_path: Path, mode: str) -> None:
    options = {"categories": [{"name": "invoice"}, {"name": "letter", "description": "to a person"}]}

    async def work(peer: Any) -> None:
        taken = await peer.submit(submission(document(tmp_path), "classify", options, mode), tmp_path / "a")
        if mode == "async":
            taken = await peer.poll("classify", taken.job_id, tmp_path / "a")
        assert isinstance(taken, Answered)
        assert taken.outcome == {"class": "invoice", "classes": ["invoice"], "class_confidence": 90}
        made = peer.outputs([StoredAnswer("classify", tmp_path / "a", options)], ["markdown"])
        assert [output.suffix for output in made.outputs] == [".classify.json"]

    with FakeProvider("nanonets", {"category": "invoice", "pages": 2}) as fake:
        run("nanonets", fake.url, work)
        assert json.loads(fake.seen.submissions[0].fields["categories"]) == options["categories"]


def test_a_lost_submission_is_found_by_its_name(tmp_path: Path) -> None:
    upload = document(tmp_path)

    async def work(peer: Any) -> None:
        since = time.time()
        for number in range(7):  # others, before and after, over several pages of the listing
            await peer.submit(submission(upload, options=OPTIONS, upload_name=f"other-{number}.pdf"), tmp_path / "a")
        with pytest.raises(Ambiguous):
            await peer.submit(submission(upload, options=OPTIONS, upload_name="lost-1.pdf"), tmp_path / "a")
        for number in range(7):
            await peer.submit(submission(upload, options=OPTIONS, upload_name=f"later-{number}.pdf"), tmp_path / "a")
        found = await peer.find_lost(["lost-2.pdf", "lost-1.pdf"], since)
        assert found is not None
        assert found.warnings == ()
        assert isinstance(await peer.poll("extract", found.job_id, tmp_path / "a"), Answered)
        assert await peer.find_lost(["lost-3.pdf"], since) is None

    with FakeProvider("nanonets", {"page_size_max": 4, "faults": [LOST | {"match": "lost-1.pdf"}]}) as fake:
        run("nanonets", fake.url, work)


def test_of_two_records_under_one_name_the_earliest_counts(tmp_path: Path) -> None:
    async def work(peer: Any) -> None:
        first = await peer.submit(submission(document(tmp_path), options=OPTIONS), tmp_path / "a")
        second = await peer.submit(submission(document(tmp_path), options=OPTIONS), tmp_path / "a")
        found = await peer.find_lost(["7f3c9e2ab41d-1.pdf"], time.time())
        assert found.job_id == first.job_id
        assert len(found.warnings) == 1
        assert second.job_id in found.warnings[0]

    with FakeProvider("nanonets") as fake:
        run("nanonets", fake.url, work)


def test_the_listing_is_read_no_further_back_than_needed(tmp_path: Path) -> None:
    async def work(peer: Any) -> None:
        for number in range(6):
            await peer.submit(
                submission(document(tmp_path), options=OPTIONS, upload_name=f"{number}.pdf"), tmp_path / "a"
            )
        assert await peer.find_lost(["x.pdf"], time.time() + 4000) is None

    with FakeProvider("nanonets", {"page_size_max": 2}) as fake:
        run("nanonets", fake.url, work)
        assert fake.seen.counts["list"] == 1


@pytest.mark.parametrize(
    ("detail", "error", "needs_person", "wait_s"),
    [
        ("page rate exceeded, slow down", Unavailable, None, 20),
        ("Daily limit reached, try again tomorrow", Parked, True, 20),
        ("insufficient credits", Parked, True, 20),
        ("This endpoint is deprecated, use /api/v1/extract", Parked, True, None),
    ],
)
def test_the_kinds_of_429_are_told_apart(
    tmp_path: Path, detail: str, error: type, needs_person: bool | None, wait_s: float | None
) -> None:
    async def work(peer: Any) -> None:
        with pytest.raises(error) as caught:
            await peer.submit(submission(document(tmp_path), options=OPTIONS), tmp_path / "a")
        assert type(caught.value) is error
        assert getattr(caught.value, "needs_person", None) is needs_person
        assert caught.value.retry_after_s == wait_s

    fault = {
        "on": "submit",
        "do": "status",
        "status": 429,
        "headers": {"Retry-After": "20"},
        "body": {"detail": detail},
    }
    with FakeProvider("nanonets", {"faults": [fault]}) as fake:
        run("nanonets", fake.url, work)


def test_too_many_pages_for_a_synchronous_call_has_a_hint(tmp_path: Path) -> None:
    async def work(peer: Any) -> None:
        with pytest.raises(Rejected, match="mode: async"):
            await peer.submit(submission(document(tmp_path), options=OPTIONS, mode="sync"), tmp_path / "a")

    fault = {"on": "submit", "do": "status", "status": 400, "body": {"detail": "a maximum of 5 pages is allowed"}}
    with FakeProvider("nanonets", {"faults": [fault]}) as fake:
        run("nanonets", fake.url, work)


def _answered(tmp_path: Path, on: str, body: dict[str, Any], mode: str = "async") -> Any:
    """What comes of one answer, given to a submission or to a poll."""

    async def work(peer: Any) -> Any:
        if on == "submit":
            return await peer.submit(submission(document(tmp_path), options=OPTIONS, mode=mode), tmp_path / "a")
        return await peer.poll("extract", "17", tmp_path / "a")

    with FakeProvider("nanonets", {"faults": [{"on": on, "do": "answer", "body": body}]}) as fake:
        return run("nanonets", fake.url, work)


def test_a_job_that_is_finished_at_once_needs_no_poll(tmp_path: Path) -> None:
    record = {"success": True, "record_id": 17, "status": "completed", "result": {"markdown": {"content": "x"}}}
    answered = _answered(tmp_path, "submit", record)
    assert isinstance(answered, Answered)
    assert answered.job_id == "17"
    assert (tmp_path / "a").exists()


def test_a_record_id_may_be_a_number(tmp_path: Path) -> None:
    assert _answered(tmp_path, "submit", {"record_id": 17, "status": "processing"}).job_id == "17"


def test_a_renamed_upload_is_an_alarm(tmp_path: Path) -> None:
    accepted = _answered(tmp_path, "submit", {"record_id": "17", "status": "processing", "filename": "upload"})
    assert "renamed" in accepted.warnings[0]


def test_a_synchronous_failure_is_told_by_the_poll(tmp_path: Path) -> None:
    record = {"success": False, "message": "cannot read it", "record_id": "17", "status": "failed"}
    assert _answered(tmp_path, "submit", record, "sync").job_id == "17"
    assert isinstance(_answered(tmp_path, "poll", record), JobFailed)


def test_status_decides_and_not_success(tmp_path: Path) -> None:
    assert _answered(tmp_path, "poll", {"success": False, "status": "processing"}) == Pending("processing")


def test_an_unknown_status_is_pending_and_said(tmp_path: Path) -> None:
    pending = _answered(tmp_path, "poll", {"success": True, "status": "warming_up"})
    assert pending.status == "warming_up"
    assert "unknown status" in pending.warnings[0]


def test_completed_without_any_result_has_failed(tmp_path: Path) -> None:
    record = {"success": True, "status": "completed", "record_id": "17", "result": None}
    assert _answered(tmp_path, "poll", record).retryable


def test_a_format_that_did_not_come_is_a_warning(tmp_path: Path) -> None:
    record = {
        "status": "completed",
        "record_id": "17",
        "output_format": "markdown,json",
        "result": {"markdown": {"content": "x"}, "json": None},
    }
    assert _answered(tmp_path, "poll", record).warnings == ("json was asked for and is not in the result",)
