"""What becomes of documents when providers chain, lose, forget, refuse, park and recover."""

from __future__ import annotations

import json
import plistlib
import socket
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from checker import check_all_ended
from daemons import SAMPLES, Ferry, wait_for
from peers.fake_provider import FakeProvider

LETTER = b"A letter of the twelfth of May.\n"
FORMATS = {"formats": ["markdown", "json"]}


def pulse(fake: FakeProvider, rule: dict[str, Any] | None = None, **provider: Any) -> dict[str, Any]:
    """A configuration whose one rule sends everything to the peer, as jobs."""
    return {
        "providers": {"peer": {"dialect": fake.dialect, "url": fake.url, **provider}},
        "rules": [{"name": "all", "provider": "peer", "mode": "async", "deliver": FORMATS, **(rule or {})}],
    }


CHAIN = {
    "steps": [
        {"extract": {}},
        {"split": {"split_config": {"split_input": [{"name": "terms", "description": "payment terms"}]}}},
        {"schema": {"split_schema_config": {"terms": {"schema": {"type": "object", "properties": {}}}}}},
    ]
}


def test_chain_passes_ids_on_and_delivers_each_step(tmp_path: Path) -> None:
    with FakeProvider("pulse", {"topics": {"terms": [1]}}) as fake:
        ferry = Ferry(tmp_path, pulse(fake, CHAIN))
        ferry.drop(LETTER, "letter.txt")
        assert ferry.run_once().returncode == 0
        submissions = fake.accepted()
    assert [submission.endpoint for submission in submissions] == ["extract", "split", "schema"]
    assert submissions[1].fields["extraction_id"]
    assert submissions[2].fields["split_id"]
    names = {path.name for path in ferry.outbox.iterdir()}
    assert {"letter.txt.md", "letter.txt.split.json", "letter.txt.schema.json", "letter.txt.receipt.json"} <= names
    [receipt] = ferry.receipts().values()
    assert len(receipt["job_ids"]) == 3


def test_failed_step_keeps_what_earlier_ones_gave_and_retry_goes_on_from_it(tmp_path: Path) -> None:
    broken = {
        "on": "submit",
        "do": "job",
        "status": "failed",
        "message": "no matching topic",
        "match": "split",
        "times": 1,
    }
    with FakeProvider("pulse", {"topics": {"terms": [1]}, "faults": [broken]}) as fake:
        ferry = Ferry(tmp_path, pulse(fake, CHAIN))
        ferry.drop(LETTER, "letter.txt")
        assert ferry.run_once().returncode == 1
        [document] = ferry.documents()
        assert (document.state, document.partial) == ("failed", True)
        [receipt] = ferry.receipts().values()
        assert receipt["partial"]
        assert (ferry.outbox / "letter.txt.md").exists()
        assert (ferry.failed / "letter.txt").exists()
        assert ferry.command("retry", document.id).returncode == 0
        assert ferry.run_once().returncode == 0
        endpoints = [submission.endpoint for submission in fake.accepted()]
    assert endpoints == ["extract", "split", "split", "schema"]
    [receipt] = ferry.receipts().values()
    assert not receipt["partial"]
    check_all_ended(ferry, [LETTER])


def test_lost_answer_is_found_in_the_listing_and_never_sent_again(tmp_path: Path) -> None:
    lost = {"on": "submit", "do": "accept_then_cut", "times": 1}
    with FakeProvider("nanonets", {"faults": [lost]}) as fake:
        rule = {"steps": [{"extract": {"output_format": ["markdown", "json"]}}], "mode": "async"}
        ferry = Ferry(tmp_path, pulse(fake, rule))
        ferry.drop(LETTER, "letter.txt")
        assert ferry.run_once().returncode == 0
        assert len(fake.accepted()) == 1
    check_all_ended(ferry, [LETTER])
    [document] = ferry.documents()
    assert "answer lost" in [event["kind"] for event in ferry.events(document.id)]


