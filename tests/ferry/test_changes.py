"""What changes while a document is under way: its content, and the rules."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from checker import check_all_ended
from daemons import Ferry, wait_for
from peers.fake_provider import FakeProvider


def config(fake: FakeProvider, rule: str = "all") -> dict[str, Any]:
    return {
        "providers": {"peer": {"dialect": "pulse", "url": fake.url, "idempotent": True}},
        "rules": [{"name": rule, "provider": "peer", "mode": "async"}],
    }


def test_a_document_whose_writer_goes_on_after_the_claim_is_read_again(tmp_path: Path) -> None:
    """Row 19: whoever had it open writes on into the work folder; what is delivered is what was sent."""
    with FakeProvider("pulse", {}) as fake, Ferry(tmp_path, config(fake), settle="0.5s").start() as ferry:
        ferry.command("pause", "peer")
        ferry.drop(b"the first half", "letter.txt")
        [document] = wait_for(lambda: ferry.documents("queued"), saying=ferry.log_text)
        wait_for(lambda: ferry.documents()[0].plan is not None, saying=ferry.log_text)
        with Path(document.work_path).open("ab") as late:
            late.write(b", and the second")
        ferry.command("resume", "peer")
        [ended] = ferry.wait_for_ended(1)
        assert ended.state == "delivered", ended.error
        assert ferry.stop() == 0
        whole = b"the first half, and the second"
        assert ended.sha256 == hashlib.sha256(whole).hexdigest()
        assert "changed while it was read" in [event["kind"] for event in ferry.events(document.id)]
        assert [submission["sha256"] for submission in fake.stats()["submissions"] if submission["accepted"]] == [
            ended.sha256
        ]
        check_all_ended(ferry, [whole])


def test_a_file_that_is_removed_from_where_it_had_to_stay_ends_with_the_reason(tmp_path: Path) -> None:
    with FakeProvider("pulse", {}) as fake:
        ferry = Ferry(tmp_path, config(fake), claim="leave", after="keep", archive=None)
        with ferry.start():
            ferry.command("pause", "peer")
            dropped = ferry.drop(b"a letter", "letter.txt")
            wait_for(lambda: ferry.documents() and ferry.documents()[0].plan, saying=ferry.log_text)
            dropped.unlink()
            ferry.command("resume", "peer")
            [ended] = ferry.wait_for_ended(1)
            assert ended.state == "failed"
            assert "is gone" in (ended.error or "")
            assert ferry.stop() == 0


def test_a_document_finishes_under_the_rules_it_was_routed_by(tmp_path: Path) -> None:
    """Row 46: the rules are edited while its job runs, also over a restart."""
    with FakeProvider("pulse", {"job_s": 600}) as fake, Ferry(tmp_path, config(fake)).start() as ferry:
        ferry.drop(b"a letter", "letter.txt")
        wait_for(lambda: ferry.documents("waiting"), saying=ferry.log_text)
        ferry.write(config(fake, "another"))
        wait_for(lambda: "configuration taken over" in ferry.log_text(), saying=ferry.log_text)
        ferry.kill()
        for job in fake.seen.jobs.values():
            job.seconds = 0
        ferry.start(ready=False)
        [ended] = ferry.wait_for_ended(1)
        assert ferry.stop() == 0
    assert ended.plan is not None
    assert (ended.state, ended.plan.rule) == ("delivered", "all")
    [receipt] = ferry.receipts().values()
    assert receipt["rule"] == "all"
