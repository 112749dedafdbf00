"""A language model is asked over real HTTP, and believed only as far as schema and document confirm it."""

from __future__ import annotations

import json
import pickle
from typing import Any

import pytest

from docferry.engine.understanding import (
    LanguageModel,
    LanguageModelError,
    Topic,
    answer_instructions,
    chat,
    classify_pages,
    extract_fields,
    extract_schema,
    split_pages,
)
from docferry.engine.understanding.llm.model import complete, json_of
from understanding.builders import native, pages_of, pairs, schema_of
from understanding.llm_peer import Peer, serving

KEY = "sk-very-secret"
LETTER = native(
    "Dear Ms Lange,\nwe thank you for the order of 12 March 2025 and will deliver 40 pallets of tiles to Kiel.\n"
    "The price agreed is 8,450.00 EUR for the lot, payable to Keramik Nord before the end of the month."
)
SCHEMA = schema_of(customer="string", order_date="date", pallets="integer", price="number", is_paid="boolean")
RIGHT = {"customer": "Ms Lange", "order_date": "2025-03-12", "pallets": 40, "price": 8450, "is_paid": False}


def model(peer: Peer, **limits: Any) -> LanguageModel:
    return LanguageModel(peer.url, "test-model", KEY, **limits)


def test_the_key_is_sent_and_never_shown() -> None:
    with serving("hello") as peer:
        llm = model(peer)
        complete(llm, [{"role": "user", "content": "hi"}])
        assert peer.headers[0]["Authorization"] == f"Bearer {KEY}"
        assert peer.headers[0]["path"] == "/v1/chat/completions"
        assert KEY not in repr(llm)
        assert KEY not in str(llm)
        assert pickle.loads(pickle.dumps(llm)) == llm  # it is handed to worker processes


def test_only_web_addresses_are_taken() -> None:
    with pytest.raises(ValueError, match="http"):
        LanguageModel("file:///etc/passwd", "m")


@pytest.mark.parametrize(
    ("mode", "message"),
    [
        ("status", "status 500"),
        ("no json", "no JSON"),
        ("no choices", "no completion"),
        ("redirect", "status 307"),
        ("huge", "larger than"),
        ("drip", "did not answer within"),
        ("silent", "did not answer within"),
        ("drop", "cannot be reached"),
    ],
)
def test_a_server_that_misbehaves_is_an_error_of_one_line(mode: str, message: str) -> None:
    with serving("unused", mode=mode) as peer:
        llm = model(peer, timeout_s=0.4 if mode in {"drip", "silent"} else 20, max_answer_bytes=200_000)
        with pytest.raises(LanguageModelError, match=message) as caught:
            complete(llm, [{"role": "user", "content": "hi"}])
        assert "\n" not in str(caught.value)
        assert KEY not in str(caught.value)


def test_no_server_is_an_error_too() -> None:
    with pytest.raises(LanguageModelError, match="cannot be reached"):
        complete(LanguageModel("http://127.0.0.1:9/v1", "m", timeout_s=5), [])


@pytest.mark.parametrize("text", ['{"a": 1}', '```json\n{"a": 1}\n```', 'Here you are: {"a": 1} Enjoy!'])
def test_json_is_found_in_an_answer(text: str) -> None:
    assert json_of(text) == {"a": 1}


@pytest.mark.parametrize("text", ["", "no", "{", "[" * 100_000])
def test_an_answer_without_json_is_an_error(text: str) -> None:
    with pytest.raises(LanguageModelError, match="not JSON"):
        json_of(text)


def test_values_are_taken_with_their_place_in_the_document() -> None:
    with serving(RIGHT) as peer:
        answer = extract_schema(LETTER, SCHEMA, prompt="read the letter", llm=model(peer))
    assert answer.values == RIGHT
    assert answer.citations["price"][0]["id"] == "txt-2"
    assert answer.citations["customer"][0]["id"] == "txt-0"
    assert answer.scores["is_paid"] <= 50 < answer.scores["price"]
    question = json.dumps(peer.requests[0]["messages"])
    assert "read the letter" in question
    assert "40 pallets" in question