def test_lost_answer_of_plain_pulse_is_sent_again_and_says_so(tmp_path: Path) -> None:
    lost = {"on": "submit", "do": "accept_then_cut", "times": 1}
    with FakeProvider("pulse", {"faults": [lost]}) as fake:
        ferry = Ferry(tmp_path, pulse(fake))
        ferry.drop(LETTER, "letter.txt")
        assert ferry.run_once().returncode == 0
        assert len(fake.accepted()) == 2
        assert len({submission.idempotency_key for submission in fake.accepted()}) == 2
    [receipt] = ferry.receipts().values()
    assert any("paid twice" in warning for warning in receipt["warnings"])
    check_all_ended(ferry, [LETTER])


def test_lost_answer_holds_the_document_where_the_rule_says_so(tmp_path: Path) -> None:
    lost = {"on": "submit", "do": "accept_then_cut", "times": 1}
    with FakeProvider("pulse", {"faults": [lost]}) as fake:
        ferry = Ferry(tmp_path, pulse(fake, {"on_ambiguous": "hold"}))
        ferry.drop(LETTER, "letter.txt")
        assert ferry.run_once().returncode == 1
        [document] = ferry.documents()
        assert document.state == "held"
        assert len(fake.accepted()) == 1
        assert ferry.command("retry", document.id).returncode == 0
        assert ferry.run_once().returncode == 0
    check_all_ended(ferry, [LETTER])


def test_lost_answer_of_an_idempotent_provider_gives_the_same_job(tmp_path: Path) -> None:
    lost = {"on": "submit", "do": "accept_then_status", "status": 500, "times": 2}
    with FakeProvider("pulse", {"idempotent": True, "faults": [lost]}) as fake:
        ferry = Ferry(tmp_path, pulse(fake, idempotent=True))
        ferry.drop(LETTER, "letter.txt")
        assert ferry.run_once().returncode == 0
        assert len({submission.job_id for submission in fake.accepted()}) == 1
    check_all_ended(ferry, [LETTER])


def test_auto_calls_synchronously_where_documents_are_small_and_as_a_job_where_not(tmp_path: Path) -> None:
    """None of the rules asks for pages: what decides is read from the documents themselves."""
    expected = {
        "letter.txt": "sync",
        "receipt.png": "sync",
        "report.pdf": "sync",  # four pages
        "letter.docx": "sync",
        "long.txt": "async",  # more than five pages of text
        "many.pdf": "async",
    }
    with FakeProvider("pulse", {}) as fake:
        ferry = Ferry(tmp_path, pulse(fake, {"mode": "auto"}))
        for name in ("receipt.png", "report.pdf", "letter.docx"):
            ferry.drop(SAMPLES / name)
        ferry.drop(LETTER, "letter.txt")
        ferry.drop(LETTER * 1000, "long.txt")
        ferry.drop(b"%PDF-1.4\n1 0 obj << /Type /Pages /Count 6 >> endobj\n%%EOF\n", "many.pdf")
        assert ferry.run_once().returncode == 0
        assert "sync" in ferry.command("explain", str(SAMPLES / "letter.docx")).stdout
    receipts = ferry.receipts().values()
    assert {receipt["name"]: receipt["steps"][0]["mode"] for receipt in receipts} == expected


def test_synchronous_call_that_takes_too_long_is_settled_like_any_lost_answer(tmp_path: Path) -> None:
    hangs = {"on": "submit", "do": "accept_then_hang", "times": 1}
    with FakeProvider("nanonets", {"faults": [hangs]}) as fake:
        rule = {"steps": [{"extract": {"output_format": ["markdown"]}}], "mode": "auto", "job_timeout": "1s"}
        ferry = Ferry(tmp_path, pulse(fake, rule))
        ferry.drop(LETTER, "letter.txt")
        assert ferry.run_once().returncode == 0
        assert [submission.mode for submission in fake.accepted()] == ["sync"]
    [document] = ferry.documents()
    assert "answer lost" in [event["kind"] for event in ferry.events(document.id)]
    check_all_ended(ferry, [LETTER])


