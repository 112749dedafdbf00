"""Makes output files from Pulse's stored answers. Nothing is invented: what an answer lacks is named as missing."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from docferry.models import Json
from docferry.providers import pulse_answers
from docferry.providers.base import OutputSet, StoredAnswer
from docferry.providers.images import image_file, image_items
from docferry.providers.outputs import Collected, add_raw, read_answers
from docferry.providers.tables import Table, from_html, from_markdown, from_records

Result = Mapping[str, Json]

# Formats of their own, and figures about the call: they are no part of the document's structure.
NOT_STRUCTURE = frozenset(
    {"markdown", "content", "html", "plan_info", "plan-info", "credits_used", "job_id", "warnings"}
)
CALL_KEYS = frozenset({"plan_info", "plan-info", "credits_used", "job_id", "status", "message", "warnings"})
LATER_STEPS = ("split", "schema", "tables")

IMAGE_STARTS = (
    (b"\x89PNG", "png"),
    (b"\xff\xd8\xff", "jpg"),
    (b"GIF8", "gif"),
    (b"RIFF", "webp"),
    (b"BM", "bmp"),
    (b"II*\x00", "tif"),
    (b"MM\x00*", "tif"),
)


def outputs(answers: Sequence[StoredAnswer], formats: Sequence[str]) -> OutputSet:
    """The asked-for formats in delivery order. Results of later steps are always delivered."""
    collected = Collected()
    steps = [(answer, pulse_answers.result_in(value) or value) for answer, value in read_answers(answers, collected)]
    extracted = next((pair for pair in steps if pair[0].endpoint == "extract"), None)
    if extracted:
        for name, make in _MAKERS.items():
            if name in formats:
                make(extracted[1], collected)
        if "csv" in formats:
            collected.add_tables(_tables(steps), "the document has no tables that can be read")
    for endpoint in LATER_STEPS:
        _later_step(endpoint, steps, formats, collected)
    if extracted and "images" in formats:
        _images(extracted[0], extracted[1], collected)
    if "raw" in formats:
        add_raw(answers, collected)
    return collected.finish()


def _markdown(result: Result, collected: Collected) -> None:
    text = next((result[key] for key in ("markdown", "content") if isinstance(result.get(key), str)), None)
    if text is None:
        collected.missing.append("markdown: the answer has none")
    else:
        collected.add_text("markdown", ".md", text)


def _html(result: Result, collected: Collected) -> None:
    alternatives = _either(_extensions(result), "altOutputs", "alt_outputs")
    text = alternatives.get("html") if isinstance(alternatives, dict) else None
    text = text or result.get("html")
    if isinstance(text, str) and text:
        collected.add_text("html", ".html", text)
    else:
        collected.missing.append("html: the answer has none (the option extensions.altOutputs.returnHtml asks for it)")


def _json(result: Result, collected: Collected) -> None:
    """The document's structure: boxes, extensions, ids, and values where the deprecated in-call schema gave some."""
    structure = {key: value for key, value in result.items() if key not in NOT_STRUCTURE}
    if structure:
        collected.add_json("json", ".json", structure)
    else:
        collected.missing.append("json: the answer has no structure")


def _chunks(result: Result, collected: Collected) -> None:
    chunks = _extensions(result).get("chunking") or result.get("chunks")
    if isinstance(chunks, dict) and chunks:
        collected.add_json("chunks", ".chunks.json", chunks)
    else:
        collected.missing.append("chunks: the answer has none (the option extensions.chunking asks for them)")


_MAKERS: Mapping[str, Callable[[Result, Collected], None]] = {
    "markdown": _markdown,
    "html": _html,
    "json": _json,
    "chunks": _chunks,
}


def _extensions(result: Result) -> Mapping[str, Json]:
    value = result.get("extensions")
    return value if isinstance(value, dict) else {}


def _either(value: Mapping[str, Json], *names: str) -> Json:
    return next((value[name] for name in names if name in value), None)


def _tables(steps: Sequence[tuple[StoredAnswer, Result]]) -> list[Table]:
    """Tables of the tables step if there was one, else those in the Markdown."""
    for answer, result in steps:
        if answer.endpoint == "tables":
            return [table for entry in _table_entries(result) for table in _entry_tables(entry)]
    texts = (
        result.get("markdown") or result.get("content") for answer, result in steps if answer.endpoint == "extract"
    )
    return [table for text in texts if isinstance(text, str) for table in from_markdown(text)]


def _table_entries(result: Result) -> list[Json]:
    output = result.get("tables_output")
    entries = output.get("tables") if isinstance(output, dict) else output
    return entries if isinstance(entries, list) else []


def _entry_tables(entry: Json) -> list[Table]:
    content = entry.get("table_content") if isinstance(entry, dict) else entry
    if isinstance(content, str):
        return from_html(content)
    if isinstance(content, dict):
        table = from_records(content.get("headers"), content.get("rows"))
        return [table] if table else []
    return []


def _later_step(
    endpoint: str, steps: Sequence[tuple[StoredAnswer, Result]], formats: Sequence[str], collected: Collected
) -> None:
    found = [result for answer, result in steps if answer.endpoint == endpoint]
    for result in found:
        content = {key: value for key, value in result.items() if key not in CALL_KEYS}
        collected.add_json(endpoint, f".{endpoint}.json", content)
    if not found and endpoint in formats:
        values = _structured_output(steps) if endpoint == "schema" else None
        if values is None:
            collected.missing.append(f"{endpoint}: no {endpoint} step gave an answer")
        else:
            collected.add_json("schema", ".schema.json", values)


def _structured_output(steps: Sequence[tuple[StoredAnswer, Result]]) -> Json:
    """Values and citations of the deprecated in-call schema."""
    values = (result.get("structured_output") for answer, result in steps if answer.endpoint == "extract")
    return next((value for value in values if value), None)


def _images(answer: StoredAnswer, result: Result, collected: Collected) -> None:
    count = 0
    for number, _ in image_items(result):
        count += 1
        path = image_file(answer.path, number)
        if path.is_file():
            collected.add("images", f".image-{number}.{_image_ending(path)}", path)
        else:
            collected.missing.append(f"images: image {number} could not be fetched or has no link")
    if count == 0:
        collected.missing.append("images: the answer has none (the option figureProcessing.showImages asks for them)")


def _image_ending(path: Path) -> str:
    with path.open("rb") as file:
        start = file.read(12)
    return next((ending for magic, ending in IMAGE_STARTS if start.startswith(magic)), "bin")
