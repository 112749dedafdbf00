"""Durable writing: whole or not at all, repeatable, never over another's file."""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from docferry import folders
from docferry.durable import (
    Item,
    Written,
    copy_hidden,
    create,
    move,
    remove,
    remove_tree,
    replace,
    temporary_name,
    write_set,
)
from docferry.errors import OutboxError, OutboxUnavailable
from docferry.folders import Folder, NotRegular, open_file


@pytest.fixture
def other_filesystem(tmp_path: Path) -> Iterator[Path]:
    shared = Path("/dev/shm")
    if not shared.is_dir() or shared.stat().st_dev == tmp_path.stat().st_dev:
        pytest.skip("needs a second filesystem (/dev/shm)")
    place = shared / f"docferry-test-{os.getpid()}"
    place.mkdir()
    yield place
    remove_tree(place)


def test_replace_gives_hash_and_size_and_leaves_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"old")
    written = replace(tmp_path / "a", [b"new ", b"content"])
    assert written == Written(hashlib.sha256(b"new content").hexdigest(), 11)
    assert os.listdir(tmp_path) == ["a"]
    assert (tmp_path / "a").read_bytes() == b"new content"


def test_an_error_while_writing_keeps_the_old_file_and_removes_the_hidden_one(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"old")

    def half() -> Iterator[bytes]:
        yield b"half"
        raise RuntimeError("the network broke")

    with pytest.raises(RuntimeError, match="the network broke"):
        replace(tmp_path / "a", half())
    assert {name: (tmp_path / name).read_bytes() for name in os.listdir(tmp_path)} == {"a": b"old"}


def test_create_accepts_its_own_file_and_refuses_another(tmp_path: Path) -> None:
    first = create(tmp_path / "a", b"same")
    inode = (tmp_path / "a").stat().st_ino
    assert create(tmp_path / "a", b"same") == first
    assert (tmp_path / "a").stat().st_ino == inode
    with pytest.raises(FileExistsError):
        create(tmp_path / "a", b"different")
    assert (tmp_path / "a").read_bytes() == b"same"
    assert os.listdir(tmp_path) == ["a"]


@pytest.mark.parametrize("kind", ["folder", "fifo", "link", "dangling link", "unreadable"])
def test_create_refuses_whatever_else_has_the_name(tmp_path: Path, kind: str) -> None:
    target = tmp_path / "a"
    (tmp_path / "elsewhere").write_bytes(b"content")
    match kind:
        case "folder":
            target.mkdir()
        case "fifo":
            os.mkfifo(target)
        case "link":
            target.symlink_to(tmp_path / "elsewhere")
        case "dangling link":
            target.symlink_to(tmp_path / "nowhere")
        case "unreadable":
            target.write_bytes(b"foreign")
            target.chmod(0)
    with pytest.raises(FileExistsError):
        create(target, b"content")
    assert not (tmp_path / "nowhere").exists()


def test_a_token_clears_away_what_a_crash_left(tmp_path: Path) -> None:
    (tmp_path / temporary_name("mine")).write_bytes(b"half a file")
    replace(tmp_path / "a", b"whole", token="mine")
    assert os.listdir(tmp_path) == ["a"]


