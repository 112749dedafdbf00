"""Each file dropped is one document, and one original in one place, however files are moved and linked."""

from __future__ import annotations

import os
from pathlib import Path

from checker import check_all_ended, hashes_below, sha256
from daemons import Ferry, wait_for
from peers.fake_provider import FakeProvider

TEXT = b"One file under several names.\n"


def test_hard_links_of_one_file_are_documents_with_an_original_each(tmp_path: Path) -> None:
    """Row 20; the same name twice, too: somebody drops by ``ln`` and keeps the file."""
    with FakeProvider("pulse", {}) as fake:
        ferry = Ferry(tmp_path, {"providers": {"local": {"dialect": "pulse", "url": fake.url}}})
        kept = tmp_path / "kept.txt"
        kept.write_bytes(TEXT)
        for names in (["a.txt", "b.txt", "below/a.txt"], ["a.txt"]):
            for name in names:
                (ferry.inbox / name).parent.mkdir(exist_ok=True)
                os.link(kept, ferry.inbox / name)
            assert ferry.run_once().returncode == 0
    archived = sorted(str(path.relative_to(ferry.archive)) for path in ferry.archive.rglob("*.txt"))
    assert archived == ["a.txt", "a~2.txt", "b.txt", "below/a.txt"]
    assert sorted(document.original_at or "" for document in ferry.documents()) == [
        str(ferry.archive / name) for name in archived
    ]
    check_all_ended(ferry, [TEXT] * 4)
    assert kept.stat().st_nlink == 5


def test_files_moved_from_one_inbox_into_another_are_taken_once_and_by_one_of_them(tmp_path: Path) -> None:
    """Row 40: those that are still written go where they were moved, those that are whole may go either way."""
    with FakeProvider("pulse", {}) as fake:
        config = {
            "providers": {"local": {"dialect": "pulse", "url": fake.url}},
            "inboxes": [_inbox(tmp_path, "inbox", ""), _inbox(tmp_path, "other", "-other")],
        }
        ferry = Ferry(tmp_path, config)
        other = tmp_path / "other"
        contents = [f"Letter {number}.\n".encode() for number in range(60)]
        with ferry.start():
            writers = []
            for number, content in enumerate(contents[:10]):  # held open: nobody may take them yet
                writer = (ferry.inbox / f"{number}.txt").open("wb")
                writer.write(content)
                writers.append(writer)
            wait_for(lambda: _waiting(ferry, "inbox") == 10, saying=ferry.log_text)
            for number, writer in enumerate(writers):
                (ferry.inbox / f"{number}.txt").rename(other / f"{number}.txt")
                writer.close()
            for number, content in enumerate(contents[10:], 10):
                file = ferry.drop(content, f"{number}.txt")
                if number % 2:
                    try:
                        file.rename(other / file.name)
                    except FileNotFoundError:
                        continue  # the first inbox was faster
            documents = ferry.wait_for_ended(60)
            wait_for(lambda: _waiting(ferry, "inbox") == _waiting(ferry, "other") == 0, saying=ferry.log_text)
            assert ferry.stop() == 0
        assert {document.inbox for document in documents if int(document.path[:-4]) < 10} == {"other"}
        assert [document.state for document in ferry.documents()] == ["delivered"] * 60
        assert ferry.ask("audit", "--deep")["ok"]
    archived = hashes_below(ferry.archive) + hashes_below(tmp_path / "archive-other")
    assert sorted(archived.elements()) == sorted(sha256(content) for content in contents)


def _inbox(folder: Path, name: str, suffix: str) -> dict[str, str]:
    places = {place: f"./{place}{suffix}" for place in ("outbox", "archive", "failed")}
    for place in (name, *(path.removeprefix("./") for path in places.values())):
        (folder / place).mkdir(exist_ok=True)
    return {"name": name, "path": f"./{name}", **places}


def _waiting(ferry: Ferry, inbox: str) -> int:
    [facts] = [facts for facts in ferry.ask("status")["inboxes"] if facts["name"] == inbox]
    return int(facts["waiting_count"])