def test_synchronous_call_that_never_ends_fails_when_its_time_is_over_under_the_same_key(tmp_path: Path) -> None:
    """The first call may have lost a good answer, so it is sent again; the second says that the job does not end."""
    hangs = {"on": "submit", "do": "accept_then_hang", "times": 0}
    with FakeProvider("pulse", {"idempotent": True, "faults": [hangs]}) as fake:
        ferry = Ferry(tmp_path, pulse(fake, {"mode": "sync", "job_timeout": "1s"}, idempotent=True))
        ferry.drop(LETTER, "letter.txt")
        assert ferry.run_once().returncode == 1
        first, second = fake.seen.submissions
        assert first.idempotency_key == second.idempotency_key
    [document] = ferry.documents()
    assert document.state == "failed"
    assert "did not answer a synchronous extract call within 1 s" in (document.error or "")
    assert "job_timeout" in (document.error_hint or "")
    check_all_ended(ferry, [LETTER])


def test_job_that_is_not_visible_at_once_is_waited_for(tmp_path: Path) -> None:
    """404 right after the submission: a job that was really lost would be sent, and paid for, once more."""
    late = {"on": "poll", "do": "status", "status": 404, "body": {"detail": "not found"}, "times": 2}
    for dialect, options in (("pulse", {}), ("nanonets", {"output_format": ["markdown"]})):
        with FakeProvider(dialect, {"faults": [late]}) as fake:
            ferry = Ferry(tmp_path / dialect, pulse(fake, {"steps": [{"extract": options}]}))
            ferry.drop(LETTER, "letter.txt")
            assert ferry.run_once().returncode == 0
            assert len(fake.accepted()) == 1
        [document] = ferry.documents()
        assert document.warnings == ()
        check_all_ended(ferry, [LETTER])


def test_synchronous_call_that_is_refused_for_its_pages_becomes_a_job(tmp_path: Path) -> None:
    refuses = {"on": "submit", "do": "status", "status": 400, "body": {"detail": "maximum of 5 pages"}, "times": 1}
    with FakeProvider("nanonets", {"faults": [refuses]}) as fake:
        rule = {"steps": [{"extract": {"output_format": ["markdown"]}}], "mode": "auto"}
        ferry = Ferry(tmp_path, pulse(fake, rule))
        ferry.drop(LETTER, "letter.txt")
        assert ferry.run_once().returncode == 0
        assert [submission.mode for submission in fake.accepted()] == ["async"]
    check_all_ended(ferry, [LETTER])


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("lease.url", b"[InternetShortcut]\r\nURL=https://example.com/lease.pdf\r\n"),
        ("lease.webloc", plistlib.dumps({"URL": "https://example.com/lease.pdf"})),
    ],
)
def test_link_file_is_submitted_by_its_address_where_the_rule_takes_links(
    tmp_path: Path, name: str, content: bytes
) -> None:
    with FakeProvider("pulse", {}) as fake:
        ferry = Ferry(tmp_path, pulse(fake, {"mode": "auto", "links": True}))
        ferry.drop(content, name)
        assert ferry.run_once().returncode == 0
        [submission] = fake.accepted()
        assert submission.fields["fileUrl"] == "https://example.com/lease.pdf"
        assert (submission.mode, submission.upload_name) == ("async", "")  # nobody knows how long it is
    check_all_ended(ferry, [content])


