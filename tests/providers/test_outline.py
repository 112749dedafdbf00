"""Large answers go to disk as they come and are read in bounded memory, with the faults that small ones have."""

from __future__ import annotations

import io
import json
import tracemalloc
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from docferry.errors import ProviderError, Unavailable
from docferry.models import Json
from docferry.providers import pulse_answers
from docferry.providers.answer_json import MAX_DEPTH, AnswerFault, read_object
from docferry.providers.base import Answered, JobFailed, Pending
from docferry.providers.longtexts import LongTexts
from docferry.providers.outline import LONGEST_TEXT, read_outline
from docferry.providers.spill import IN_MEMORY_BYTES, outline_of
from peers.raw_http import Connection, HttpRequest, RawServer
from providers.support import document, run, submission
from providers.test_answer_json import FAULTS

NOTHING: frozenset[str] = frozenset()
PAD = "x" * IN_MEMORY_BYTES
BOX = {"id": "txt-1", "content": "a line of text", "page_number": 1, "bounding_box": [0.1, 0.2] * 4}


def outline(data: bytes, bulk: frozenset[str] = NOTHING) -> dict[str, Json]:
    return read_outline(io.BytesIO(data), bulk)


@pytest.mark.parametrize(("data", "code", "passing"), FAULTS)
def test_it_finds_what_is_wrong_as_for_small_answers(data: bytes, code: str, passing: bool) -> None:
    with pytest.raises(AnswerFault) as caught:
        outline(data)
    same = {"not_finite": {"not_finite", "not_json"}}  # NaN is no JSON for this reader
    assert caught.value.code in same.get(code, {code})
    assert caught.value.passing == passing or code == "not_finite"


VALUES: Any = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=15,
)


@given(st.dictionaries(st.text(max_size=4), VALUES, max_size=5))
def test_where_nothing_is_large_it_is_all_there(value: dict[str, Json]) -> None:
    data = json.dumps(value).encode()
    assert outline(data) == read_object(data)


def test_the_bulk_is_left_out_but_its_names_are_there() -> None:
    value = {"bounding_boxes": {"Text": [BOX], "Images": [{"image_url": "u"}]}, "markdown": PAD, "Text": "is no list"}
    assert outline(json.dumps(value).encode(), pulse_answers.BULK) == {
        "bounding_boxes": {"Text": [], "Images": [{"image_url": "u"}]},
        "markdown": PAD[:LONGEST_TEXT],
        "Text": "is no list",
    }
    outline(b'{"a":' * (MAX_DEPTH - 1) + b"[]" + b"}" * (MAX_DEPTH - 1))  # the deepest that is allowed


def peak_bytes(file: Path, boxes: int) -> int:
    file.write_text('{"result": {"unknown": [' + ",".join([json.dumps(BOX)] * boxes) + '], "page_count": 7}}')
    tracemalloc.start()
    try:
        assert outline_of(file, frozenset({"unknown"})) == {"result": {"unknown": [], "page_count": 7}}
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_memory_does_not_grow_with_the_answer(tmp_path: Path) -> None:
    assert peak_bytes(tmp_path / "answer", 10_000) < 1.2 * peak_bytes(tmp_path / "answer", 2500)


