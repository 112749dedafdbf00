"""``check`` and ``explain`` as people use them: what they print, and how they end."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from commands import docferry
from config.work import VALID, with_rules, write
from docferry.config import load
from docferry.ledger import Ledger
from docferry.ledger.changes import Event
from docferry.models import Document, DocumentState, FileIdentity, Plan
from docferry.rules.route import Candidate, Router
from rules.work import NOW, SAMPLES, candidate, with_reader

RULES = (
    "  - {name: long, when: {type: application/pdf, pages: '>= 50'}, provider: local, mode: async, "
    "steps: [extract: {extensions: {chunking: {chunkTypes: [page]}}}], deliver: {name: '{date:%Y}/{stem}'}}\n"
    "  - {name: notes, when: {type: text/plain}, provider: nano, steps: [extract: {output_format: markdown}]}\n"
    "  - {name: temporary, when: {name: '*.bak'}, ignore: true}\n"
    "  - {name: rest, when: {encrypted: false}, provider: local}\n"
)


class TestCheck:
    def test_says_what_was_read(self, tmp_path: Path) -> None:
        for name in ("inbox", "outbox", "archive", "failed"):
            (tmp_path / name).mkdir()
        done = docferry("check", "-c", write(tmp_path, VALID))

        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout == f"{tmp_path}/docferry.yaml: 1 inbox, 2 providers, 1 rule\n"

    def test_shows_every_problem_and_ends_with_2(self, tmp_path: Path) -> None:
        path = write(tmp_path, VALID.replace("provider: local", "provider: lokal").replace("state:", "stat:"))

        done = docferry("check", "-c", path)
        assert (done.returncode, done.stdout) == (2, "")
        assert "docferry.yaml:1:1: stat: unknown key stat" in done.stderr
        assert "docferry.yaml:13:15: rules[0].provider: there is no provider lokal" in done.stderr
        assert "Traceback" not in done.stderr

        as_json = docferry("check", "-c", path, "--json")
        assert as_json.returncode == 2
        assert len(json.loads(as_json.stdout)["problems"]) == 2

    def test_says_what_a_start_would_be_refused_for(self, tmp_path: Path) -> None:
        path = write(tmp_path, VALID.replace("./outbox", "./inbox/results"))

        missing = docferry("check", "-c", path)
        assert missing.returncode == 0  # rules may be checked where no documents are
        assert missing.stderr.startswith(f"not ready to run here: inboxes.scans.path: {tmp_path}/inbox does not exist")

        for name in ("inbox/results", "archive", "failed"):
            (tmp_path / name).mkdir(parents=True)
        nested = docferry("check", "-c", path)
        assert (nested.returncode, nested.stdout) == (2, "")
        assert f"inboxes.scans.outbox: {tmp_path}/inbox/results lies inside the inbox scans" in nested.stderr

    def test_runs_the_rules_own_tests(self, tmp_path: Path) -> None:
        write(tmp_path, (SAMPLES / "notes.txt").read_bytes(), "samples/notes.txt")
        tests = f"""\
tests:
  - {{file: ./samples/notes.txt, expect: {{rule: notes, provider: nano, mode: auto}}}}
  - {{file: {SAMPLES}/report.pdf, path: deep/report.pdf, expect: {{rule: rest, formats: [markdown, json]}}}}
  - description: a long one
    facts: {{path: x/long.pdf, type: application/pdf, pages: 60, now: 2026-05-01}}
    expect: {{rule: long, name: 2026/long, steps: [extract: {{extensions: {{chunking: {{chunkTypes: [page]}}}}}}]}}
  - {{facts: {{name: a.bak, type: image/png}}, expect: {{ignored: true}}}}
  - {{facts: {{name: a.png, type: image/png, encrypted: true}}, expect: {{no_match: true}}}}
"""
        path = write(tmp_path, with_rules(RULES) + tests)

        done = docferry("check", "-c", path)

        assert done.returncode == 0, done.stdout + done.stderr
        assert done.stdout.endswith("4 rules, 5 of 5 rule tests pass\n")

    def test_says_what_a_failing_test_got_instead(self, tmp_path: Path) -> None:
        tests = """\
