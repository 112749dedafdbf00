"""From an answer to an error: may it have been accepted, whose trouble is it, does waiting help."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from docferry.errors import Ambiguous, JobUnknown, Parked, ProviderError, Rejected, ResultGone, Unavailable
from docferry.providers.answer_json import AnswerFault
from docferry.providers.classify import (
    MAX_WAIT_S,
    MESSAGE_CHARACTERS,
    QUOTA_WORDS,
    RETIRED_WORDS,
    Answer,
    Call,
    Context,
    blames_document,
    deprecation_notes,
    one_line,
    refusal,
    retry_after_s,
    said,
    said_in,
    unusable,
)

NOW = 1_800_000_000.0
SUBMIT, READ, FETCH, LOOK = Call.SUBMIT, Call.READ, Call.FETCH, Call.LOOK


def answer(status: int, body: Any = "", headers: dict[str, str] | None = None) -> Answer:
    data = body.encode() if isinstance(body, str) else json.dumps(body).encode()
    return Answer(status, headers or {}, data)


def error_of(
    call: Call, status: int, body: Any = "", headers: dict[str, str] | None = None, **more: Any
) -> ProviderError:
    return refusal(answer(status, body, headers), Context(call, "peer", "POST /x", NOW, **more))


def pulse(code: str, message: str = "words") -> dict[str, Any]:
    return {"error": {"code": code, "message": message}}


HTML = "<html><head><title>Bad gateway</title></head></html>"


@pytest.mark.parametrize(
    ("call", "status", "body", "expected"),
    [
        (SUBMIT, 400, pulse("REQ_003"), Rejected),
        (SUBMIT, 401, pulse("AUTH_002"), Parked),
        (SUBMIT, 402, "", Parked),
        (SUBMIT, 403, pulse("AUTH_004"), Parked),
        (SUBMIT, 400, pulse("BILLING_001"), Parked),
        (SUBMIT, 429, pulse("BILLING_001"), Parked),
        (SUBMIT, 404, pulse("REQ_001"), Parked),  # the endpoint itself is unknown: a wrong url
        (SUBMIT, 405, "", Parked),
        (SUBMIT, 407, "", Parked),
        (SUBMIT, 408, "", Ambiguous),
        (SUBMIT, 409, "", Ambiguous),
        (SUBMIT, 413, HTML, Rejected),
        (SUBMIT, 422, {"detail": [{"loc": ["body", "x"], "msg": "bad"}]}, Rejected),
        (SUBMIT, 425, "", Unavailable),
        (SUBMIT, 429, pulse("GENERAL_429"), Unavailable),
        (SUBMIT, 500, pulse("GENERAL_500"), Ambiguous),
        (SUBMIT, 501, "", Parked),
        (SUBMIT, 502, HTML, Ambiguous),
        (SUBMIT, 503, "", Ambiguous),
        (SUBMIT, 504, HTML, Ambiguous),
        (SUBMIT, 521, HTML, Unavailable),
        (SUBMIT, 301, "", Parked),
        (SUBMIT, 307, "", Parked),
        (SUBMIT, 400, HTML, Parked),  # no voice of the API's
        (READ, 401, "", Parked),
        (READ, 404, pulse("JOB_001"), JobUnknown),
        (READ, 404, HTML, Parked),
        (READ, 410, "", ResultGone),
        (READ, 429, "", Unavailable),
        (READ, 500, "", Unavailable),
        (READ, 502, HTML, Unavailable),
        (READ, 503, "", Unavailable),
        (READ, 302, "", Parked),
        (FETCH, 403, "<?xml version='1.0'?><Error><Code>AccessDenied</Code></Error>", ResultGone),
        (FETCH, 403, pulse("AUTH_004"), Parked),
        (FETCH, 404, "", ResultGone),
        (FETCH, 410, pulse("STORAGE_410"), ResultGone),
        (FETCH, 500, "", Unavailable),
        (LOOK, 404, "", Rejected),
        (LOOK, 503, "", Unavailable),
    ],
)
def test_what_a_refusal_means(call: Call, status: int, body: Any, expected: type) -> None:
    error = error_of(call, status, body)
    assert type(error) is expected
    assert error.status == status


def test_a_503_that_names_a_time_is_a_refusal() -> None:
    error = error_of(SUBMIT, 503, "", {"retry-after": "30"})
    assert isinstance(error, Unavailable)
    assert (error.retry_after_s, error.throttled) == (30, True)


@pytest.mark.parametrize("status", [408, 409, 500, 502, 503, 504])
def test_a_request_whose_end_was_not_sent_is_never_ambiguous(status: int) -> None:
    assert type(error_of(SUBMIT, status, complete=False)) is Unavailable


def test_404_on_a_later_step_is_about_the_earlier_one() -> None:
    error = error_of(SUBMIT, 404, pulse("REQ_404"), by_id=True)
    assert isinstance(error, Rejected)
    assert "earlier step" in str(error)


@pytest.mark.parametrize("status", [401, 403, 402, 407])
def test_trouble_that_a_person_must_mend_says_so(status: int) -> None:
    error = error_of(SUBMIT, status)
    assert isinstance(error, Parked)
    assert error.needs_person
    assert error.hint


@pytest.mark.parametrize(
    ("text", "expected", "needs_person"),
    [
        ("Page rate exceeded", Unavailable, False),
        ("Daily limit reached, try again tomorrow", Parked, True),
        ("Monthly quota used up", Parked, True),
        ("no credits left", Parked, True),
        ("This endpoint is deprecated. Please migrate to /api/v1/extract", Parked, True),
    ],
)
def test_nanonets_429_is_told_apart_by_its_text(text: str, expected: type, needs_person: bool) -> None:
    error = error_of(SUBMIT, 429, {"detail": text}, quota_words=QUOTA_WORDS, permanent_words=RETIRED_WORDS)
    assert type(error) is expected
    assert getattr(error, "needs_person", False) is needs_person
    assert getattr(error, "only_person", False) is ("deprecated" in text)  # a limit is renewed some day


@pytest.mark.parametrize(
    ("body", "code", "message"),
    [
        (pulse("REQ_001", "No file"), "REQ_001", "No file"),
        ({"error": "just text"}, None, "just text"),
        ({"error": None, "message": "other"}, None, "other"),
        ({"detail": "no document given"}, None, "no document given"),
        (
            {"detail": [{"loc": ["body", "output_format"], "msg": "field required"}]},
            None,
            "output_format: field required",
        ),
        ({"detail": [{"loc": ["body", "a"], "msg": "x"}, "y"]}, None, "a: x; y"),
        ({"code": 7, "message": "seven"}, "7", "seven"),
        (["odd"], None, "['odd']"),
        ("plain\n\x1b[31m text", None, "plain [31m text"),
        (HTML, None, "an HTML page: Bad gateway"),
        ("<html>", None, "an HTML page"),
        ("", None, ""),
        ('{"error": {"code":', None, '{"error": {"code":'),
    ],
)
def test_every_error_body_is_read(body: Any, code: str | None, message: str) -> None:
    words = said(answer(400, body))
    assert (words.code, words.message) == (code, message)


KEYS = st.sampled_from(["error", "detail", "message", "code", "msg", "loc", "other"])
BODIES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(KEYS, inner),
    max_leaves=12,
)


@given(BODIES)
def test_any_error_body_gives_one_short_printable_line(body: Any) -> None:
    words = said_in(body)
    assert len(words.message) <= MESSAGE_CHARACTERS
    assert words.message == "" or words.message.isprintable()


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({}, None),
        ({"retry-after": "12"}, 12),
        ({"retry-after": " 1.5 "}, 1.5),
        ({"retry-after": "0"}, None),
        ({"retry-after": "-3"}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "9" * 15}, MAX_WAIT_S),
        ({"retry-after": "9" * 400}, None),
        ({"retry-after": "Fri, 15 Jan 2027 08:01:40 GMT"}, 100),
        ({"retry-after": "Fri, 15 Jan 2027 07:00:00 GMT"}, None),
        ({"retry-after-ms": "1500", "retry-after": "9"}, 1.5),
        ({"x-ratelimit-reset": str(int(NOW) + 40)}, 40),
        ({"x-ratelimit-reset": "40"}, 40),
        ({"retry-after": "0", "x-ratelimit-reset": "40"}, 40),
    ],
)
def test_the_wished_wait(headers: dict[str, str], expected: float | None) -> None:
    assert retry_after_s(headers, NOW) == expected


@given(st.dictionaries(st.sampled_from(["retry-after", "retry-after-ms", "x-ratelimit-reset"]), st.text()))
def test_no_header_can_ask_for_an_absurd_wait(headers: dict[str, str]) -> None:
    wait_s = retry_after_s(headers, NOW)
    assert wait_s is None or 0 < wait_s <= MAX_WAIT_S


def test_deprecation_is_noted_once() -> None:
    assert deprecation_notes({}) == ()
    [note] = deprecation_notes({"deprecation": "@1688169599", "sunset": "Sun, 30 Jun 2030 23:59:59 GMT"})
    assert "sunset: Sun, 30 Jun 2030" in note
    assert deprecation_notes({"warning": '299 - "use /extract"'}) == ('the provider warns: 299 - "use /extract"',)
    assert deprecation_notes({"warning": '110 - "stale"'}) == ()


@pytest.mark.parametrize(
    ("passing", "synchronous", "call", "expected"),
    [
        (True, False, SUBMIT, Ambiguous),
        (False, False, SUBMIT, Ambiguous),
        (True, True, SUBMIT, Ambiguous),
        (False, True, SUBMIT, Rejected),  # submitting again would give, and cost, the same
        (True, False, READ, Unavailable),
        (False, False, READ, Rejected),
    ],
)
def test_what_an_unreadable_good_answer_means(passing: bool, synchronous: bool, call: Call, expected: type) -> None:
    fault = AnswerFault("code", "words", passing=passing)
    error = unusable(fault, Context(call, "peer", "GET /x", NOW, synchronous=synchronous), 200)
    assert type(error) is expected
    assert error.code == "code"


@pytest.mark.parametrize(
    ("error", "blames"),
    [
        ("The PDF is password-protected", True),
        ("file is corrupted", True),
        ("Unsupported format", True),
        ({"code": "FILE_003", "message": "?"}, True),
        ({"code": "PROC_001", "message": "worker died"}, False),
        ("internal error, please retry", False),
        ("", False),
    ],
)
def test_whether_a_failure_blames_the_document(error: Any, blames: bool) -> None:
    assert blames_document(said_in(error)) is blames


def test_long_text_is_cut() -> None:
    assert one_line("x" * 10_000).endswith("…")
    assert len(one_line("x" * 10_000)) == MESSAGE_CHARACTERS