def test_every_other_end_of_a_job(tmp_path: Path) -> None:
    """Cancelled elsewhere in both spellings, expired, never ending and so told to stop: each with its reason."""
    fates = ["canceled", "cancelled", "expired", "processing"]
    faults = [{"on": "submit", "do": "job", "status": fate, "match": f"is-{fate}-", "times": 1} for fate in fates]
    with FakeProvider("pulse", {"faults": faults}) as fake:
        ferry = Ferry(tmp_path, pulse(fake, {"job_timeout": "3s"}))
        for fate in fates:
            ferry.drop(f"is-{fate}-".encode(), f"{fate}.txt")
        assert ferry.run_once().returncode == 1
        assert len(fake.stats()["cancels"]) == 1
    documents = {document.path.removesuffix(".txt"): document for document in ferry.documents()}
    assert [documents[fate].state.value for fate in fates] == ["canceled", "canceled", "failed", "failed"]
    assert "cancelled at the provider" in (documents["cancelled"].error or "")
    assert "charge" in (documents["expired"].error_hint or "")
    assert "did not end within 3 s" in (documents["processing"].error or "")


def test_cancel_without_a_cancel_call_says_that_the_job_runs_on_and_is_paid_for(tmp_path: Path) -> None:
    with FakeProvider("nanonets", {"job_s": 600}) as fake:
        rule = {"steps": [{"extract": {"output_format": ["markdown"]}}]}
        with Ferry(tmp_path, pulse(fake, rule)).start() as ferry:
            ferry.drop(LETTER, "letter.txt")
            [document] = wait_for(lambda: ferry.documents("waiting"), saying=ferry.log_text)
            ferry.command("cancel", document.id)
            [ended] = ferry.wait_for_ended(1)
    assert ended.state == "canceled"
    assert "runs on and is paid for" in (ended.error or "")


def test_what_a_job_cost_and_what_the_provider_said_is_in_why_and_receipt(tmp_path: Path) -> None:
    with FakeProvider("pulse", {"credits": 3, "pages": 2, "headers": {"Sunset": "Sat, 1 May 2027"}}) as fake:
        ferry = Ferry(tmp_path, pulse(fake))
        for name in ("a.txt", "b.txt"):
            ferry.drop(LETTER + name.encode(), name)
        done = ferry.run_once()
    assert done.stderr.count("will go away") == 1  # once, however many answers say so
    for receipt in ferry.receipts().values():
        [step] = receipt["steps"]
        assert (receipt["credits"], receipt["pages"]) == (3, 2)
        assert any("will go away" in warning for warning in receipt["warnings"])
        assert step["notes"]["plan_info"]["tier"] == "trial"
    why = ferry.command("why", "a.txt").stdout
    assert all(words in why for words in ("credits 3", "pages 2", "will go away", "plan_info="))


def test_what_was_asked_for_and_did_not_come_is_a_warning_in_the_receipt(tmp_path: Path) -> None:
    asked = {"pulse": ["markdown", "html", "images"], "nanonets": ["markdown", "html", "metadata"]}
    for dialect, formats in asked.items():
        options = {"output_format": ["markdown"]} if dialect == "nanonets" else {}
        rule = {"steps": [{"extract": options}], "deliver": {"formats": formats}}
        with FakeProvider(dialect) as fake:
            ferry = Ferry(tmp_path / dialect, pulse(fake, rule))
            ferry.drop(LETTER, "letter.txt")
            assert ferry.run_once().returncode == 0
        [receipt] = ferry.receipts().values()
        assert [output["format"] for output in receipt["outputs"]] == ["markdown"]
        missing = [warning.partition(":")[0] for warning in receipt["warnings"]]
        assert missing == formats[1:]
        assert not list(ferry.outbox.glob("*.html"))


def test_cancel_during_a_synchronous_call_comes_too_late_and_says_so(tmp_path: Path) -> None:
    with FakeProvider("pulse", {"job_s": 3}) as fake, Ferry(tmp_path, pulse(fake, {"mode": "sync"})).start() as ferry:
        ferry.drop(LETTER, "letter.txt")
        [document] = wait_for(lambda: ferry.documents("submitting"), saying=ferry.log_text)
        assert ferry.command("cancel", document.id).returncode == 0
        [ended] = ferry.wait_for_ended(1)
    assert (ended.state, ended.cancel_requested) == ("delivered", False)
    assert any("too late" in warning for warning in ended.warnings)


