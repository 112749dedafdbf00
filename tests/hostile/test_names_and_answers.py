"""Hostile names, answers and sidecars through the whole daemon: everything stays where it belongs."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from checker import check_all_ended
from daemons import Ferry, wait_for
from docferry.models import Document
from peers.fake_provider import FakeProvider

NAMES = [
    b"..pdf",
    b"...",
    b"-rf.pdf",
    b"--help",
    b"new\nline.pdf",
    b"tab\tand\rreturn.pdf",
    b"\xff\xfe not utf-8.pdf",
    b"caf\xe9.pdf",
    "\u202egnp.exe.pdf".encode(),
    b"n" * 251 + b".pdf",
    ("\u00e9" * 125 + ".pdf").encode(),
    b"con.pdf",
    b"trailing dot.",
    b"$(touch owned);`id`|&.pdf",
    b"%s%n{0}{path}.pdf",
    b"..\\..\\windows.pdf",
    b"<script>alert(1)</script>.pdf".replace(b"/", b"\\"),
    b"receipt.json",
    b"a.pdf.receipt.json",
    b"dir\n/..x/\xff.pdf",
    b"A.pdf",
    b"a.pdf",
]


def outside(ferry: Ferry) -> set[bytes]:
    """Everything in the ferry's folder that lies in none of its places."""
    known = {b"inbox", b"outbox", b"archive", b"failed", b"state", b"docferry.yaml", b"daemon.log"}
    return set(os.listdir(os.fsencode(ferry.folder))) - known


def files_below(folder: Path) -> Iterable[bytes]:
    for place, _, names in os.walk(os.fsencode(folder)):
        yield from (os.path.join(place, name) for name in names if not name.startswith(b".docferry"))


def test_every_name_is_delivered_inside_the_outbox(tmp_path: Path) -> None:
    with FakeProvider("pulse", {}) as fake:
        ferry = Ferry(tmp_path / "here", {"providers": {"local": {"dialect": "pulse", "url": fake.url}}}, settle="0s")
        contents = []
        for number, name in enumerate(NAMES):
            path = os.path.join(os.fsencode(ferry.inbox), name)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            contents.append(b"Letter %d\n" % number)
            with open(path, "wb") as file:
                file.write(contents[-1])
        done = ferry.run_once()
        assert done.returncode == 0, done.stderr
    assert outside(ferry) == set()
    assert os.listdir(tmp_path) == ["here"]
    check_all_ended(ferry, contents)
    results = [os.fsdecode(path) for path in files_below(ferry.outbox)]
    assert len({unicodedata.normalize("NFD", path).casefold() for path in results}) == len(results)
    for path in files_below(ferry.outbox):
        name = os.path.basename(path).decode("utf-8")  # raises where it is not
        assert name.isprintable() or "\u202e" not in name
        assert "\n" not in name
        assert not name.startswith("-")


PATHS = {"../../escaped": "x", "/etc/escaped": "x", "a\0b": "x", "..": "x", "": "x"}

ANSWERS: dict[str, Any] = {
    "deep": {"do": "answer", "body": "[" * 100_000},
    "not JSON": {"do": "answer", "body": "<html><script>alert(1)</script>"},
    "huge number": {"do": "answer", "body": '{"job_id": 1e999999, "status": "completed"}'},
    "surrogates": {"do": "answer", "body": '{"job_id": "x", "status": "\\ud800"}'},
    "surrogate id": {"do": "answer", "body": '{"job_id": "\\ud800", "status": "pending"}'},
    "path as id": {"do": "answer", "body": '{"job_id": "../../_script", "status": "pending"}'},
    "null": {"do": "answer", "body": "null"},
    "list": {"do": "answer", "body": "[]"},
}


def test_nonsense_instead_of_a_job_hurts_only_its_own_document(tmp_path: Path) -> None:
    faults = [{"on": "submit", "match": f"evil-{n}-", "times": 0, **fault} for n, fault in enumerate(ANSWERS.values())]
    with FakeProvider("pulse", {"faults": faults}) as fake:
        config = {"providers": {"local": {"dialect": "pulse", "url": fake.url}}}
        with Ferry(tmp_path / "here", config).start() as ferry:
            for number in range(len(ANSWERS)):
                ferry.drop(f"evil-{number}-".encode(), f"evil-{number}-.txt")
            ferry.drop(b"a good letter", "good.txt")
            wait_for(lambda: [d for d in ferry.documents("delivered") if d.path == "good.txt"], saying=ferry.log_text)
            wait_for(lambda: not untouched(ferry), saying=ferry.log_text)
            assert ferry.stop() == 0
        assert "Traceback" not in ferry.log.read_text()
    assert outside(ferry) == set()