def test_content_may_be_a_file_larger_than_one_piece(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_bytes(os.urandom(3_000_000))
    written = replace(tmp_path / "a", source)
    assert written == Written(hashlib.sha256(source.read_bytes()).hexdigest(), 3_000_000)
    assert (tmp_path / "a").read_bytes() == source.read_bytes()


def test_a_source_that_is_missing_or_no_file_is_named(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    for name in ("missing", "fifo"):
        with pytest.raises(OutboxError, match=f"cannot read .*{name}") as caught:
            replace(tmp_path / "a", tmp_path / name)
        assert not isinstance(caught.value, OutboxUnavailable)
    assert os.listdir(tmp_path) == ["fifo"]


def test_mode_and_group_are_set_and_without_a_wish_the_umask_decides(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        replace(tmp_path / "wished", b"", mode=0o664, group=os.getgid())
        replace(tmp_path / "plain", b"")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "wished").stat().st_mode) == 0o664
    assert stat.S_IMODE((tmp_path / "plain").stat().st_mode) == 0o640


def test_a_missing_folder_and_a_name_that_is_too_long_are_told_apart_from_folder_trouble(tmp_path: Path) -> None:
    with pytest.raises(OutboxError, match="No such file"):
        replace(tmp_path / "missing" / "a", b"")
    with pytest.raises(OutboxError, match="too long") as caught:
        replace(tmp_path / ("x" * 300), b"")
    assert not isinstance(caught.value, OutboxUnavailable)
    assert os.listdir(tmp_path) == []


def test_a_set_is_sealed_by_what_was_written(tmp_path: Path) -> None:
    items = [Item("a.md", b"one"), Item("a.json", b"two")]
    with Folder(tmp_path) as folder:
        written = write_set(
            folder, items, lambda files: Item("a.seal", " ".join(f.sha256 for f in files).encode()), overwrite=False
        )
    assert (tmp_path / "a.seal").read_text() == f"{written[0].sha256} {written[1].sha256}"
    assert sorted(os.listdir(tmp_path)) == ["a.json", "a.md", "a.seal"]


def test_a_set_whose_name_is_taken_takes_back_what_it_wrote_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_bytes(b"one")  # the same bytes: taken for ours
    (tmp_path / "a.csv").write_bytes(b"foreign")
    items = [Item("a.md", b"one"), Item("a.json", b"two"), Item("a.csv", b"three")]
    with Folder(tmp_path) as folder, pytest.raises(FileExistsError):
        write_set(folder, items, lambda _: Item("a.seal", b""), overwrite=False)
    assert {name: (tmp_path / name).read_bytes() for name in os.listdir(tmp_path)} == {
        "a.md": b"one",
        "a.csv": b"foreign",
    }


def test_move_never_overwrites_and_finishes_an_interrupted_move(tmp_path: Path) -> None:
    source, target = tmp_path / "source", tmp_path / "target"
    source.write_bytes(b"mine")
    target.write_bytes(b"theirs")
    with pytest.raises(FileExistsError):
        move(source, target)
    assert (source.read_bytes(), target.read_bytes()) == (b"mine", b"theirs")
    target.unlink()
    os.link(source, target)  # as a crash between link and unlink leaves it
    move(source, target)
    assert os.listdir(tmp_path) == ["target"]
    with pytest.raises(OutboxError, match="No such file"):
        move(source, target)


def test_move_to_another_filesystem_keeps_content_mode_and_time(tmp_path: Path, other_filesystem: Path) -> None:
    source, target = tmp_path / "source", other_filesystem / "target"
    source.write_bytes(b"content")
    source.chmod(0o640)
    os.utime(source, ns=(1_000, 1_234_567_000))
    move(source, target)
    status = target.stat()
    assert (target.read_bytes(), stat.S_IMODE(status.st_mode), status.st_mtime_ns) == (b"content", 0o640, 1_234_567_000)
    assert os.listdir(tmp_path) == []
    source.write_bytes(b"content")  # as a crash before the source's removal leaves it
    move(source, target)
    assert os.listdir(tmp_path) == []
    source.write_bytes(b"other")
    with pytest.raises(FileExistsError):
        move(source, target)
    assert (source.read_bytes(), os.listdir(other_filesystem)) == (b"other", ["target"])


@pytest.mark.parametrize("refusal", [None, errno.EPERM, errno.EIO])
def test_without_renameat2_links_and_then_looking_first_protect_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, refusal: int | None
) -> None:
    monkeypatch.setattr(folders, "_LIBC_RENAMEAT2", None)  # musl before 1.2.6, kernels and shares without it
    if refusal is not None:

        def refuse(*_: object, **__: object) -> None:
            raise OSError(refusal, "FAT has no links, nor have SMB shares through FUSE")

        monkeypatch.setattr(os, "link", refuse)
    create(tmp_path / "a", b"one")
    create(tmp_path / "a", b"one")
    with pytest.raises(FileExistsError):
        create(tmp_path / "a", b"two")
    move(tmp_path / "a", tmp_path / "b")
    assert {name: (tmp_path / name).read_bytes() for name in os.listdir(tmp_path)} == {"b": b"one"}


def test_a_name_with_a_nul_byte_is_refused_not_cut(tmp_path: Path) -> None:
    with Folder(tmp_path) as folder, pytest.raises(ValueError, match="null"):
        write_set(folder, [Item("a\0b", b"")], lambda _: Item("seal", b""), overwrite=False)
    assert os.listdir(tmp_path) == []


def test_removing_is_repeatable_and_does_not_follow_links(tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "kept").write_bytes(b"kept")
    (tmp_path / "work" / "deep").mkdir(parents=True)
    (tmp_path / "work" / "link").symlink_to(tmp_path / "outside")
    for _ in range(2):
        remove_tree(tmp_path / "work")
        remove(tmp_path / "file")
    assert (tmp_path / "outside" / "kept").exists()
    assert os.listdir(tmp_path) == ["outside"]


def test_a_fifo_is_never_waited_on(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    with Folder(tmp_path) as folder, pytest.raises(NotRegular), open_file(folder, "fifo"):
        pass


def test_a_copy_that_fails_leaves_nothing(tmp_path: Path) -> None:
    with Folder(tmp_path) as folder, pytest.raises(OutboxError, match="cannot read"):
        copy_hidden(folder, "missing", folder)
    assert os.listdir(tmp_path) == []