def test_provider_that_is_down_is_asked_how_it_is_and_no_document_is_spent_on_it(tmp_path: Path) -> None:
    """500 to everything: after five in a row nothing is submitted any more until it answers."""
    down = {"on": "any", "do": "status", "status": 500, "times": 0}
    script = {"idempotent": True, "faults": [down]}
    with FakeProvider("pulse", script) as fake, Ferry(tmp_path, pulse(fake, idempotent=True)).start() as ferry:
        contents = [LETTER + b"%d" % number for number in range(6)]
        for number, content in enumerate(contents):
            ferry.drop(content, f"{number}.txt")
        wait_for(lambda: fake.stats()["counts"].get("poll", 0) >= 1, saying=ferry.log_text)  # how are you?
        submitted = fake.stats()["counts"]["submit"]
        wait_for(lambda: fake.stats()["counts"].get("poll", 0) >= 2, saying=ferry.log_text)
        assert ferry.ask("status")["trouble"]
        assert fake.stats()["counts"]["submit"] == submitted
        fake.script["faults"] = []
        ferry.command("resume", "peer")
        assert {document.state.value for document in ferry.wait_for_ended(6)} == {"delivered"}
        assert ferry.stop() == 0
    check_all_ended(ferry, contents)


def test_progress_of_an_upload_is_in_status(tmp_path: Path) -> None:
    """The peer takes no byte more than the kernel does: nobody ever accepts the connection."""
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        config = {
            "providers": {"peer": {"dialect": "pulse", "url": f"http://127.0.0.1:{deaf.getsockname()[1]}"}},
            "rules": [{"name": "all", "provider": "peer", "mode": "async"}],
            "shutdown_grace": "0s",
        }
        with Ferry(tmp_path, config).start() as ferry:
            ferry.drop(b"x" * 30_000_000, "large.bin")
            uploads = wait_for(lambda: ferry.ask("status")["uploads"], saying=ferry.log_text)
            [document] = ferry.documents("submitting")
            assert 0 < uploads[document.id] < 30_000_000


def test_large_result_is_fetched_once_and_delivered(tmp_path: Path) -> None:
    with FakeProvider("pulse", {"large": True}) as fake:
        ferry = Ferry(tmp_path, pulse(fake))
        ferry.drop(LETTER, "letter.txt")
        assert ferry.run_once().returncode == 0
        assert fake.stats()["counts"]["fetch"] == 1
    check_all_ended(ferry, [LETTER])


def test_answer_of_several_megabytes_is_delivered_whole(tmp_path: Path) -> None:
    result = {"markdown": "# A", "bounding_boxes": {"Text": [{"id": n, "content": "x" * 100} for n in range(30_000)]}}
    large = {"on": "poll", "do": "answer", "body": {"job_id": "j", "status": "completed", "result": result}}
    with FakeProvider("pulse", {"faults": [large]}) as fake:
        ferry = Ferry(tmp_path, pulse(fake))
        ferry.drop(LETTER, "letter.txt")
        assert ferry.run_once().returncode == 0
    assert json.loads((ferry.outbox / "letter.txt.json").read_bytes()) == {"bounding_boxes": result["bounding_boxes"]}
    check_all_ended(ferry, [LETTER])


def test_large_result_that_is_gone_fails_and_says_what_another_run_costs(tmp_path: Path) -> None:
    gone = {"on": "fetch", "do": "status", "status": 410, "body": {"error": {"code": "STORAGE_1", "message": "taken"}}}
    with FakeProvider("pulse", {"large": True, "faults": [gone]}) as fake:
        ferry = Ferry(tmp_path, pulse(fake))
        ferry.drop(LETTER, "letter.txt")
        assert ferry.run_once().returncode == 1
        [error] = ferry.failed.glob("*.error.json")
        assert "charge" in json.loads(error.read_text())["what_to_do"]
        [document] = ferry.documents()
        ferry.command("retry", document.id)
        assert ferry.run_once().returncode == 0
    check_all_ended(ferry, [LETTER])


