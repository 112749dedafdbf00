"""Kills the outbox's work with SIGKILL at each of its failpoints, repeats it, and checks what is on disk.

``python crash_driver.py SCENARIO FOLDER OTHER_FILESYSTEM`` prints how many deaths it has seen. A process of its own,
since it forks for every death: the child runs the very code the daemon runs, and dies at a failpoint.
"""

from __future__ import annotations

import hashlib
import importlib
import json
import os
import shutil
import signal
import sys
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from docferry import durable, failpoints, folders
from docferry.models import Document
from docferry.outbox.delivery import Outbox
from docferry.outbox.originals import put_away, put_failed
from docferry.outbox.root import Root
from docferry.providers.base import Output
from outbox.samples import OUTPUTS, document_at, receipt_for, tree

ORIGINAL = b"%PDF-1.7 the original"
RESULTS = OUTPUTS[:2]
OTHER_OUTPUTS = (Output(".md", b"older", "markdown"), Output(".html", b"<p>older", "html"))
SECOND_DEATHS = 11  # of the repetition, too, every so many failpoints


@dataclass(frozen=True)
class Place:
    here: Path
    other: Path  # on another filesystem


@dataclass(frozen=True)
class Scenario:
    """``prepare`` once, ``act`` until it survives; ``look`` after every death, ``settle`` at the end."""

    prepare: Callable[[Place], Document | None]
    act: Callable[[Place, Document | None], None]
    look: Callable[[Place], None]
    settle: Callable[[Place], None]


def outbox_at(place: Place) -> Outbox:
    outbox = Outbox(place.here / "outbox", mode=0o644)
    outbox.prepare()
    return outbox


def nothing_before(place: Place) -> None:
    return None


def another_set_before(place: Place) -> None:
    outbox_at(place).deliver("acme/a.pdf", OTHER_OUTPUTS, receipt_for("other"))


def deliver(place: Place, _: Document | None) -> None:
    outbox_at(place).deliver("acme/a.pdf", RESULTS, receipt_for("one"))


def deliver_over_another(place: Place, _: Document | None) -> None:
    outbox_at(place).deliver("acme/a.pdf", RESULTS, receipt_for("one"), replace=True)


def deliver_re_run(place: Place, _: Document | None) -> None:
    outbox_at(place).deliver("acme/a.pdf", RESULTS, receipt_for("other", run=2))


def whole_files_and_a_true_receipt(place: Place) -> None:
    contents = {output.suffix: {output.content} for output in RESULTS}
    for older in OTHER_OUTPUTS:
        contents.setdefault(older.suffix, set()).add(older.content)
    files = {name: content for name, content in tree(place.here / "outbox").items() if ".docferry-" not in name}
    receipt = files.pop("acme/a.pdf.receipt.json", None)
    for name, content in files.items():
        assert content in contents[name.removeprefix("acme/a.pdf")], f"{name} is not whole"
    for entry in json.loads(receipt)["outputs"] if receipt is not None else ():
        content = files[f"acme/{entry['name']}"]
        assert hashlib.sha256(content).hexdigest() == entry["sha256"], f"the receipt lies about {entry['name']}"


def the_set_and_nothing_else(place: Place) -> None:
    whole_files_and_a_true_receipt(place)
    wanted = {f"acme/a.pdf{output.suffix}" for output in RESULTS} | {"acme/a.pdf.receipt.json"}
    assert set(tree(place.here / "outbox")) == wanted


def an_original_like_one_in(target: Callable[[Place], Path]) -> Callable[[Place], Document]:
    """A claimed original; an earlier one of the same name and content lies where it will go."""

    def prepare(place: Place) -> Document:
        source = place.here / "work" / "document-1" / "a.pdf"
        source.parent.mkdir(parents=True)
        source.write_bytes(ORIGINAL)
        (target(place) / "acme").mkdir(parents=True)
        (target(place) / "acme" / "a.pdf").write_bytes(ORIGINAL)
        return document_at(source, "acme/a.pdf", "document-1")

    return prepare


def archive_in(target: Callable[[Place], Path]) -> Callable[[Place, Document | None], None]:
    def act(place: Place, document: Document | None) -> None:
        assert document is not None
        root = Root(target(place))
        root.prepare()
        assert put_away(document, root) == target(place) / "acme" / "a~2.pdf"

    return act


