"""Each trouble is told once, and once more when it is over, whatever happens between."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from pathlib import Path

import pytest
from aiohttp import web
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from docferry.errors import UsageError
from docferry.models import Json
from docferry.observe.alert_senders import Alerter, AlertNotSent, AppriseSender, CommandSender
from docferry.observe.alerts import MOST_AT_ONCE, AlertState, Kind, Message, Seen, Trouble, decide, sent

PARKED = Trouble(Kind.PARKED, "pulse", "pulse answers 401: the key is refused", "replace the key")
MESSAGE = Message(Kind.PARKED, "docferry: provider parked: pulse", "401 ünd mehr", False, 1_000_000.0, ("pulse",))
WHOLE = frozenset({Kind.PARKED, Kind.OFFLINE})


class Alerts(RuleBasedStateMachine):
    """Troubles come and go, the daemon restarts, in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.state = AlertState()
        self.active: dict[str, Trouble] = {}
        self.told: dict[str, list[str]] = {}  # subject -> begun, over, begun …

    def look(self, over: frozenset[str] = frozenset()) -> None:
        seen = Seen(tuple(self.active.values()), WHOLE, over)
        messages, self.state = decide(self.state, seen, 1.0)
        for message in messages:
            for subject in message.subjects:
                self.told.setdefault(subject, []).append("over" if message.over else "begun")
        assert decide(self.state, seen, 2.0) == ((), self.state)

    @rule(kind=st.sampled_from([Kind.PARKED, Kind.OFFLINE, Kind.FAILED]), name=st.sampled_from("ab"))
    def begins(self, kind: Kind, name: str) -> None:
        trouble = Trouble(kind, f"{kind} {name}", "is wrong")
        self.active[trouble.key] = trouble
        self.look()

    @rule(kind=st.sampled_from([Kind.PARKED, Kind.OFFLINE, Kind.FAILED]), name=st.sampled_from("ab"))
    def ends(self, kind: Kind, name: str) -> None:
        trouble = Trouble(kind, f"{kind} {name}", "")
        self.active.pop(trouble.key, None)
        self.look(frozenset({trouble.key}))

    @rule()
    def says_nothing_new_of_failed_documents(self) -> None:
        """A failed document is mentioned once; its absence later says nothing."""
        self.active = {key: trouble for key, trouble in self.active.items() if trouble.kind is not Kind.FAILED}
        self.look()

    @rule()
    def restarts(self) -> None:
        stored = json.loads(json.dumps(self.state.to_json()))
        assert AlertState.from_json(stored) == self.state
        self.state = AlertState.from_json(stored)

    @rule()
    def messages_are_sent(self) -> None:
        for message in self.state.unsent:
            self.state = sent(self.state, message)
        assert self.state.unsent == ()

    @invariant()
    def begun_and_over_alternate(self) -> None:
        for story in self.told.values():
            assert story == ["begun", "over"] * (len(story) // 2) + ["begun"] * (len(story) % 2)

    @invariant()
    def what_lasts_was_told(self) -> None:
        for trouble in self.active.values():
            assert self.told[trouble.subject][-1] == "begun"


TestAlerts = Alerts.TestCase


def test_a_message_says_what_and_what_to_do_and_its_end_what_it_was() -> None:
    (begun,), state = decide(AlertState(), Seen((PARKED,)), 5.0)
    assert begun.title == "docferry: provider parked: pulse"
    assert begun.body == "pulse answers 401: the key is refused\nreplace the key"
    (over,), _ = decide(state, Seen(complete=frozenset({Kind.PARKED})), 9.0)
    assert over.over
    assert over.title == "docferry: provider works again: pulse"
    assert "401" in over.body


def test_a_start_does_not_take_what_it_has_not_tried_yet_for_well() -> None:
    _, state = decide(AlertState(), Seen((PARKED,)), 5.0)
    just_started = Seen(complete=WHOLE, unclear=frozenset({PARKED.key}))
    assert decide(state, just_started, 6.0) == ((), state)
    (over,), _ = decide(state, Seen(complete=WHOLE), 7.0)
    assert over.over


def test_an_outage_that_turns_out_to_need_a_person_is_told_once_more() -> None:
    outage = Trouble(Kind.PARKED, "pulse", "no connection")
    refused = Trouble(Kind.PARKED, "pulse", "401: the key is refused", needs_person=True)
    state, told = AlertState(), []
    for trouble in (outage, outage, refused, outage, refused):
        messages, state = decide(state, Seen((trouble,), WHOLE), 5.0)
        told += [message.body for message in messages]
    assert told == ["no connection", "401: the key is refused"]
    (over,), _ = decide(state, Seen(complete=WHOLE), 9.0)
    assert over.over


def test_a_thousand_failures_are_one_message() -> None:
    troubles = tuple(Trouble(Kind.FAILED, f"{n}.pdf", "not a PDF", id=str(n)) for n in range(1000))
    messages, state = decide(AlertState(), Seen(troubles), 5.0)
    (message,) = messages
    assert message.title == "docferry: document failed: 0.pdf and 999 more"
    assert len(message.body.splitlines()) == MOST_AT_ONCE + 1
    assert len(state.open) < 1000  # the remembered state stays small
    few, _ = decide(AlertState(), Seen(troubles[:MOST_AT_ONCE]), 5.0)
    assert len(few) == MOST_AT_ONCE


def command(code: str, *arguments: str) -> tuple[str, ...]:
    return (sys.executable, "-c", code, *arguments)


def test_a_command_reads_the_alert_as_json(tmp_path: Path) -> None:
    code = "import sys, pathlib; pathlib.Path(sys.argv[1]).write_bytes(sys.stdin.buffer.read())"
    asyncio.run(CommandSender(command(code, str(tmp_path / "got"))).send(MESSAGE))
    got = json.loads((tmp_path / "got").read_bytes())
    assert got["kind"] == "parked"
    assert got["body"] == "401 ünd mehr"
    assert got["over"] is False
    assert got["at"] == "1970-01-12T13:46:40.000Z"


@pytest.mark.parametrize(
    ("argv", "reason"),
    [
        (command("import sys; print('no route', file=sys.stderr); sys.exit(3)"), "status 3: no route"),
        (("/nonexistent/alarm",), "No such file"),
        (command("import time; time.sleep(60)"), "took over"),
    ],
)
def test_a_command_that_fails_says_why(argv: tuple[str, ...], reason: str) -> None:
    started = time.monotonic()
    with pytest.raises(AlertNotSent, match=reason):
        asyncio.run(CommandSender(argv, timeout_s=0.5).send(MESSAGE))
    assert time.monotonic() - started < 30


@pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")  # Apprise's own affair
def test_apprise_delivers_to_a_real_server() -> None:
    got: list[Json] = []

    async def take(request: web.Request) -> web.Response:
        got.append(await request.json())
        return web.Response(status=200 if len(got) < 2 else 500)

    async def life() -> None:
        app = web.Application()
        app.router.add_post("/hook", take)
        runner = web.AppRunner(app)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        port = runner.addresses[0][1]
        sender = AppriseSender([f"json://127.0.0.1:{port}/hook"])
        try:
            await sender.send(MESSAGE)
            with pytest.raises(AlertNotSent):
                await sender.send(MESSAGE)
        finally:
            await runner.cleanup()

    asyncio.run(life())
    assert got[0]["title"] == MESSAGE.title
    assert got[0]["type"] == "warning"


def test_an_apprise_url_that_cannot_be_read_is_refused_without_being_shown() -> None:
    with pytest.raises(UsageError) as refused:
        AppriseSender(["nonsense-token-123"])
    assert "token" not in str(refused.value)


class Blocked:
    """A way out that is closed for a while."""

    def __init__(self) -> None:
        self.open = False
        self.titles: list[str] = []

    async def send(self, message: Message) -> None:
        if not self.open:
            raise AlertNotSent("closed")
        self.titles.append(message.title)


def test_an_alert_that_could_not_be_sent_survives_a_restart_and_is_sent_once() -> None:
    way, saved = Blocked(), [None]

    async def save(state: Json) -> None:
        saved[0] = json.loads(json.dumps(state))

    async def life() -> None:
        await Alerter([way], None, save).update(Seen((PARKED,)), 5.0)
        assert way.titles == []
        way.open = True
        again = Alerter([way], saved[0], save)
        await again.update(Seen((PARKED,)), 6.0)
        await again.update(Seen((PARKED,)), 7.0)
        await Alerter([way], saved[0], save).update(Seen((PARKED,)), 8.0)

    asyncio.run(life())
    assert way.titles == ["docferry: provider parked: pulse"]
