"""Output files made from stored answers: names, content, and what is missing in words."""

from __future__ import annotations

import csv
import io
import json
import re
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from docferry.models import Json
from docferry.providers import outputs_nanonets, outputs_pulse
from docferry.providers.base import OutputSet, StoredAnswer
from docferry.providers.images import image_file, images_folder
from docferry.providers.options import FORMATS
from docferry.providers.tables import from_csv, from_html, from_markdown, to_csv

MARKDOWN = "# Lease 0417\r\n\n  Rent: 940 EUR \ud83d\ude00\n\n| a | b |\n|---|---|\n| 1 | =SUM(A1) |\n"
EXTRACTED = {
    "markdown": MARKDOWN.encode("utf-16", "surrogatepass").decode("utf-16"),
    "page_count": 2,
    "extraction_id": "ex-1",
    "credits_used": 2,
    "plan_info": {"tier": "growth"},
    "bounding_boxes": {"Title": [{"id": "txt-1"}], "Images": []},
    "extensions": {"chunking": {"page": ["one", "two"]}, "altOutputs": {"html": "<h1>Lease</h1>"}},
    "warnings": [],
}


def stored(folder: Path, endpoint: str, value: Json) -> StoredAnswer:
    path = folder / f"{endpoint}-{len(list(folder.iterdir()))}.json"
    path.write_text(json.dumps(value))
    return StoredAnswer(endpoint, path, {})


def content(made: OutputSet, suffix: str) -> bytes:
    [output] = [output for output in made.outputs if output.suffix == suffix]
    return output.content if isinstance(output.content, bytes) else output.content.read_bytes()


def suffixes(made: OutputSet) -> list[str]:
    return [output.suffix for output in made.outputs]


def test_every_format_of_a_pulse_chain_in_delivery_order(tmp_path: Path) -> None:
    answers = [
        stored(tmp_path, "extract", {"job_id": "j", "status": "completed", "result": EXTRACTED}),
        stored(tmp_path, "split", {"split_id": "s", "split_output": {"splits": {"A": [1]}}, "credits_used": 2}),
        stored(tmp_path, "schema", {"schema_id": "c", "schema_output": {"values": {"rent": 940}, "citations": {}}}),
        stored(tmp_path, "tables", {"tables_id": "t", "tables_output": {"tables": []}}),
    ]
    made = outputs_pulse.outputs(answers, FORMATS["pulse"])
    assert suffixes(made) == [
        ".md",
        ".html",
        ".json",
        ".chunks.json",
        ".split.json",
        ".schema.json",
        ".tables.json",
        ".raw.json",
        ".split.raw.json",
        ".schema.raw.json",
        ".tables.raw.json",
    ]
    assert content(made, ".md") == EXTRACTED["markdown"].encode(), "exactly as given"
    assert content(made, ".html") == b"<h1>Lease</h1>"
    structure = json.loads(content(made, ".json"))
    assert set(structure) == {"page_count", "extraction_id", "bounding_boxes", "extensions"}
    assert json.loads(content(made, ".chunks.json")) == {"page": ["one", "two"]}
    assert json.loads(content(made, ".split.json")) == {"split_id": "s", "split_output": {"splits": {"A": [1]}}}
    assert json.loads(content(made, ".schema.json"))["schema_output"]["values"] == {"rent": 940}
    assert content(made, ".raw.json") == answers[0].path.read_bytes()
    assert made.missing == (
        "csv: the document has no tables that can be read",
        "images: the answer has none (the option figureProcessing.showImages asks for them)",
    )


def test_results_of_later_steps_are_delivered_without_being_named(tmp_path: Path) -> None:
    answers = [stored(tmp_path, "extract", EXTRACTED), stored(tmp_path, "split", {"split_output": {"splits": {}}})]
    assert suffixes(outputs_pulse.outputs(answers, ["markdown"])) == [".md", ".split.json"]


def test_what_was_asked_for_and_is_not_there_is_named(tmp_path: Path) -> None:
    made = outputs_pulse.outputs([stored(tmp_path, "extract", {"extraction_id": None})], FORMATS["pulse"])
    assert suffixes(made) == [".json", ".raw.json"]
    assert [line.partition(":")[0] for line in made.missing] == [
        "markdown",
        "html",
        "chunks",
        "csv",
        "split",
        "schema",
        "tables",
        "images",
    ]