def test_wrong_key_parks_the_provider_and_spends_no_attempt(tmp_path: Path) -> None:
    with FakeProvider("pulse", {"key": "right"}) as fake:
        key = tmp_path / "key"
        key.write_text("wrong-and-secret")
        key.chmod(0o600)
        with Ferry(tmp_path, pulse(fake, key={"file": str(key)})).start() as ferry:
            ferry.drop(LETTER, "letter.txt")
            status = wait_for(lambda: (s := ferry.ask("status"))["trouble"] and s, saying=ferry.log_text)
            assert "parked" in status["providers"][0]["state"]
            [document] = wait_for(lambda: ferry.documents("queued"), saying=ferry.log_text)
            assert document.attempts == 0
            fake.script["key"] = "wrong-and-secret"
            ferry.command("resume", "peer")
            assert [document.state for document in ferry.wait_for_ended(1)] == ["delivered"]
            assert ferry.ask("status")["trouble"] == []
        everything = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file() and path != key)
    assert b"wrong-and-secret" not in everything


def test_forgotten_job_is_submitted_again_within_a_budget_then_held(tmp_path: Path) -> None:
    """The grace for jobs that are not visible yet is a minute, so the ledger's clock is turned back instead."""
    forgets = {"on": "submit", "do": "forget", "times": 0}
    with FakeProvider("pulse", {"faults": [forgets]}) as fake, Ferry(tmp_path, pulse(fake)) as ferry:
        ferry.drop(LETTER, "letter.txt")
        for number in (1, 2, 3):
            ferry.start()
            wait_for(
                lambda number=number: len(fake.accepted()) == number and ferry.documents("waiting"),
                saying=ferry.log_text,
            )
            assert ferry.stop() == 0
            with sqlite3.connect(ferry.state / "ledger.sqlite") as ledger:
                ledger.execute("UPDATE steps SET accepted_at = accepted_at - 100")
                ledger.execute("UPDATE documents SET due_at = 0")
            ledger.close()
        ferry.start(ready=False)
        wait_for(lambda: ferry.documents("held"), saying=ferry.log_text)
        assert len(fake.accepted()) == 3


def test_unreachable_provider_hands_over_to_the_fallback(tmp_path: Path) -> None:
    with FakeProvider("pulse", {}) as fake:
        config = {
            "providers": {
                "down": {"dialect": "pulse", "url": "http://127.0.0.1:9"},
                "peer": {"dialect": "pulse", "url": fake.url},
            },
            "rules": [
                {"name": "all", "provider": "down", "fallback": {"provider": "peer", "after": "1s"}, "deliver": FORMATS}
            ],
        }
        with Ferry(tmp_path, config).start() as ferry:
            ferry.drop(LETTER, "letter.txt")
            assert [document.state for document in ferry.wait_for_ended(1)] == ["delivered"]
            [receipt] = ferry.receipts().values()
            assert any("instead of down" in warning for warning in receipt["warnings"])


def test_classify_then_route(tmp_path: Path) -> None:
    with FakeProvider("nanonets", {"category": "invoice"}) as fake:
        config = {
            "providers": {"peer": {"dialect": "nanonets", "url": fake.url}},
            "rules": [
                {
                    "name": "what is it",
                    "when": {"name": "*.txt"},
                    "provider": "peer",
                    "steps": [{"classify": {"categories": [{"name": "invoice"}, {"name": "letter"}]}}],
                },
                {
                    "name": "invoices",
                    "when": {"class": "invoice"},
                    "provider": "peer",
                    "steps": [{"extract": {"output_format": ["markdown"]}}],
                    "deliver": {"formats": ["markdown"]},
                },
            ],
        }
        ferry = Ferry(tmp_path, config)
        ferry.drop(LETTER, "letter.txt")
        assert ferry.run_once().returncode == 0, ferry.documents()
        assert [submission.endpoint for submission in fake.accepted()] == ["classify", "extract"]
    [receipt] = ferry.receipts().values()
    assert receipt["rule"] == "invoices"
    check_all_ended(ferry, [LETTER])