def fail_in(target: Callable[[Place], Path]) -> Callable[[Place, Document | None], None]:
    def act(place: Place, document: Document | None) -> None:
        assert document is not None
        root = Root(target(place))
        root.prepare()
        assert put_failed(document, root, {"why": "test"}) == target(place) / "acme" / "a~2.pdf"

    return act


def the_original_is_somewhere(target: Callable[[Place], Path]) -> Callable[[Place], None]:
    def look(place: Place) -> None:
        source = place.here / "work" / "document-1" / "a.pdf"
        moved = target(place) / "acme" / "a~2.pdf"
        assert (source if source.exists() else moved).read_bytes() == ORIGINAL
        assert not moved.exists() or moved.read_bytes() == ORIGINAL
        assert (target(place) / "acme" / "a.pdf").read_bytes() == ORIGINAL

    return look


def the_original_is_there_once(target: Callable[[Place], Path], *more: str) -> Callable[[Place], None]:
    def settle(place: Place) -> None:
        assert set(tree(target(place))) == {"acme/a.pdf", "acme/a~2.pdf", *more}
        assert set(tree(target(place)).values()) <= {ORIGINAL, b'{\n  "why": "test"\n}\n'}
        assert list((place.here / "work" / "document-1").iterdir()) == []

    return settle


def here(place: Place) -> Path:
    return place.here / "archive"


def there(place: Place) -> Path:
    return place.other / "archive"


def move_there(place: Place, _: Document | None) -> None:
    source = place.here / "work" / "document-1" / "a.pdf"
    if source.exists():
        durable.move(source, place.other / "archive" / "acme" / "a~2.pdf")


def originals(target: Callable[[Place], Path]) -> Scenario:
    prepare, look = an_original_like_one_in(target), the_original_is_somewhere(target)
    return Scenario(prepare, archive_in(target), look, the_original_is_there_once(target))


def failures(target: Callable[[Place], Path]) -> Scenario:
    prepare, look = an_original_like_one_in(target), the_original_is_somewhere(target)
    settle = the_original_is_there_once(target, "acme/a~2.pdf.error.json")
    return Scenario(prepare, fail_in(target), look, settle)


def plain_set(prepare: Callable[[Place], None], act: Callable[[Place, Document | None], None]) -> Scenario:
    return Scenario(prepare, act, whole_files_and_a_true_receipt, the_set_and_nothing_else)


SCENARIOS = {
    "deliver": plain_set(nothing_before, deliver),
    "replace": plain_set(another_set_before, deliver_over_another),
    "re-run": plain_set(another_set_before, deliver_re_run),
    "archive": originals(here),
    "archive elsewhere": originals(there),
    "fail": failures(here),
    "fail elsewhere": failures(there),
    "move elsewhere": Scenario(
        an_original_like_one_in(there), move_there, the_original_is_somewhere(there), the_original_is_there_once(there)
    ),
}


def survives(act: Callable[[], None], death: str | None) -> bool:
    """Runs ``act`` in a child that dies at the given failpoint; False when it has died there."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            os.environ["DOCFERRY_FAILPOINT"] = death or ""
            importlib.reload(failpoints)
            act()
            code = 0
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stderr.flush()
            os._exit(code)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        assert os.WTERMSIG(status) == signal.SIGKILL, f"died of signal {os.WTERMSIG(status)}"
        return False
    assert os.waitstatus_to_exitcode(status) == 0, f"failed when it was to die at {death}"
    return True


def torment(scenario: Scenario, place: Place, first: int, second: int) -> tuple[bool, bool]:
    """One story: dies at the ``first`` failpoint, its repetition at the ``second``, then works. (died, died again)"""
    for folder in (place.here, place.other):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
    document = scenario.prepare(place)
    deaths = []
    for death in (f"*:{first}", f"*:{second}"):
        deaths.append(not survives(lambda: scenario.act(place, document), death))
        scenario.look(place)
    assert survives(lambda: scenario.act(place, document), None)
    scenario.settle(place)
    return deaths[0], deaths[1]


def main() -> None:
    name, folder, other = sys.argv[1:4]
    if name.startswith("links: "):
        name = name.removeprefix("links: ")
        folders._LIBC_RENAMEAT2 = None
    place, first, deaths = Place(Path(folder) / "here", Path(other) / "there"), 1, 0
    while True:
        second, died = 1, False
        while True:
            died, died_again = torment(SCENARIOS[name], place, first, second)
            deaths += died + died_again
            if not died_again:
                break
            second += SECOND_DEATHS
        if not died:
            break
        first += 1
    print(deaths)


if __name__ == "__main__":
    main()