@pytest.mark.parametrize("text", ["A line of text.\\n", "\u4e2d\u6587 \U0001f600", 'a "quoted" \\ word', "\\" * 7])
@pytest.mark.parametrize("ascii_only", [True, False])
def test_the_middle_of_a_long_text_is_never_in_memory(text: str, ascii_only: bool) -> None:
    value = {"markdown": text * (2_000_000 // len(text)), "page_count": 7}
    data = json.dumps(value, ensure_ascii=ascii_only).encode()
    tracemalloc.start()
    try:
        read = outline(data)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert read == {"markdown": value["markdown"][:LONGEST_TEXT], "page_count": 7}
    assert peak < 1_900_000  # the answer itself was there before


@given(
    st.lists(st.text(alphabet='ab"\\\n\u00e9\u4e2d\U0001f600\x00', max_size=60), max_size=6),
    st.booleans(),
    st.integers(1, 9),
)
def test_only_the_middle_of_texts_is_left_out(texts: list[str], ascii_only: bool, block_bytes: int) -> None:
    data = json.dumps({"t": texts, "n": 5}, ensure_ascii=ascii_only).encode()
    reader, kept = LongTexts(io.BytesIO(data), block_bytes), bytearray()
    while piece := reader.read(10):
        kept += piece
    read = json.loads(kept)
    assert read["n"] == 5
    for whole, short in zip(texts, read["t"], strict=True):
        left = iter(whole.encode("utf-16-le", "surrogatepass"))
        assert all(byte in left for byte in short.encode("utf-16-le", "surrogatepass"))  # in this order


def test_what_nobody_has_heard_of_is_kept_within_bounds_and_what_follows_is_not_lost() -> None:
    value = {"result": {"unknown": [{"deep": 1}] * 220_000, "page_count": 7}, "status": "completed"}
    read = outline(json.dumps(value).encode())
    assert len(read["result"]["unknown"]) < 220_000
    assert (read["result"]["page_count"], read["status"]) == (7, "completed")


def asked(tmp_path: Path, body: Any, *, dialect: str = "pulse", send_bytes: int | None = None, **settings: Any) -> Any:
    """What we make of a large answer to a poll."""

    async def act(request: HttpRequest, connection: Connection) -> None:
        await connection.answer(200, body, send_bytes=send_bytes)

    with RawServer(act) as server:
        return run(dialect, server.url, lambda peer: peer.poll("extract", "j-1", tmp_path / "answer"), **settings)


RESULT = {"markdown": PAD, "page_count": 3, "extraction_id": "ex-1", "credits_used": 3, "warnings": ["w"]}
LARGE = {"job_id": "j-1", "status": "completed", "result": {**RESULT, "bounding_boxes": {"Text": [BOX] * 100}}}


def test_a_large_result_in_a_polls_answer_is_stored_as_it_came(tmp_path: Path) -> None:
    told = asked(tmp_path, LARGE)
    assert told == Answered({"extraction_id": "ex-1"}, 3, 3.0, ("w",), job_id="j-1")
    assert json.loads((tmp_path / "answer").read_bytes()) == LARGE
    assert [path.name for path in tmp_path.iterdir()] == ["answer"]


def test_the_same_of_nanonets(tmp_path: Path) -> None:
    contents = {"markdown": {"content": PAD}, "json": {"content": {"a": [1]}, "metadata": {"b": 1}}}
    record = {"record_id": "j-1", "status": "completed", "output_format": "markdown,json,csv", "result": contents}
    told = asked(tmp_path, record, dialect="nanonets")
    assert told.warnings == ("csv was asked for and is not in the result",)
    assert json.loads((tmp_path / "answer").read_bytes()) == record


def test_a_large_answer_without_a_result_leaves_nothing(tmp_path: Path) -> None:
    assert asked(tmp_path, {"job_id": "j-1", "status": "processing", "log": PAD}) == Pending("processing")
    assert isinstance(asked(tmp_path, {"job_id": "j-1", "status": "failed", "error": PAD}), JobFailed)
    with pytest.raises(Unavailable):
        asked(tmp_path, LARGE, send_bytes=IN_MEMORY_BYTES + 5000)
    with pytest.raises(ProviderError) as caught:
        asked(tmp_path, json.dumps(LARGE).encode()[:-1] + b', "status": "completed"}')
    assert caught.value.code == "duplicate_keys"
    with pytest.raises(ProviderError) as caught:
        asked(tmp_path, LARGE, max_answer="2100 kB")
    assert caught.value.code == "too_large"
    assert list(tmp_path.iterdir()) == []


def test_a_large_synchronous_answer(tmp_path: Path) -> None:
    async def act(request: HttpRequest, connection: Connection) -> None:
        await connection.answer(200, RESULT)

    work = tmp_path / "work"
    work.mkdir()
    with RawServer(act) as server:
        sent = submission(document(tmp_path), mode="sync")
        told = run("pulse", server.url, lambda peer: peer.submit(sent, work / "answer"))
    assert (told.pages, told.outcome) == (3, {"extraction_id": "ex-1"})
    assert json.loads((work / "answer").read_bytes()) == RESULT
    assert [path.name for path in work.iterdir()] == ["answer"]
