"""Every way in which configuration files change is seen, and only then."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from commands import docferry
from config.work import VALID, write
from daemons import SAMPLES, Ferry, wait_for
from docferry.daemon.control import ask
from docferry.daemon.sockets import CONTROL, socket_path
from docferry.rules.reload import ConfigWatcher
from peers.fake_provider import FakeProvider

RULE = "rules: [{name: extra, when: {name: x}, provider: local}]"


def _edit(folder: Path) -> None:
    with (folder / "docferry.yaml").open("a") as file:
        file.write("# more\n")


def _rename_over(folder: Path) -> None:
    write(folder, VALID, ".docferry.yaml.swp").replace(folder / "docferry.yaml")


def _same_size_same_time(folder: Path) -> None:
    path = folder / "docferry.yaml"
    status = path.stat()
    write(folder, VALID.replace("./inbox", "./outbo"), "new").replace(path)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def _delete(folder: Path) -> None:
    (folder / "docferry.yaml").unlink()


def _add_rules(folder: Path) -> None:
    write(folder, RULE, "rules.d/new.yaml")


def _edit_rules(folder: Path) -> None:
    write(folder, RULE + "\n", "rules.d/old.yaml")


def _remove_rules(folder: Path) -> None:
    (folder / "rules.d" / "old.yaml").unlink()


@pytest.mark.parametrize(
    "change", [_edit, _rename_over, _same_size_same_time, _delete, _add_rules, _edit_rules, _remove_rules]
)
def test_a_change_is_seen_once(tmp_path: Path, change: Callable[[Path], None]) -> None:
    main = write(tmp_path, VALID)
    write(tmp_path, RULE, "rules.d/old.yaml")
    watcher = ConfigWatcher([main])
    assert not watcher.changed()

    change(tmp_path)

    assert watcher.changed()
    assert not watcher.changed()


def test_a_symlink_turned_to_another_target_is_seen(tmp_path: Path) -> None:
    for name in ("one", "two"):
        write(tmp_path / name, VALID)
    link = tmp_path / "docferry.yaml"
    link.symlink_to("one/docferry.yaml")
    watcher = ConfigWatcher([link])

    (tmp_path / "new").symlink_to("two/docferry.yaml")
    (tmp_path / "new").replace(link)

    assert watcher.changed()


def test_a_folder_swapped_as_configmaps_are_is_seen(tmp_path: Path) -> None:
    # Kubernetes: docferry.yaml -> ..data/docferry.yaml, and ..data -> ..2026_1 is renamed over.
    write(tmp_path / "..2026_1", VALID)
    write(tmp_path / "..2026_2", VALID)
    (tmp_path / "..data").symlink_to("..2026_1")
    (tmp_path / "docferry.yaml").symlink_to("..data/docferry.yaml")
    watcher = ConfigWatcher([tmp_path / "docferry.yaml"])

    (tmp_path / "..data_tmp").symlink_to("..2026_2")
    (tmp_path / "..data_tmp").replace(tmp_path / "..data")
    shutil.rmtree(tmp_path / "..2026_1")

    assert watcher.changed()


def test_other_files_are_none_of_its_business(tmp_path: Path) -> None:
    watcher = ConfigWatcher([write(tmp_path, VALID)])

    write(tmp_path, "x", "notes.txt")
    write(tmp_path, "x", "rules.d/README")

    assert not watcher.changed()


def _status(ferry: Ferry) -> Any:
    """What the daemon itself says, whatever the file says meanwhile."""
    return ask(socket_path(ferry.state, CONTROL), {"do": "status"})


def test_an_edit_takes_effect_and_a_broken_one_changes_nothing(tmp_path: Path) -> None:
    good = {"name": "everything", "provider": "local", "deliver": {"formats": ["markdown"]}}
    rules = tmp_path / "rules.d" / "a.yaml"
    with FakeProvider("pulse", {}) as fake:
        providers = {"local": {"dialect": "pulse", "url": fake.url}}
        with Ferry(tmp_path, {"providers": providers, "rules": [good]}).start() as ferry:
            rules.parent.mkdir()
            rules.write_text("rules: [{name: broken, provder: local}]")
            wait_for(lambda: "provder" in str(_status(ferry)), saying=ferry.log_text)
            done = docferry("check", "-c", ferry.config)
            assert done.returncode == 2
            assert "rules.d/a.yaml:1:24: rules[0].provder: unknown key provder" in done.stderr
            ferry.drop(SAMPLES / "notes.txt", "before.txt")
            ferry.wait_for_ended(1)

            mended = "{name: by name, when: {name: 'aft*'}, provider: local, deliver: {formats: [json]}}"
            rules.write_text(f"rules: [{mended}]")
            wait_for(lambda: "provder" not in str(_status(ferry)), saying=ferry.log_text)
            ferry.drop(SAMPLES / "notes.txt", "after.txt")
            (before, after) = sorted(ferry.wait_for_ended(2), key=lambda document: document.path, reverse=True)

    outputs = {path.name for path in ferry.outbox.iterdir() if not path.name.startswith(".")}
    assert outputs == {"before.txt.md", "before.txt.receipt.json", "after.txt.json", "after.txt.receipt.json"}
    assert before.plan is not None
    assert after.plan is not None
    assert (before.plan.rule, after.plan.rule) == ("everything", "by name")
    assert before.plan.rules_hash != after.plan.rules_hash