@pytest.mark.parametrize(
    "spelling",
    [
        {"extensions": {"alt_outputs": {"html": "<p>"}, "chunking": {"page": ["x"]}}, "content": "text"},
        {"html": "<p>", "chunks": {"page": ["x"]}, "markdown": "text"},
    ],
)
def test_older_spellings_are_read(tmp_path: Path, spelling: dict[str, Json]) -> None:
    made = outputs_pulse.outputs([stored(tmp_path, "extract", spelling)], ["markdown", "html", "chunks"])
    assert [content(made, suffix) for suffix in (".md", ".html")] == [b"text", b"<p>"]
    assert json.loads(content(made, ".chunks.json")) == {"page": ["x"]}


def test_values_of_the_deprecated_in_call_schema(tmp_path: Path) -> None:
    value = {"markdown": "x", "structured_output": {"values": {"a": 1}, "citations": {}}}
    made = outputs_pulse.outputs([stored(tmp_path, "extract", value)], ["schema"])
    assert json.loads(content(made, ".schema.json"))["values"] == {"a": 1}


def test_an_answer_that_cannot_be_read_does_not_take_the_others_with_it(tmp_path: Path) -> None:
    broken = stored(tmp_path, "split", {})
    broken.path.write_bytes(b'{"split')
    answers = [stored(tmp_path, "extract", EXTRACTED), broken, StoredAnswer("schema", tmp_path / "gone", {})]
    made = outputs_pulse.outputs(answers, ["markdown"])
    assert suffixes(made) == [".md"]
    assert len(made.missing) == 2


def test_tables_of_the_tables_step_in_both_shapes(tmp_path: Path) -> None:
    html = "<table><tr><th>a</th><th>b</th></tr><tr><td rowspan=2>1</td><td>2</td></tr><tr><td>3</td></tr></table>"
    rows = {"headers": ["x", "y"], "rows": [{"x": 1, "y": None}, {"y": "=1+1"}]}
    tables = {"tables_output": {"tables": [{"table_content": html}, {"table_content": rows, "from_chart": True}]}}
    answers = [stored(tmp_path, "extract", EXTRACTED), stored(tmp_path, "tables", tables)]
    made = outputs_pulse.outputs(answers, ["csv"])
    assert suffixes(made) == [".1.csv", ".2.csv", ".tables.json"]
    assert content(made, ".1.csv") == b"a,b\r\n1,2\r\n,3\r\n"
    assert content(made, ".2.csv") == b"x,y\r\n1,\r\n,'=1+1\r\n"


def test_one_table_has_no_number_in_its_name(tmp_path: Path) -> None:
    made = outputs_pulse.outputs([stored(tmp_path, "extract", {"markdown": MARKDOWN[:20] + MARKDOWN[-40:]})], ["csv"])
    assert suffixes(made) == [".csv"]
    assert content(made, ".csv") == b"a,b\r\n1,'=SUM(A1)\r\n"


def test_images_that_were_fetched_are_delivered_by_their_content(tmp_path: Path) -> None:
    items = [{"id": "a", "image_url": "x"}, {"id": "b", "image_url": "x"}, {"id": "c"}]
    answer = stored(tmp_path, "extract", {"markdown": "", "bounding_boxes": {"Images": items}})
    images_folder(answer.path).mkdir()
    image_file(answer.path, 1).write_bytes(b"\x89PNG\r\n")
    image_file(answer.path, 2).write_bytes(b"\xff\xd8\xff\xe0")
    made = outputs_pulse.outputs([answer], ["images"])
    assert suffixes(made) == [".image-1.png", ".image-2.jpg"]
    assert len(made.missing) == 1


def record(**result: Json) -> dict[str, Json]:
    return {"success": True, "record_id": "1", "status": "completed", "result": result}


