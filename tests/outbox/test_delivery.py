"""Delivery: sets are whole, repeatable, and never touch what is not ours."""

from __future__ import annotations

import hashlib
import json
import os
import stat
from pathlib import Path

import pytest

from docferry.errors import OutboxError, OutboxUnavailable
from docferry.outbox.delivery import NameTaken, Outbox
from docferry.outbox.root import MARKER, group_id
from docferry.providers.base import Output
from outbox.samples import OUTPUTS, receipt_for, tree


@pytest.fixture
def outbox(tmp_path: Path) -> Outbox:
    outbox = Outbox(tmp_path / "outbox")
    outbox.prepare()
    return outbox


def nobody(_: str) -> bool:
    return False


def test_a_set_is_delivered_with_its_receipt_last_in_the_list(outbox: Outbox) -> None:
    delivered = outbox.deliver("acme/invoice.pdf", OUTPUTS, receipt_for("one"))
    assert [file.path.name for file in delivered] == [
        "invoice.pdf.md",
        "invoice.pdf.json",
        "invoice.pdf.tables.json",
        "invoice.pdf.receipt.json",
    ]
    assert [file.format for file in delivered] == ["markdown", "json", "tables", "receipt"]
    for file in delivered:
        content = file.path.read_bytes()
        assert (hashlib.sha256(content).hexdigest(), len(content)) == (file.sha256, file.size_bytes)
    receipt = json.loads(delivered[-1].path.read_bytes())
    assert receipt["outputs"] == [
        {"name": file.path.name, "format": file.format, "sha256": file.sha256, "bytes": file.size_bytes}
        for file in delivered[:-1]
    ]
    assert len(tree(outbox.root.path)) == 4


def test_delivering_again_changes_nothing(outbox: Outbox) -> None:
    first = outbox.deliver("a", OUTPUTS, receipt_for("one"))
    inodes = {path: (outbox.root.path / path).stat().st_ino for path in tree(outbox.root.path)}
    again = outbox.deliver("a", OUTPUTS, {**receipt_for("one"), "delivered_at": "later"})
    assert again == first
    assert {path: (outbox.root.path / path).stat().st_ino for path in tree(outbox.root.path)} == inodes


@pytest.mark.parametrize("suffix", [".md", ".html", ".receipt.json", ".tables.json"])
def test_a_foreign_file_is_kept_and_the_next_number_taken(outbox: Outbox, suffix: str) -> None:
    foreign = outbox.root.path / f"a{suffix}"
    foreign.write_bytes(b'{"document": "foreign"}')
    with pytest.raises(NameTaken, match="not ours"):
        outbox.deliver("a", OUTPUTS, receipt_for("one"))
    assert tree(outbox.root.path) == {f"a{suffix}": b'{"document": "foreign"}'}
    assert outbox.reserve("a", nobody) == "a~2"
    outbox.deliver("a~2", OUTPUTS, receipt_for("one"))
    assert outbox.reserve("a", nobody) == "a~3"


def test_what_the_ledger_has_reserved_is_not_given_again(outbox: Outbox) -> None:
    reserved = {"x/a", "x/a~2"}
    assert outbox.reserve("x/a", reserved.__contains__) == "x/a~3"
    assert outbox.reserve("x/b", reserved.__contains__, [".extra.bin"]) == "x/b"
    (outbox.root.path / "x" / "b.extra.bin").write_bytes(b"")
    assert outbox.reserve("x/b", reserved.__contains__, [".extra.bin"]) == "x/b~2"


def test_a_rule_that_replaces_takes_the_names_and_removes_what_the_new_set_has_not(outbox: Outbox) -> None:
    outbox.deliver("a", OUTPUTS, receipt_for("one"))
    (outbox.root.path / "a.notes.txt").write_bytes(b"a person's")
    outbox.deliver("a", OUTPUTS[:1], receipt_for("two"), replace=True)
    files = tree(outbox.root.path)
    assert sorted(files) == ["a.md", "a.notes.txt", "a.receipt.json"]
    assert json.loads(files["a.receipt.json"])["document"] == "two"


def test_a_stale_result_that_somebody_edited_is_kept(outbox: Outbox) -> None:
    outbox.deliver("a", OUTPUTS, receipt_for("one"))
    (outbox.root.path / "a.tables.json").write_bytes(b"edited by hand")
    outbox.deliver("a", OUTPUTS[:1], receipt_for("two"), replace=True)
    assert sorted(tree(outbox.root.path)) == ["a.md", "a.receipt.json", "a.tables.json"]


def test_a_forged_receipt_cannot_make_us_delete_other_files(outbox: Outbox, tmp_path: Path) -> None:
    (tmp_path / "precious").write_bytes(b"precious")
    (outbox.root.path / "b.md").write_bytes(b"precious")
    digest = hashlib.sha256(b"precious").hexdigest()
    names = ["../precious", "b.md", "a./../../precious", 7, None, "a.missing"]
    forged = {"document": "x", "outputs": [{"name": name, "sha256": digest} for name in names] + ["word", None]}
    (outbox.root.path / "a.receipt.json").write_text(json.dumps(forged))
    outbox.deliver("a", OUTPUTS, receipt_for("one"), replace=True)
    assert (tmp_path / "precious").exists()
    assert (outbox.root.path / "b.md").exists()