@pytest.mark.parametrize(("policy", "submissions", "receipts"), [("process", 2, 2), ("link", 1, 2), ("skip", 1, 1)])
def test_same_content_twice(tmp_path: Path, policy: str, submissions: int, receipts: int) -> None:
    with FakeProvider("pulse", {}) as fake:
        ferry = Ferry(tmp_path, pulse(fake), duplicates=policy)
        for name in ("first.txt", "second.txt"):
            ferry.drop(LETTER, name)
            assert ferry.run_once().returncode == 0
        assert len(fake.accepted()) == submissions
    assert len(ferry.receipts()) == receipts
    assert sorted(path.name for path in ferry.archive.glob("*.txt")) == ["first.txt", "second.txt"]


def test_same_name_twice_gets_a_number(tmp_path: Path) -> None:
    with FakeProvider("pulse", {}) as fake:
        ferry = Ferry(tmp_path, pulse(fake))
        contents = [LETTER, LETTER * 2, LETTER * 3]
        for content in contents:
            ferry.drop(content, "letter.txt")
            assert ferry.run_once().returncode == 0
    names = {path.name for path in ferry.outbox.iterdir()}
    assert {"letter.txt.md", "letter.txt~2.md", "letter.txt~3.md"} <= names
    check_all_ended(ferry, contents)


def test_outbox_that_goes_away_parks_and_comes_back(tmp_path: Path) -> None:
    with FakeProvider("pulse", {"job_s": 1}) as fake, Ferry(tmp_path, pulse(fake)).start() as ferry:
        ferry.drop(LETTER, "letter.txt")
        wait_for(lambda: ferry.documents("waiting"), saying=ferry.log_text)
        away = tmp_path / "away"
        ferry.outbox.rename(away)
        trouble = wait_for(lambda: ferry.ask("status")["trouble"], saying=ferry.log_text)
        assert "outbox of scans" in trouble[0]
        assert not ferry.outbox.exists()
        away.rename(ferry.outbox)
        assert [document.state for document in ferry.wait_for_ended(1)] == ["delivered"]
        wait_for(lambda: not ferry.ask("status")["trouble"], saying=ferry.log_text)
        assert ferry.stop() == 0
    check_all_ended(ferry, [LETTER])


def test_files_that_stay_where_they_are_are_taken_once_and_again_when_they_change(tmp_path: Path) -> None:
    with FakeProvider("pulse", {}) as fake:
        ferry = Ferry(tmp_path, pulse(fake), claim="leave", after="keep")
        file = ferry.drop(LETTER, "letter.txt")
        for _ in range(2):
            assert ferry.run_once().returncode == 0
        assert len(fake.accepted()) == 1
        file.write_bytes(LETTER * 2)
        assert ferry.run_once().returncode == 0
        assert len(fake.accepted()) == 2
    assert file.read_bytes() == LETTER * 2


def test_document_that_no_rule_takes_fails_with_the_nearest_rules(tmp_path: Path) -> None:
    with FakeProvider("pulse", {}) as fake:
        ferry = Ferry(tmp_path, pulse(fake, {"when": {"extension": "pdf"}}))
        ferry.drop(SAMPLES / "notes.txt")
        assert ferry.run_once().returncode == 1
    error = json.loads((ferry.failed / "notes.txt.error.json").read_text())
    assert "no rule takes it" in error["why"]
    assert "extension" in error["why"]