def test_every_format_of_nanonets(tmp_path: Path) -> None:
    value = record(
        markdown={"content": "## Page 1\n"},
        html={"content": "<p>1</p>"},
        json={"content": {"total": 120.5}, "metadata": {"confidence_score": {"total": 91}}},
        csv={"content": "a,b\n1,2\n\nc\n@x\n"},
    )
    made = outputs_nanonets.outputs([stored(tmp_path, "extract", value)], FORMATS["nanonets"])
    assert suffixes(made) == [".md", ".html", ".json", ".1.csv", ".2.csv", ".metadata.json", ".raw.json"]
    assert content(made, ".md") == b"## Page 1\n"
    assert json.loads(content(made, ".json")) == {"total": 120.5}
    assert content(made, ".2.csv") == b"c\r\n'@x\r\n"
    assert json.loads(content(made, ".metadata.json")) == {"json": {"confidence_score": {"total": 91}}}
    assert made.missing == ("classify: no classify step gave an answer",)


@pytest.mark.parametrize(
    "text", ['{"a": 1}', '```json\n{"a": 1}\n```', ' ```\n{"a": 1}```\n', '\n```JSON\r\n{"a": 1}\r\n```  ']
)
def test_json_content_as_text(tmp_path: Path, text: str) -> None:
    made = outputs_nanonets.outputs([stored(tmp_path, "extract", record(json={"content": text}))], ["json"])
    assert json.loads(content(made, ".json")) == {"a": 1}


def test_json_content_that_is_not_json_is_named(tmp_path: Path) -> None:
    made = outputs_nanonets.outputs([stored(tmp_path, "extract", record(json={"content": "{oops"}))], ["json"])
    assert suffixes(made) == []
    assert "raw answer" in made.missing[0]


def test_several_csv_contents(tmp_path: Path) -> None:
    value = record(csv={"content": ["a\n", "b\n"]})
    made = outputs_nanonets.outputs([stored(tmp_path, "extract", value)], ["csv"])
    assert suffixes(made) == [".1.csv", ".2.csv"]


def test_a_classification_beside_an_extraction(tmp_path: Path) -> None:
    pages = [{"page_number": 1, "category": "invoice", "confidence": 97, "reasoning": "r"}]
    answers = [
        stored(tmp_path, "classify", {"success": True, "result": {"filename": "x", "total_pages": 1, "pages": pages}}),
        stored(tmp_path, "extract", record(markdown={"content": "x"})),
    ]
    made = outputs_nanonets.outputs(answers, ["markdown", "raw"])
    assert suffixes(made) == [".md", ".classify.json", ".raw.json", ".extract.raw.json"]


