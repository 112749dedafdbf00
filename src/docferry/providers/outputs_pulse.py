"""Makes output files from Pulse's stored answers. Nothing is invented: what an answer lacks is named as missing."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from docferry.models import Json
from docferry.providers import pulse_answers
from docferry.providers.base import OutputSet, StoredAnswer
from docferry.providers.images import image_file, image_items
from docferry.providers.outputs import Collected, Read, add_raw, read_answers
from docferry.providers.rewriting import Names
from docferry.providers.tables import Table, from_html, from_markdown, from_records

Result = Mapping[str, Json]

# What outputs only copy. Tables are looked into, to make CSV of them.
BULK = pulse_answers.BULK - {"tables_output"}

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


@dataclass(frozen=True, slots=True)
class Step:
    """One step's result and the names under which it lies in the stored answer."""

    read: Read
    result: Result
    at: Names

    @property
    def endpoint(self) -> str:
        return self.read.answer.endpoint


def _step(read: Read) -> Step:
    result = pulse_answers.result_in(read.value) or read.value
    return Step(read, result, () if result is read.value else ("result",))


def outputs(answers: Sequence[StoredAnswer], formats: Sequence[str]) -> OutputSet:
    """The asked-for formats in delivery order. Results of later steps are always delivered."""
    collected = Collected()
    steps = [_step(read) for read in read_answers(answers, collected, BULK)]
    extracted = next((step for step in steps if step.endpoint == "extract"), None)
    if extracted:
        for name, make in _MAKERS.items():
            if name in formats:
                make(extracted, collected)
        if "csv" in formats:
            collected.add_tables(_tables(steps), "the document has no tables that can be read")
    for endpoint in LATER_STEPS:
        _later_step(endpoint, steps, formats, collected)
    if extracted and "images" in formats:
        _images(extracted.read.answer, extracted.result, collected)
    if "raw" in formats:
        add_raw(answers, collected)
    return collected.finish()


def _markdown(step: Step, collected: Collected) -> None:
    result = step.result
    text = next((result[key] for key in ("markdown", "content") if isinstance(result.get(key), str)), None)
    if text is None:
        collected.missing.append("markdown: the answer has none")
    else:
        collected.add_text("markdown", ".md", text)


def _html(step: Step, collected: Collected) -> None:
    alternatives = _either(_extensions(step.result), "altOutputs", "alt_outputs")
    text = alternatives.get("html") if isinstance(alternatives, dict) else None
    text = text or step.result.get("html")
    if isinstance(text, str) and text:
        collected.add_text("html", ".html", text)
    else:
        collected.missing.append("html: the answer has none (the option extensions.altOutputs.returnHtml asks for it)")


def _json(step: Step, collected: Collected) -> None:
    """The document's structure: boxes, extensions, ids, and values where the deprecated in-call schema gave some."""
    if step.result.keys() - NOT_STRUCTURE:
        collected.add_part("json", ".json", step.read, step.at, NOT_STRUCTURE)
    else:
        collected.missing.append("json: the answer has no structure")


def _chunks(step: Step, collected: Collected) -> None:
    in_extensions = _extensions(step.result).get("chunking")
    chunks = in_extensions or step.result.get("chunks")
    if isinstance(chunks, dict) and chunks:
        at = ("extensions", "chunking") if in_extensions else ("chunks",)
        collected.add_part("chunks", ".chunks.json", step.read, (*step.at, *at))
    else:
        collected.missing.append("chunks: the answer has none (the option extensions.chunking asks for them)")


_MAKERS: Mapping[str, Callable[[Step, Collected], None]] = {
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


def _tables(steps: Sequence[Step]) -> list[Table]:
    """Tables of the tables step if there was one, else those in the Markdown."""
    for step in steps:
        if step.endpoint == "tables":
            return [table for entry in _table_entries(step.result) for table in _entry_tables(entry)]
    results = (step.result for step in steps if step.endpoint == "extract")
    texts = (result.get("markdown") or result.get("content") for result in results)
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


def _later_step(endpoint: str, steps: Sequence[Step], formats: Sequence[str], collected: Collected) -> None:
    found = [step for step in steps if step.endpoint == endpoint]
    for step in found:
        collected.add_part(endpoint, f".{endpoint}.json", step.read, step.at, CALL_KEYS)
    if not found and endpoint in formats:
        extracted = _with_values(steps) if endpoint == "schema" else None
        if extracted is None:
            collected.missing.append(f"{endpoint}: no {endpoint} step gave an answer")
        else:
            collected.add_part("schema", ".schema.json", extracted.read, (*extracted.at, "structured_output"))


def _with_values(steps: Sequence[Step]) -> Step | None:
    """The extraction that has values and citations of the deprecated in-call schema."""
    extracted = (step for step in steps if step.endpoint == "extract")
    return next((step for step in extracted if step.result.get("structured_output")), None)


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