def untouched(ferry: Ferry) -> list[Document]:
    """Documents whose first answer has not come yet."""
    return [document for document in ferry.documents("queued", "submitting") if not document.attempts]


def test_nonsense_instead_of_a_result_is_asked_for_again_or_fails_the_document(tmp_path: Path) -> None:
    faults = [{"on": "poll", "times": 1, **fault} for fault in ANSWERS.values()]
    with FakeProvider("pulse", {"faults": faults}) as fake:
        config = {"providers": {"local": {"dialect": "pulse", "url": fake.url}}}
        with Ferry(tmp_path / "here", config).start() as ferry:
            for number in range(len(ANSWERS) + 2):
                ferry.drop(f"letter {number}".encode(), f"letter-{number}.txt")
            documents = ferry.wait_for_ended(len(ANSWERS) + 2)
            assert {document.state.value for document in documents} <= {"delivered", "failed"}
            assert any(document.state == "delivered" for document in documents)
            assert ferry.stop() == 0
        assert "Traceback" not in ferry.log.read_text()
    assert outside(ferry) == set()


def test_path_tricks_formulas_and_scripts_in_results_stay_where_they_belong(tmp_path: Path) -> None:
    """Topics and image names come from the service: they may name files only beside the others."""
    table = "name,amount\n=cmd|' /C calc'!A0,1\n+1+1,@SUM(A1)\n-2,\t=x\n"
    body = {
        "record_id": "r1",
        "status": "completed",
        "success": True,
        "result": {
            "markdown": {"content": "<script>alert(1)</script>[x](javascript:alert(1))"},
            "html": {"content": "<script>alert(1)</script>"},
            "csv": {"content": table},
            "json": {"content": PATHS},
            "../../escaped": {"content": "x"},
        },
    }
    with FakeProvider("nanonets", {"faults": [{"on": "poll", "do": "answer", "body": body, "times": 0}]}) as fake:
        rule = {
            "name": "everything",
            "provider": "local",
            "mode": "async",
            "steps": [{"extract": {"output_format": ["markdown", "html", "csv", "json"]}}],
            "deliver": {"formats": ["markdown", "html", "csv", "json", "raw"]},
        }
        config = {"providers": {"local": {"dialect": "nanonets", "url": fake.url}}, "rules": [rule]}
        ferry = Ferry(tmp_path / "here", config)
        ferry.drop(b"a letter", "a.txt")
        done = ferry.run_once()
        assert done.returncode == 0, done.stderr
    assert outside(ferry) == set()
    assert os.listdir(tmp_path) == ["here"]
    cells = [cell for line in (ferry.outbox / "a.txt.csv").read_text().splitlines()[1:] for cell in line.split(",")]
    assert cells
    for cell in cells:
        assert cell.lstrip('"')[:1] not in "=+@\t\r" or cell.strip('"') == "", cell
    assert not any(cell.lstrip('"').startswith("-2") for cell in cells) or "-2" in cells, "a number may stay a number"


def test_sidecars_that_are_too_large_or_deep_fail_their_document(tmp_path: Path) -> None:
    with FakeProvider("pulse", {}) as fake:
        config = {"providers": {"local": {"dialect": "pulse", "url": fake.url}}}
        ferry = Ferry(tmp_path, config, sidecar={"allowed": ["options"]})
        laughs = "a0: &a0 [x]\n" + "".join(f"a{n}: &a{n} [{','.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 9))
        sidecars = {"deep.txt": "[" * 50_000, "large.txt": "# " + "x" * 20_000_000, "laughs.txt": laughs}
        for name, sidecar in sidecars.items():
            ferry.drop(sidecar.encode(), f"{name}.docferry.yaml")
            ferry.drop(name.encode(), name)
        ferry.drop(b"good", "good.txt")
        done = ferry.run_once()
        assert "Traceback" not in done.stderr
    states = {document.path: document.state.value for document in ferry.documents()}
    assert states == {**dict.fromkeys(sidecars, "failed"), "good.txt": "delivered"}