def test_what_the_model_invents_is_dropped_and_said() -> None:
    invented = {**RIGHT, "customer": "Mr Invented", "price": 9999.5, "order_date": "2025-03-13", "pallets": 4}
    with serving(invented) as peer:
        answer = extract_schema(LETTER, SCHEMA, llm=model(peer))
    assert answer.values == {"customer": None, "order_date": None, "pallets": None, "price": None, "is_paid": False}
    assert sum("is not in the document" in warning for warning in answer.warnings) == 4


def test_what_does_not_fit_the_schema_is_dropped_and_said() -> None:
    with serving({**RIGHT, "pallets": "forty", "customer": {"name": "Ms Lange"}, "more": "12 March"}) as peer:
        answer = extract_schema(LETTER, SCHEMA, llm=model(peer))
    assert answer.values["pallets"] is None
    assert answer.values["customer"] is None
    assert "more" not in answer.values
    assert any("does not fit" in warning for warning in answer.warnings)


@pytest.mark.parametrize("answer", ["[]", '"text"', "5", "null", '{"order_date": [[[]]]}'])
def test_answers_of_another_shape_leave_what_labels_say(answer: str) -> None:
    with serving(answer) as peer:
        got = extract_schema(pairs(("Order date", "12 March 2025")), SCHEMA, llm=model(peer))
    assert got.values["order_date"] == "2025-03-12"


def test_an_invalid_answer_is_asked_for_once_more() -> None:
    with serving("Well, the customer is", json.dumps(RIGHT)) as peer:
        answer = extract_schema(LETTER, SCHEMA, llm=model(peer))
    assert answer.values == RIGHT
    assert len(peer.requests) == 2


def test_without_a_usable_answer_the_labels_decide_and_it_is_said() -> None:
    document = pairs(("Order date", "12 March 2025"))
    with serving("never JSON") as peer:
        answer = extract_schema(document, SCHEMA, llm=model(peer))
    assert answer.values["order_date"] == "2025-03-12"
    assert any("not JSON" in warning for warning in answer.warnings)


def test_agreement_is_surer_and_contradiction_is_said() -> None:
    document = pairs(("Order number", "A-1"), ("Order date", "12 March 2025"), ("Other order", "A-2"))
    schema = schema_of(order_number="string", order_date="date")
    with serving({"order_number": "A-2", "order_date": "2025-03-12"}) as peer:
        answer = extract_schema(document, schema, llm=model(peer))
    assert answer.values == {"order_number": "A-2", "order_date": "2025-03-12"}
    assert answer.scores["order_date"] >= 97
    assert answer.scores["order_number"] <= 60
    assert any("by its label it is 'A-1'" in warning for warning in answer.warnings)


def test_rows_are_checked_one_by_one() -> None:
    document = native("We deliver 40 pallets of tiles and 3 drums of glue.")
    schema = schema_of(items={"type": "array", "items": schema_of(name="string", count="integer")})
    rows = [{"name": "tiles", "count": 40}, {"name": "glue", "count": 7}, {"name": "sand", "count": 1}, "nonsense"]
    with serving({"items": rows}) as peer:
        answer = extract_schema(document, schema, llm=model(peer))
    assert answer.values["items"] == [{"name": "tiles", "count": 40}, {"name": "glue", "count": None}]
    assert len(answer.citations["items"]) == len(answer.scores["items"]) == 2


def test_a_long_document_is_asked_about_in_parts() -> None:
    document = pages_of(*(f"Page {number} speaks of matter {number * 111}." for number in range(1, 7)))

    def last_matter(request: dict[str, Any]) -> str:
        text = request["messages"][1]["content"]
        return json.dumps({"matter": 666 if "666" in text.split("Document:")[1] else None})

    with serving(last_matter) as peer:
        answer = extract_schema(document, schema_of(matter="integer"), llm=model(peer, max_document_characters=80))
    assert answer.values == {"matter": 666}
    assert len(peer.requests) > 2


