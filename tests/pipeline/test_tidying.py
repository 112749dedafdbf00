"""Work folders of delivered documents go, but not at once, and not those of documents that came back."""

from __future__ import annotations

import time
from pathlib import Path

from daemons import wait_for
from docferry.pipeline.tidying import Tidier


def make_folder(parent: Path, name: str) -> Path:
    folder = parent / name
    folder.mkdir()
    (folder / ".docferry.json").write_text("{}")
    return folder


def test_folders_go_when_nothing_was_added_for_a_while(tmp_path: Path) -> None:
    tidier = Tidier(quiet_s=0.05)
    folders = [make_folder(tmp_path, str(number)) for number in range(3)]
    for folder in folders:
        tidier.add(folder)
    wait_for(lambda: not any(folder.exists() for folder in folders))
    tidier.add(again := make_folder(tmp_path, "again"))  # by a new thread
    wait_for(lambda: not again.exists())


def test_a_folder_that_is_wanted_again_is_kept(tmp_path: Path) -> None:
    tidier = Tidier(quiet_s=3600)
    wanted, other = make_folder(tmp_path, "wanted"), make_folder(tmp_path, "other")
    tidier.add(wanted)
    tidier.add(other)
    tidier.keep(wanted)
    tidier.finish(timeout_s=60)
    assert wanted.exists()
    assert not other.exists()


def test_so_many_folders_wait_at_most(tmp_path: Path) -> None:
    began = time.monotonic()
    tidier = Tidier(quiet_s=3600, most=1)
    tidier.add(folder := make_folder(tmp_path, "a"))
    wait_for(lambda: not folder.exists())
    assert time.monotonic() - began < 3600
