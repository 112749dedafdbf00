"""One look at one file, where the file changes in the middle of it."""

from __future__ import annotations

from pathlib import Path

from docferry.config.models import InboxConfig
from docferry.intake.looking import Looker, Moment, Seen
from docferry.intake.pace import Gaps
from docferry.intake.root import Home
from docferry.intake.tracks import Tracks
from docferry.intake.values import Hint
from intake.station import CUT_PDF, PDF

START_S = 1000.0


def test_a_file_that_grows_during_a_look_rests_and_teaches_its_writers_gap(tmp_path: Path) -> None:
    """Row 12: between the first stat and the opening, a writer that had paused for 3 s goes on."""
    inbox = tmp_path / "inbox"
    inbox.mkdir()
    scan = inbox / "scan.pdf"
    scan.write_bytes(CUT_PDF)
    config = InboxConfig.model_validate(
        {
            "name": "inbox",
            "path": inbox,
            "outbox": tmp_path / "outbox",
            "archive": tmp_path / "archive",
            "failed": tmp_path / "failed",
            "settle": 2,
        }
    )
    tracks, gaps = Tracks(), Gaps()
    looker = Looker(config, tracks, gaps, lambda kind, path, detail: None)

    def grows(ctime_ns: int) -> float:
        scan.write_bytes(PDF)
        return 0.0

    def look(elapsed: float, *, in_between: bool = False) -> object:
        now = Moment(elapsed, 1_700_000_000.0 + elapsed)
        return looker.look(root, root.fd, "", "scan.pdf", now, Hint.CLOSED, grows if in_between else None)

    with Home(str(inbox), None).open() as root:
        assert look(START_S) is Seen.NOTHING
        assert look(START_S + 3.0, in_between=True) is Seen.NOTHING
    assert gaps.wait_s(START_S + 3.0) == 4.5
    track = tracks.get("scan.pdf")
    assert track is not None
    assert (track.identity.size_bytes, track.hint, track.changed_at) == (len(PDF), Hint.NONE, START_S + 3.0)
    assert track.waits_for == "4.5 s without a change"