@pytest.mark.parametrize(
    ("cell", "written"),
    [
        ("=1+1", "'=1+1"),
        ("+cmd|' /C calc'!A0", "'+cmd|' /C calc'!A0"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("-2+3+cmd", "'-2+3+cmd"),
        ("\t=1", "'\t=1"),
        ("-12.50", "-12.50"),
        ("+62,400", "+62,400"),
        ("-5 %", "-5 %"),
        ("- item", "'- item"),
        ("plain", "plain"),
        ("", ""),
    ],
)
def test_no_cell_is_a_formula(cell: str, written: str) -> None:
    [[value, _]] = csv.reader(io.StringIO(to_csv([[cell, "x"]]).decode(), newline=""))
    assert value == written


@given(st.lists(st.lists(st.text(), min_size=1, max_size=4), max_size=5))
def test_csv_never_starts_a_formula_and_keeps_every_cell(table: list[list[str]]) -> None:
    data = to_csv(table).decode("utf-8")
    flat = [cell for row in csv.reader(io.StringIO(data, newline="")) for cell in row]
    assert all(not cell.startswith(("=", "@", "\t", "\r")) for cell in flat)


HTML_TABLES: list[tuple[str, Any]] = [
    ("", []),
    ("<table></table>", []),
    ("<table><tr><td>a<td>b<tr><td>c", [[["a", "b"], ["c"]]]),
    ("<table><thead><tr><th colspan=2> a\n b </th></tr></thead><td>1<td>2</table>", [[["a b", ""], ["1", "2"]]]),
    ("<table><tr><td>a<br>b &amp; c</table><p>x</p><TABLE><TR><TD>d</TD></TR></TABLE>", [[["a\nb & c"]], [["d"]]]),
    ("<table><tr><td><table><tr><td>in</td></tr></table></td><td>out</td></tr></table>", [[["in", "out"]]]),
    ("<table><tr><td rowspan=2>a</td><td>b</td></tr><tr><td>c</td></tr></table>", [[["a", "b"], ["", "c"]]]),
    ("<table><tr><td>b</td><td rowspan=2>a</td></tr><tr><td>c</td></tr></table>", [[["b", "a"], ["c", ""]]]),
    ("<td>stray</td>", []),
]  # fmt: skip


@pytest.mark.parametrize(("html", "tables"), HTML_TABLES)
def test_html_tables(html: str, tables: Json) -> None:
    assert from_html(html) == tables


def test_absurd_spans_are_bounded() -> None:
    cells = "<td colspan=99999999 rowspan=99999999>x</td>" * 50
    [[row]] = from_html(f"<table><tr>{cells}</tr></table>")
    assert len(row) <= 50_000


@given(st.text(alphabet='<>/tablerdh \n|-:`=colspan"0129', max_size=200))
def test_any_text_gives_tables_or_none(text: str) -> None:
    for table in (*from_html(text), *from_markdown(text)):
        to_csv(table)


def test_markdown_tables_of_both_kinds_in_reading_order() -> None:
    text = (
        "| a | b \\| c |\n|:--|--:|\n| 1 | 2 |\n\ntext | with a bar\n\n<table>\n<tr><td>x</td></tr>\n</table>\n\n"
        "```\n| no | table |\n|---|---|\n```\nd | e\n--- | ---\n3 | 4\n"
    )
    assert from_markdown(text) == [
        [["a", "b | c"], ["1", "2"]],
        [["x"]],
        [["d", "e"], ["3", "4"]],
    ]


def test_csv_text_is_cut_at_empty_lines_but_not_inside_quotes() -> None:
    assert from_csv('a,"b\n\nc"\n\n\nd\n') == [[["a", "b\n\nc"]], [["d"]]]
    assert from_csv("") == []
    assert from_csv("x" * 200_000) == [[["x" * 200_000]]]


HOSTILE = ["../../escaped", "/etc/passwd", "..", "", "a\0b", "a/b.png", ".receipt.json", "con", "\u202egnp", "x" * 300]
KNOWN = ["markdown", "html", "json", "csv", "content", "splits", "split_output", "tables_output", "tables", "chunking"]
KNOWN += ["extensions", "bounding_boxes", "Images", "image_url", "structured_output", "schema_output", "altOutputs"]
ANYTHING = st.recursive(
    st.none() | st.integers() | st.sampled_from(HOSTILE) | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from([*KNOWN, *HOSTILE]) | st.text(max_size=8), inner, max_size=5)
    ),
    max_leaves=12,
)
SAFE_SUFFIX = re.compile(r"(\.([a-z]+(-\d+)*|\d+))+")


@given(
    st.sampled_from(["pulse", "nanonets"]),
    st.lists(
        st.tuples(
            st.sampled_from(["extract", "split", "schema", "tables", "classify"]),
            st.dictionaries(st.sampled_from([*KNOWN, *HOSTILE]), ANYTHING, max_size=6),
        ),
        min_size=1,
        max_size=3,
    ),
)
def test_no_name_that_a_provider_gives_becomes_part_of_a_files_name(
    dialect: str, given_steps: list[tuple[str, dict[str, Json]]]
) -> None:
    """Topics, classes, keys and image names stay inside files: what files are called is ours alone."""
    make = {"pulse": outputs_pulse.outputs, "nanonets": outputs_nanonets.outputs}[dialect]
    with TemporaryDirectory() as folder:
        answers = []
        for endpoint, result in given_steps:
            wrapped: Json = {"job_id": "j", "status": "completed", "success": True, "result": result}
            answers.append(stored(Path(folder), endpoint, wrapped))
            images_folder(answers[-1].path).mkdir()
            image_file(answers[-1].path, 1).write_bytes(b"../../x")
        made = make(answers, FORMATS[dialect])
    found = suffixes(made)
    assert all(SAFE_SUFFIX.fullmatch(suffix) for suffix in found), found
    assert len(set(found)) == len(found)