@pytest.mark.parametrize("content", [b"", b"[", b"[]", b"\xff", b"[" * 100_000, b'{"outputs": 7, "document": "one"}'])
def test_a_receipt_that_is_no_receipt_is_treated_as_foreign_or_replaced(outbox: Outbox, content: bytes) -> None:
    (outbox.root.path / "a.receipt.json").write_bytes(content)
    outbox.deliver("a", OUTPUTS, receipt_for("one"), replace=True)
    assert json.loads((outbox.root.path / "a.receipt.json").read_bytes())["run"] == 1
    assert len(tree(outbox.root.path)) == 4


def test_a_deliberate_re_run_replaces_its_own_results_only(outbox: Outbox) -> None:
    outbox.deliver("a", OUTPUTS, receipt_for("one"))
    changed = [Output(".md", b"better", "markdown"), Output(".html", b"<p>", "html")]
    outbox.deliver("a", changed, receipt_for("one", run=2))
    files = tree(outbox.root.path)
    assert sorted(files) == ["a.html", "a.md", "a.receipt.json"]
    assert files["a.md"] == b"better"
    with pytest.raises(NameTaken):
        outbox.deliver("a", OUTPUTS, receipt_for("two"))


def test_a_result_that_was_removed_after_delivery_comes_back(outbox: Outbox) -> None:
    outbox.deliver("a", OUTPUTS, receipt_for("one"))
    (outbox.root.path / "a.md").unlink()
    outbox.deliver("a", OUTPUTS, receipt_for("one"))
    assert (outbox.root.path / "a.md").read_bytes() == OUTPUTS[0].content
    assert len(tree(outbox.root.path)) == 4


@pytest.mark.parametrize("suffix", ["md", ".a/b", ".receipt.json", ".\0"])
def test_a_suffix_that_could_leave_the_folder_or_fake_a_receipt_is_refused(outbox: Outbox, suffix: str) -> None:
    with pytest.raises(OutboxError, match="suffix"):
        outbox.deliver("a", [Output(suffix, b"", "x")], receipt_for("one"))
    assert tree(outbox.root.path) == {}


def test_two_results_with_one_suffix_are_refused(outbox: Outbox) -> None:
    with pytest.raises(OutboxError, match="same suffix"):
        outbox.deliver("a", [OUTPUTS[0], OUTPUTS[0]], receipt_for("one"))


@pytest.mark.parametrize("base", ["../a", "x/../../a", "/a", "x//a", "x/", "..", ""])
def test_no_base_leaves_the_outbox(outbox: Outbox, base: str) -> None:
    with pytest.raises(OutboxError, match=r"not (the|a) name"):
        outbox.deliver(base, OUTPUTS, receipt_for("one"))


def test_a_link_in_the_outbox_is_refused_not_followed(outbox: Outbox, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (outbox.root.path / "sub").symlink_to(tmp_path / "elsewhere")
    (outbox.root.path / "file").write_bytes(b"")
    for folder in ("sub", "file"):
        with pytest.raises(OutboxError, match="is a file or a link") as caught:
            outbox.deliver(f"{folder}/a", OUTPUTS, receipt_for("one"))
        assert not isinstance(caught.value, OutboxUnavailable)
    assert os.listdir(tmp_path / "elsewhere") == []


def test_mode_and_group_are_given_to_results_and_new_folders(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path / "outbox", mode=0o640, group=os.getgid())
    outbox.prepare()
    outbox.deliver("acme/a", OUTPUTS, receipt_for("one"))
    assert stat.S_IMODE((tmp_path / "outbox" / "acme").stat().st_mode) == 0o750
    assert {stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "outbox" / "acme").iterdir()} == {0o640}


def test_a_folder_that_is_gone_is_offline_and_comes_back(outbox: Outbox, tmp_path: Path) -> None:
    outbox.root.path.rename(tmp_path / "away")
    for call in (outbox.check, lambda: outbox.deliver("a", OUTPUTS, receipt_for("one"))):
        with pytest.raises(OutboxUnavailable, match="offline"):
            call()
    assert os.listdir(tmp_path) == ["away"]
    (tmp_path / "away").rename(outbox.root.path)
    outbox.check()
    outbox.deliver("a", OUTPUTS, receipt_for("one"))


def test_an_outbox_used_before_is_not_taken_for_new_when_its_share_is_not_mounted(tmp_path: Path) -> None:
    mount_point = tmp_path / "outbox"
    mount_point.mkdir()
    with pytest.raises(OutboxUnavailable, match="marker is missing"):
        Outbox(mount_point).prepare(new=False)
    assert os.listdir(mount_point) == []
    Outbox(mount_point).prepare()
    Outbox(mount_point).prepare(new=False)
    assert os.listdir(mount_point) == [MARKER]


def test_a_path_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "outbox").write_bytes(b"")
    with pytest.raises(OutboxError, match=r"exists|Not a directory"):
        Outbox(tmp_path / "outbox").prepare()


def test_a_group_is_known_by_name_or_number_and_a_missing_one_is_said() -> None:
    assert group_id("root") == group_id("0") == group_id(0) == 0
    assert group_id(None) is None
    with pytest.raises(OutboxError, match="no group 'nobody-has-this'"):
        group_id("nobody-has-this")