def test_a_document_of_too_many_parts_is_said_to_be_cut() -> None:
    document = pages_of(*(f"Page {number} speaks of nothing at all, at some length." for number in range(1, 40)))
    with serving({"matter": None}) as peer:
        answer = extract_schema(document, schema_of(matter="integer"), llm=model(peer, max_document_characters=60))
    assert any("too long" in warning for warning in answer.warnings)
    assert len(peer.requests) == 12


def test_field_lists_use_the_model_too() -> None:
    with serving({"price": "8,450.00 EUR", "city": "Kiel"}) as peer:
        answer = extract_fields(LETTER, ["price", "city"], model(peer))
    assert answer.values == {"price": "8,450.00 EUR", "city": "Kiel"}


PAGES = pages_of("# Rent\nThe rent is 900 EUR a month.", "Dogs may not be kept.", "")
TOPICS = [Topic("costs", "rent and deposits"), Topic("pets", "keeping of animals")]


def test_pages_are_split_as_the_model_says() -> None:
    with serving({"pages": {"1": "pets", "2": "costs"}}) as peer:
        assert split_pages(PAGES, TOPICS, model(peer)) == {"costs": [2], "pets": [1]}


@pytest.mark.parametrize("answer", ['{"pages": {"1": "invented"}}', '{"pages": 5}', "no"])
def test_an_unusable_split_falls_back_to_the_built_in_one(answer: str) -> None:
    with serving(answer) as peer:
        assert split_pages(PAGES, TOPICS, model(peer)) == {"costs": [1], "pets": [2]}


def test_pages_are_classified_as_the_model_says() -> None:
    entry = {"category": "pets", "confidence": 300, "reasoning": "It barks."}
    with serving({"pages": {"1": entry, "2": {"category": "Other"}}}) as peer:
        first, second, third = classify_pages(PAGES, TOPICS, model(peer))
    assert (first.category, first.confidence, first.reasoning) == ("pets", 100, "It barks.")
    assert (second.category, second.confidence) == ("Other", 0)
    assert third.category == "Other"


def test_a_category_that_does_not_exist_falls_back() -> None:
    with serving({"pages": {"1": {"category": "cats"}, "2": {"category": "cats"}}}) as peer:
        assert [each.category for each in classify_pages(PAGES, TOPICS, model(peer))][:2] == ["costs", "pets"]


def test_instructions_need_a_model() -> None:
    assert answer_instructions(PAGES, "# Rent", "in German", "append", None) is None


@pytest.mark.parametrize("mode", ["append", "replace"])
def test_markdown_is_rewritten_by_instructions(mode: Any) -> None:
    with serving("# Miete") as peer:
        assert answer_instructions(PAGES, "# Rent", "in German", mode, model(peer)) == "# Miete"
    system = peer.requests[0]["messages"][0]["content"]
    assert "in German" in system
    assert (system == "in German") == (mode == "replace")


def test_long_markdown_is_rewritten_in_parts() -> None:
    def echo(request: dict[str, Any]) -> str:
        return str(request["messages"][1]["content"])

    markdown = "\n\n".join(f"Paragraph {number} has some words." for number in range(12))
    with serving(echo) as peer:
        rewritten = answer_instructions(PAGES, markdown, "none", "append", model(peer, max_document_characters=100))
    assert rewritten == markdown
    assert len(peer.requests) > 2


def test_chat_passes_messages_on_and_gives_the_completion_back() -> None:
    content = [{"type": "text", "text": "Hello"}, {"type": "text", "text": "there"}]
    with serving("Hi!") as peer:
        completion = chat([{"role": "user", "content": content}], model(peer), temperature=0.5, stream=True, model="x")
    assert completion["choices"][0]["message"]["content"] == "Hi!"
    assert peer.requests[0]["messages"] == [{"role": "user", "content": "Hello\nthere"}]
    assert peer.requests[0]["temperature"] == 0.5
    assert peer.requests[0]["stream"] is False
    assert peer.requests[0]["model"] == "test-model"
