"""Every configuration of the gallery is checked, tested by its own tests, and run with the engine.

The services are replaced by the engine, which speaks both of their APIs; nothing else is changed. One engine serves
them all, so that its workers start and load their models once; where a configuration names the embedded engine, it
has its own.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pypdfium2
import pytest
import yaml

from daemons import SAMPLES, Ferry

GALLERY = Path(__file__).parents[2] / "config" / "gallery"
ALL = sorted(path.stem for path in GALLERY.glob("*.yaml"))


def _long_document(path: Path) -> None:
    """Twenty pages of the sample report."""
    source, target = pypdfium2.PdfDocument(SAMPLES / "report.pdf"), pypdfium2.PdfDocument.new()
    for _ in range(5):
        target.import_pages(source)
    target.save(path)
    target.close()
    source.close()


def _scans(ferry: Ferry) -> dict[str, set[str]]:
    ferry.drop(SAMPLES / "report.pdf")
    ferry.drop(SAMPLES / "receipt.png")
    ferry.drop(SAMPLES / "notes.txt")
    month = "????-??"
    return {
        "inbox": {"notes.txt"},
        "outbox": {
            f"{month}/report.md",
            f"{month}/report.json",
            f"{month}/report.receipt.json",
            "receipt.png.md",
            "receipt.png.receipt.json",
        },
        "archive": {"report.pdf", "receipt.png"},
    }


def _invoices(ferry: Ferry) -> dict[str, set[str]]:
    ferry.drop(b"deliver: {formats: [json]}\n", "acme/report.pdf.docferry.yaml")
    ferry.drop(SAMPLES / "report.pdf", "acme/report.pdf")
    ferry.drop(SAMPLES / "letter.docx")
    month = "acme/????-??"
    return {
        "inbox": set(),
        "outbox": {
            f"{month}/report.json",
            f"{month}/report.metadata.json",
            f"{month}/report.receipt.json",
            "letter.docx.md",
            "letter.docx.receipt.json",
        },
        "archive": {"acme/report.pdf", "acme/report.pdf.docferry.yaml", "letter.docx"},
    }


def _contracts(ferry: Ferry) -> dict[str, set[str]]:
    _long_document(ferry.inbox / "long.pdf")
    ferry.drop(SAMPLES / "report.pdf", "urgent/report.pdf")
    answers = {
        f"long.pdf.{kind}"
        for kind in (
            "md",
            "json",
            "raw.json",
            "split.json",
            "split.raw.json",
            "schema.json",
            "schema.raw.json",
            "receipt.json",
        )
    }
    return {
        "inbox": set(),
        "outbox": answers | {f"urgent/report.pdf.{kind}" for kind in ("md", "json", "receipt.json")},
        "archive": {"long.pdf", "urgent/report.pdf"},
    }


def _private(ferry: Ferry) -> dict[str, set[str]]:
    ferry.drop(SAMPLES / "notes.txt", "private/notes.txt")
    ferry.drop(SAMPLES / "report.pdf")
    names = ("private/notes.txt", "report.pdf")
    return {
        "inbox": set(),
        "outbox": {f"{name}.{kind}" for name in names for kind in ("md", "json", "receipt.json")},
        "archive": set(names),
    }


def _classify(ferry: Ferry) -> dict[str, set[str]]:
    ferry.drop(SAMPLES / "report.pdf")
    return {"inbox": set(), "outbox": {"other/report.md", "other/report.receipt.json"}, "archive": {"report.pdf"}}


RUNS: dict[str, Callable[[Ferry], dict[str, set[str]]]] = {
    "classify": _classify,
    "contracts": _contracts,
    "invoices": _invoices,
    "private": _private,
    "scans": _scans,
}


def test_every_configuration_of_the_gallery_is_run() -> None:
    assert sorted(RUNS) == ALL


@pytest.mark.parametrize("name", ALL)
def test_it_is_right_and_its_own_tests_pass(tmp_path: Path, name: str) -> None:
    ferry = Ferry(tmp_path)
    shutil.copy(GALLERY / f"{name}.yaml", ferry.config)

    answer = ferry.ask("check")

    assert answer["ok"]
    assert len(answer["tests"]) >= 2


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of an engine that runs while the tests of this file do."""
    state = tmp_path_factory.mktemp("engine")
    command = [sys.executable, "-m", "docferry", "engine", "--port", "0", "--workers", "1", "--state", str(state)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        assert process.stdout is not None
        try:
            yield next(line.split()[-1] for line in process.stdout if "listening on" in line)
        finally:
            process.terminate()


@pytest.mark.parametrize("name", ALL)
def test_it_does_with_the_engine_what_it_says(tmp_path: Path, engine: str, name: str) -> None:
    ferry = Ferry(tmp_path)
    config = _with_engine(yaml.safe_load((GALLERY / f"{name}.yaml").read_text()), engine)
    ferry.config.write_text(yaml.safe_dump(config, sort_keys=False))
    expected = RUNS[name](ferry)

    done = ferry.run_once()

    assert done.returncode == 0, done.stderr
    assert _files(ferry.failed) == set()
    for folder, files in expected.items():
        _assert_like(_files(tmp_path / folder), files)
    for path in ferry.outbox.rglob("*.receipt.json"):
        assert json.loads(path.read_bytes())["rule"]


def _with_engine(config: dict[str, Any], engine: str) -> dict[str, Any]:
    embedded = all("engine" in one for one in config["providers"].values())
    where = {"engine": "embedded"} if embedded else {"url": engine, "idempotent": True}
    providers = {key: {"dialect": one["dialect"], **where} for key, one in config["providers"].items()}
    inboxes = [{**inbox, "settle": "0.2s"} for inbox in config["inboxes"]]
    return {**config, "state": "./state", "providers": providers, "inboxes": inboxes}


def _files(folder: Path) -> set[str]:
    """Every file below ``folder``, but for what docferry keeps there for itself."""
    files = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    return {str(path) for path in files if not any(part.startswith(".") for part in path.parts)}


def _assert_like(found: set[str], patterns: set[str]) -> None:
    """Each file is meant by a pattern, and each pattern by a file."""
    from fnmatch import fnmatchcase

    assert {file for file in found if not any(fnmatchcase(file, pattern) for pattern in patterns)} == set()
    assert {pattern for pattern in patterns if not any(fnmatchcase(file, pattern) for file in found)} == set()
