"""Rows 16 and 17: names that are never documents."""

from __future__ import annotations

import pytest

from docferry.intake.ignoring import ignores

LEFT_ALONE = [
    "~$report.docx",
    ".~lock.report.odt#",
    "~WRL0001.tmp",
    ".report.txt.swp",
    "4913",
    "report.txt~",
    "#report.txt#",
    ".#report.txt",
    "report.pdf.part",
    "report.pdf.crdownload",
    "Unconfirmed 4711.crdownload",
    "report.pdf.download",
    "report.pdf.filepart",
    "report.tmp",
    "REPORT.TMP",
    ".report.pdf.AbC123",
    ".syncthing.report.pdf.tmp",
    ".goutputstream-AB12CD",
    ".nfs000000000001",
    ".smbdelete01",
    ".fuse_hidden0001",
    ".DS_Store",
    "._report.pdf",
    "Thumbs.db",
    "THUMBS.DB",
    "desktop.ini",
    ".docferry",
    ".docferry-12.tmp",
    "$RECYCLE.BIN",
    "lost+found",
    "@eaDir",
    ".Trash-1000",
]
TAKEN = [
    "report.pdf",
    "report",
    "partial report.pdf",
    "4913.pdf",
    "tmp.pdf",
    ".hidden.pdf",
    "new\nline.pdf",
    "byte\udcff.pdf",
    "~report.pdf",
    "report.tmp.pdf",
    "a" * 251 + ".pdf",
    "report.docferry.yaml.pdf",
]


@pytest.mark.parametrize("name", LEFT_ALONE)
def test_what_programs_leave_behind_is_left_alone(name: str) -> None:
    assert ignores([])("", name)


@pytest.mark.parametrize("name", TAKEN)
def test_documents_are_not(name: str) -> None:
    assert ignores([])("", name) is None


def test_the_inboxs_own_patterns_match_names_and_paths() -> None:
    reason = ignores(["*.bak", "drafts/**", "{a,b}-*.pdf", ".*"])
    assert reason("", "x.bak")
    assert reason("deep/er", "x.bak")
    assert reason("drafts", "x.pdf")
    assert reason("drafts/2024", "x.pdf")
    assert reason("", "drafts") is None
    assert reason("other/drafts", "x.pdf") is None
    assert reason("", "a-1.pdf")
    assert reason("", ".hidden.pdf")
    assert reason("", "c-1.pdf") is None