tests:
  - description: too short
    facts: {type: application/pdf, pages: 5, encrypted: false}
    expect: {rule: long, priority: 3}
  - {description: needs more, facts: {type: application/pdf}, expect: {rule: long}}
  - {description: taken, facts: {name: a.bak, type: image/png}, expect: {no_match: true}}
  - {description: unsure, facts: {type: application/pdf}, expect: {no_match: true}}
  - {description: wrong fact, facts: {pages: many}, expect: {rule: long}}
  - {description: gone, file: ./nowhere.pdf, expect: {rule: long}}
  - {description: not ignored, facts: {type: text/plain}, expect: {ignored: true, formats: [json]}}
"""
        path = write(tmp_path, with_rules(RULES) + tests)

        done = docferry("check", "-c", path)

        assert done.returncode == 1
        assert done.stdout.splitlines() == [
            "FAILED docferry.yaml:17 too short: rule: expected long, got rest (long: pages >= 50: found 5)",
            "FAILED docferry.yaml:17 too short: priority: expected 3, got 0",
            "FAILED docferry.yaml:20 needs more: rule 'long' asks for pages, which is not known",
            "FAILED docferry.yaml:21 taken: no rule was expected to take it, temporary does",
            "FAILED docferry.yaml:22 unsure: rule 'long' asks for pages, which is not known",
            "FAILED docferry.yaml:23 wrong fact: the fact pages is wrong: 'many' (wanted: a whole number)",
            f"FAILED docferry.yaml:24 gone: [Errno 2] No such file or directory: '{tmp_path}/nowhere.pdf'",
            "FAILED docferry.yaml:25 not ignored: ignored: expected true, got false",
            "FAILED docferry.yaml:25 not ignored: formats: expected json, got markdown, json",
            f"{path}: 1 inbox, 2 providers, 4 rules, 0 of 7 rule tests pass",
        ]
        report = json.loads(docferry("check", "-c", path, "--json").stdout)
        assert report["ok"] is False
        assert report["tests"][0]["origin"] == "docferry.yaml:17"


class TestReplay:
    def _ledger(self, folder: Path, path: Path, documents: list[tuple[str, dict[str, Any]]]) -> None:
        """A ledger in which the present rules have routed ``documents`` (path, facts)."""
        config = load(path, environ={})
        (folder / "state").mkdir()

        class Known:
            async def read(self, path: Path, names: frozenset[str]) -> dict[str, Any]:
                return {}

        router = Router(config, Known(), now=lambda: NOW)
        rows = []
        for number, (name, known) in enumerate(documents):
            routing = asyncio.run(router.route(candidate(name, known=known)))
            ended = DocumentState.DELIVERED if routing.plan else DocumentState.FAILED
            state = DocumentState.SKIPPED if routing.ignored else ended
            rows.append(_document(number, name, state, routing.facts, routing.plan))
        ledger = Ledger(folder / "state").open()
        ledger.add_documents_sync(rows, Event("claimed"))
        ledger.close()

    def test_shows_which_documents_would_go_elsewhere(self, tmp_path: Path) -> None:
        path = write(tmp_path, with_rules(RULES))
        pdf = {"type": "application/pdf", "encrypted": False}
        documents = [(f"c/{pages}.pdf", {**pdf, "pages": pages}) for pages in (5, 20, 30, 40, 45, 60)]
        documents += [
            ("a.txt", {"type": "text/plain"}),
            ("b.bak", {"type": "image/png"}),
            ("c.png", {"type": "image/png", "encrypted": True}),
        ]
        self._ledger(tmp_path, path, documents)

        same = docferry("check", "-c", path, "--replay", 1000)
        assert same.stdout.splitlines()[1:] == ["replayed 9 documents: no change"], same.stdout + same.stderr

        edited = (
            RULES.replace(">= 50", ">= 20")
            .replace("*.bak", "*.old")
            .replace("output_format: markdown", "output_format: html")
        )
        write(tmp_path, with_rules(edited))
        done = docferry("check", "-c", path, "--replay", 1000)
        assert done.returncode == 0
        assert done.stdout.splitlines()[1:] == [
            "replayed 9 documents: 5 would go elsewhere",
            "  4 documents: rest (local) → long (local)",
            "      scans/c/45.pdf",
            "      scans/c/40.pdf",
            "      scans/c/30.pdf",
            "      … and 1 more (--json shows all)",
            "  1 document: notes (nano), other steps",
            "      scans/a.txt",
            "  1 document cannot be told:",
            "      scans/b.bak: rule 'rest' asks for encrypted, which is not known",
        ]
        report = json.loads(docferry("check", "-c", path, "--replay", 3, "--json").stdout)
        assert (report["replay"]["count"], len(report["replay"]["untold"])) == (3, 1)

    def test_tells_what_no_rule_took_from_what_no_rule_was_asked_about(self, tmp_path: Path) -> None:
        path = write(tmp_path, VALID)
        (tmp_path / "state").mkdir()
        ledger = Ledger(tmp_path / "state").open()
        ways = [
            ("canceled.pdf", DocumentState.CANCELED, {}),
            ("again.pdf", DocumentState.QUEUED, {}),
            ("empty.pdf", DocumentState.FAILED, {}),
            ("untaken.pdf", DocumentState.FAILED, {"type": "application/pdf"}),
        ]
        rows = [_document(number, name, state, facts, None) for number, (name, state, facts) in enumerate(ways)]
        ledger.add_documents_sync(rows, Event("claimed"))
        ledger.close()

        done = docferry("check", "-c", path, "--replay", 10)

        assert done.stdout.splitlines()[1:] == [
            "replayed 2 documents: 2 would go elsewhere",
            "  1 document: no rule → everything (local)",
            "      scans/untaken.pdf",
            "  1 document: failed before a rule took it → everything (local)",
            "      scans/empty.pdf",
        ]

    def test_without_a_ledger_says_so(self, tmp_path: Path) -> None:
        done = docferry("check", "-c", write(tmp_path, VALID), "--replay", 5)

        assert done.returncode == 1
        assert "there is no ledger yet" in done.stderr


def _document(number: int, path: str, state: DocumentState, facts: Any, plan: Plan | None) -> Document:
    return Document(
        id=f"document{number:08}",
        inbox="scans",
        path=path,
        work_path="/nowhere",
        state=state,
        size_bytes=1000,
        identity=FileIdentity(1, number, 1000, int(NOW * 1e9), 0),
        seen_at=NOW,
        claimed_at=NOW + number,
        updated_at=NOW,
        due_at=NOW,
        facts=facts,
        plan=plan,
    )


class TestExplain:
    def test_shows_facts_rules_plan_and_request(self, tmp_path: Path) -> None:
        path = write(tmp_path, with_rules(RULES))

        done = docferry("explain", "-c", path, SAMPLES / "notes.txt")

        assert done.returncode == 0, done.stderr
        lines = [line.strip() for line in done.stdout.splitlines()]
        assert "type         text/plain" in lines
        assert "✗ long       docferry.yaml:12  type application/pdf: found text/plain" in lines
        assert "✓ notes      docferry.yaml:13" in lines
        assert "· rest       docferry.yaml:15  not asked" in lines
        assert "provider     nano" in lines
        assert "request (sync)" in lines
        assert "POST http://localhost/api/v1/extract/sync" in lines
        assert any(line.split() == ["output_format", "markdown"] for line in lines)

    def test_works_with_facts_alone_and_for_what_is_assumed(self, tmp_path: Path) -> None:
        path = write(tmp_path, with_rules(RULES))

        (alone,) = self._json(path, "--fact", "path=x/a.pdf", "--fact", "type=application/pdf", "--fact", "pages=80")
        assert (alone["rule"], alone["requests"][0]["mode"]) == ("long", "async")
        assert alone["plan"]["output_name"].endswith("/a")
        assumed, real = self._json(path, "--fact", "pages=80", SAMPLES / "report.pdf", SAMPLES / "receipt.png")
        assert (assumed["rule"], real["rule"]) == ("long", "rest")
        assert assumed["facts"]["type"] == "application/pdf"

    def test_says_what_would_fail_and_ends_with_1(self, tmp_path: Path) -> None:
        path = write(tmp_path, with_rules(RULES))

        done = docferry("explain", "-c", path, SAMPLES / "bad" / "truncated.pdf", "--json")

        (answer,) = json.loads(done.stdout)
        assert done.returncode == 1
        assert answer["problem"] == "rule 'long' cannot be decided: pages cannot be read: the PDF is damaged"
        assert answer["plan"] is None
        assert [trace["verdict"] for trace in answer["rules"]] == [
            "cannot be decided",
            "not asked",
            "not asked",
            "not asked",
        ]

    def test_takes_the_inbox_the_file_lies_in(self, tmp_path: Path) -> None:
        text = with_rules(RULES).replace(
            "providers:", "  - {name: mail, path: ./mail, outbox: ./mo, after: delete, failed: ./mf}\nproviders:"
        )
        path = write(tmp_path, text)
        file = write(tmp_path / "mail" / "deep", "hello", "a.txt")

        (inside,) = self._json(path, file)
        assert (inside["facts"]["inbox"], inside["facts"]["path"]) == ("mail", "deep/a.txt")
        (told,) = self._json(path, SAMPLES / "notes.txt", "--inbox", "mail")
        assert (told["facts"]["inbox"], told["facts"]["path"]) == ("mail", "notes.txt")
        unclear = docferry("explain", "-c", path, SAMPLES / "notes.txt")
        assert unclear.returncode == 2
        assert "--inbox one of scans, mail" in unclear.stderr

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            ([], "nothing to explain"),
            (["--fact", "pages"], "--fact pages is not NAME=VALUE"),
            (["--fact", "pagess=5"], "there is no fact pagess"),
            (["--fact", "pages=many"], "the fact pages is wrong"),
            (["--fact", "inbox=fax"], "there is no inbox fax"),
            (["--inbox", "fax", "nowhere.pdf"], "there is no inbox fax"),
            (["nowhere.pdf"], "nowhere.pdf: No such file"),
        ],
    )
    def test_wrong_usage_is_one_line_and_ends_with_2(self, tmp_path: Path, arguments: list[str], message: str) -> None:
        done = docferry("explain", "-c", write(tmp_path, VALID), *arguments)

        assert done.returncode == 2
        assert message in done.stderr
        assert "Traceback" not in done.stderr

    def test_never_shows_a_key(self, tmp_path: Path) -> None:
        text = VALID.replace(
            "local: {dialect: pulse, engine: embedded}", 'local: {dialect: pulse, url: "https://a.b", key: {env: KEY}}'
        )

        done = docferry("explain", "-c", write(tmp_path, text), SAMPLES / "notes.txt", KEY="very-secret")

        assert done.returncode == 0
        assert "very-secret" not in done.stdout + done.stderr

    def test_agrees_with_routing_on_every_sample(self, tmp_path: Path) -> None:
        path = write(tmp_path, with_rules(RULES))
        config = load(path, environ={})
        files = sorted(file for file in SAMPLES.rglob("*") if file.is_file())

        async def route(reader: Any) -> list[str | None]:
            router, rules = Router(config, reader), []
            for file in files:
                status = file.stat()
                one = Candidate("scans", file.name, file, status.st_size, candidate().modified_at, "id")
                try:
                    rules.append((await router.route(one)).rule)
                except Exception as error:
                    rules.append(getattr(error, "message", repr(error)))
            return rules

        assert [one["rule"] or one["problem"] for one in self._json(path, *files)] == with_reader(route)

    def _json(self, path: Path, *arguments: object) -> list[dict[str, Any]]:
        done = docferry("explain", "-c", path, "--json", *arguments)
        assert done.stdout, done.stderr
        answer: list[dict[str, Any]] = json.loads(done.stdout)
        return answer
