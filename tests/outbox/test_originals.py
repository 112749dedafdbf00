"""Originals end in the archive or the failed folder, under their own names, never over one another."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from docferry.durable import remove_tree
from docferry.errors import OutboxError
from docferry.outbox.failure import make_error
from docferry.outbox.originals import put_away, put_failed, sidecar_of
from docferry.outbox.root import Root
from outbox.samples import document_at, step, tree


@pytest.fixture(params=["same filesystem", "another filesystem"])
def root(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Root]:
    place = tmp_path / "archive"
    if request.param == "another filesystem":
        shared = Path("/dev/shm")
        if not shared.is_dir() or shared.stat().st_dev == tmp_path.stat().st_dev:
            pytest.skip("needs a second filesystem (/dev/shm)")
        place = shared / f"docferry-originals-{os.getpid()}"
    root = Root(place)
    root.prepare()
    yield root
    remove_tree(place)


def claimed(tmp_path: Path, name: str, content: bytes = b"%PDF", document_id: str = "0123456789abcdef") -> Path:
    work = tmp_path / "inbox" / ".docferry" / document_id
    work.mkdir(parents=True, exist_ok=True)
    (work / name).write_bytes(content)
    return work / name


def test_the_original_keeps_its_folder_and_name(root: Root, tmp_path: Path) -> None:
    source = claimed(tmp_path, "invoice.pdf")
    document = document_at(source, "acme/2026/invoice.pdf")
    assert put_away(document, root) == root.path / "acme/2026/invoice.pdf"
    assert tree(root.path) == {"acme/2026/invoice.pdf": b"%PDF"}
    assert not source.exists()


def test_repeating_finds_the_same_place(root: Root, tmp_path: Path) -> None:
    (root.path / "invoice.pdf").write_bytes(b"older")
    document = document_at(claimed(tmp_path, "invoice.pdf"), "invoice.pdf", sha256=_sha256(b"%PDF"))
    assert [put_away(document, root) for _ in range(3)] == [root.path / "invoice~2.pdf"] * 3
    assert tree(root.path) == {"invoice.pdf": b"older", "invoice~2.pdf": b"%PDF"}


def test_the_same_bytes_twice_are_kept_twice(root: Root, tmp_path: Path) -> None:
    for number in range(3):
        source = claimed(tmp_path, "a.pdf", document_id=f"document-{number}")
        put_away(document_at(source, "a.pdf", f"document-{number}"), root)
    assert sorted(tree(root.path)) == ["a.pdf", "a~2.pdf", "a~3.pdf"]


def test_names_that_are_not_text_keep_their_bytes(root: Root, tmp_path: Path) -> None:
    name = os.fsdecode(b"\xff\n" + b"x" * 253)
    put_away(document_at(claimed(tmp_path, name), name), root)
    second = claimed(tmp_path, name, b"second", "other")
    put_away(document_at(second, name, "other"), root)
    assert os.fsencode(name) in os.listdir(os.fsencode(root.path))
    assert sorted(tree(root.path).values()) == [b"%PDF", b"second"]


def test_the_sidecar_goes_with_its_original_and_over_nothing(root: Root, tmp_path: Path) -> None:
    (root.path / "a.pdf.docferry.yaml").write_bytes(b"another's")
    document = document_at(claimed(tmp_path, "a.pdf"), "a.pdf", sha256=_sha256(b"%PDF"))
    claimed(tmp_path, "a.pdf.docferry.yaml", b"priority: 5")
    original = [put_away(document, root) for _ in range(2)][-1]
    assert sidecar_of(original).read_bytes() == b"priority: 5"
    assert tree(root.path) == {
        "a.pdf.docferry.yaml": b"another's",
        "a~2.pdf": b"%PDF",
        "a~2.pdf.docferry.yaml": b"priority: 5",
    }


def test_a_failed_original_has_its_reason_beside_it(root: Root, tmp_path: Path) -> None:
    for number in (1, 2):
        source = claimed(tmp_path, "scan.pdf", document_id=f"document-{number}")
        document = document_at(source, "x/scan.pdf", f"document-{number}", error="the PDF is cut off")
        error = make_error(document, [step(error="the PDF is cut off")], failed_at=1.0)
        for _ in range(2):
            put_failed(document, root, error)
    files = tree(root.path)
    assert sorted(files) == ["x/scan.pdf", "x/scan.pdf.error.json", "x/scan~2.pdf", "x/scan~2.pdf.error.json"]
    assert json.loads(files["x/scan~2.pdf.error.json"])["document"] == "document-2"


def test_an_error_file_left_alone_keeps_its_name(root: Root, tmp_path: Path) -> None:
    (root.path / "a.pdf.error.json").write_bytes(b"{}")
    document = document_at(claimed(tmp_path, "a.pdf"), "a.pdf")
    assert put_failed(document, root, {}) == root.path / "a~2.pdf"


def test_a_missing_original_is_an_error_that_says_where_it_was_looked_for(root: Root, tmp_path: Path) -> None:
    source = claimed(tmp_path, "a.pdf")
    document = document_at(source, "a.pdf", sha256=_sha256(b"%PDF"))
    source.unlink()
    (root.path / "a.pdf").write_bytes(b"another document")
    with pytest.raises(OutboxError, match=r"missing: neither at .*a\.pdf nor in"):
        put_away(document, root)


def test_an_inode_number_that_is_used_again_is_another_file(root: Root, tmp_path: Path) -> None:
    source = claimed(tmp_path, "a.pdf")
    document = document_at(source, "a.pdf", sha256=_sha256(b"%PDF"))
    source.unlink()
    other = root.path / "b.pdf"
    other.write_bytes(b"%PDF of another document")
    reused = dataclasses.replace(document.identity, inode=other.stat().st_ino)
    with pytest.raises(OutboxError, match="missing"):
        put_away(dataclasses.replace(document, identity=reused), root)


def test_a_file_left_in_the_inbox_that_was_replaced_meanwhile_is_not_taken(root: Root, tmp_path: Path) -> None:
    source = tmp_path / "a.pdf"
    source.write_bytes(b"sent")
    document = document_at(source, "a.pdf")
    source.unlink()
    source.write_bytes(b"newer version")
    with pytest.raises(OutboxError, match="another file now"):
        put_away(document, root)
    assert source.read_bytes() == b"newer version"
    assert tree(root.path) == {}


def test_an_original_whose_work_folder_is_gone_too_is_still_found(root: Root, tmp_path: Path) -> None:
    source = claimed(tmp_path, "a.pdf")
    document = document_at(source, "a.pdf", sha256=_sha256(b"%PDF"))
    put_away(document, root)
    remove_tree(source.parent)
    assert put_away(document, root) == root.path / "a.pdf"


def test_an_unreadable_name_for_the_target_becomes_a_safe_one(tmp_path: Path, root: Root) -> None:
    source = claimed(tmp_path, "a.pdf")
    document = dataclasses.replace(document_at(source, "a.pdf"), path="x" * 300 + "/a.pdf")
    place = put_away(document, root)
    assert place.name == "a.pdf"
    assert len(place.parent.name) <= 255


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
