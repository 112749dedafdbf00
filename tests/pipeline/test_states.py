"""The table of transitions as a machine, lanes as a function of the row, and the schedule beside a simple model."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from docferry.models import ENDED, TRANSITIONS, DocumentState
from docferry.pipeline.lanes import ROUTE, Entry, Schedule, lane, lane_of
from ledger.documents import PLAN, make_document

QUEUED = DocumentState.QUEUED


def test_every_state_is_reached_from_queued_and_leads_back_to_it() -> None:
    reached, todo = {QUEUED}, [QUEUED]
    while todo:
        new = TRANSITIONS[todo.pop()] - reached
        reached |= new
        todo += new
    assert reached == set(DocumentState) == set(TRANSITIONS)
    for state in DocumentState:
        assert state is QUEUED or QUEUED in TRANSITIONS[state], f"nothing brings a {state} document back"


def test_ended_documents_leave_their_state_only_by_retry() -> None:
    for state in ENDED:
        assert TRANSITIONS[state] == {QUEUED}
    assert TRANSITIONS[DocumentState.HELD] == {QUEUED, DocumentState.CANCELED}


def test_nothing_is_delivered_without_having_been_delivering() -> None:
    assert [state for state in DocumentState if DocumentState.DELIVERED in TRANSITIONS[state]] == ["delivering"]


@given(
    state=st.sampled_from(DocumentState),
    filed=st.booleans(),
    provider=st.sampled_from(["a", "b", None]),
    routed=st.booleans(),
)
def test_a_document_has_a_lane_exactly_while_something_is_left_to_do(
    state: DocumentState, filed: bool, provider: str | None, routed: bool
) -> None:
    name = lane(state, provider, "scans", routed=routed, filed=filed)
    rests = state is DocumentState.HELD or (state in ENDED and filed)
    assert (name is None) == rests
    document = make_document(state=state, filed=filed, provider=provider, plan=PLAN if routed else None)
    assert lane_of(document) == name
    assert lane_of(replace(document, path="other", attempts=9)) == name, "nothing but the row's place decides"
    if state is QUEUED and not routed:
        assert name == ROUTE


IDS = st.sampled_from([f"d{number}" for number in range(6)])
LANES = st.sampled_from(["route", "submit:a", "poll:a"])


class ScheduleBesideModel(RuleBasedStateMachine):
    """The model: one entry for each document; those that are due go by priority, then in the order of adding."""

    def __init__(self) -> None:
        super().__init__()
        self.schedule = Schedule()
        self.now = 0.0
        self.turn = 0
        self.entries: dict[str, tuple[Entry, int]] = {}  # with when it was added
        self.ready: set[str] = set()

    @rule(document_id=IDS, lane_name=LANES, priority=st.integers(-1, 1), delay_s=st.sampled_from([-1.0, 0.0, 1.0, 5.0]))
    def add(self, document_id: str, lane_name: str, priority: int, delay_s: float) -> None:
        entry = Entry(document_id, lane_name, priority, self.now + delay_s)
        self.schedule.add(entry, self.now)
        self.turn += 1
        self.entries[document_id] = (entry, self.turn)
        self.ready.discard(document_id)
        if delay_s <= 0:
            self.ready.add(document_id)

    @rule(document_id=IDS)
    def remove(self, document_id: str) -> None:
        self.schedule.remove(document_id)
        self.entries.pop(document_id, None)
        self.ready.discard(document_id)

    @rule(passed_s=st.sampled_from([0.5, 1.0, 3.0]))
    def wait(self, passed_s: float) -> None:
        self.now += passed_s
        self.schedule.promote(self.now)
        self.ready |= {id_ for id_, (entry, _) in self.entries.items() if entry.due_at <= self.now}

    @rule(lane_name=LANES)
    def take(self, lane_name: str) -> None:
        waiting = [
            (-entry.priority, turn, id_)
            for id_, (entry, turn) in self.entries.items()
            if id_ in self.ready and entry.lane == lane_name
        ]
        assert self.schedule.has_ready(lane_name) == bool(waiting)
        if waiting:
            expected = min(waiting)[2]
            assert self.schedule.pop(lane_name) == expected
            del self.entries[expected]
            self.ready.discard(expected)

    @precondition(lambda self: not self.ready)
    @rule()
    def look_at_the_clock(self) -> None:
        later = [entry.due_at for entry, _ in self.entries.values()]
        assert self.schedule.next_due_at() == min(later, default=None)

    @invariant()
    def the_same_documents(self) -> None:
        assert len(self.schedule) == len(self.entries)
        assert all(id_ in self.schedule for id_ in self.entries)
        assert {self.entries[id_][0].lane for id_ in self.ready} <= set(self.schedule.lanes())


TestScheduleBesideModel = ScheduleBesideModel.TestCase
TestScheduleBesideModel.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
