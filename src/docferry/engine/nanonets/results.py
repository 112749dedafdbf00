"""A Nanonets job's whole answer, made by a worker from its request and its document."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Mapping
from statistics import fmean
from typing import TYPE_CHECKING, Any

from docferry.engine import render
from docferry.engine.extraction import sniff
from docferry.engine.extraction.model import Document, Page
from docferry.engine.extraction.options import ReadOptions
from docferry.engine.languagemodel import language_model, understanding
from docferry.engine.nanonets.options import JsonKind
from docferry.engine.tasks import InputFile, Json, Result, Task, TaskFailed, count_pages, read

if TYPE_CHECKING:
    from docferry.engine.understanding import SchemaAnswer

FREE_MESSAGE = "custom_instructions have no effect on {}: no language model is configured"


def extract(task: Task) -> Result:
    """The ``result`` of a record: one entry for each format that was asked for."""
    options = task.request["options"]
    if (pages := count_pages(task.document)) is not None:
        task.report({"event": "pages", "total": pages})
    # Values are told apart by where their words stand.
    words = "json" in options["formats"] and options["json_kind"] in ("fields", "schema")
    document = read(task, task.document, ReadOptions(max_pages=task.request.get("max_pages"), words=words))
    warnings = list(document.warnings)
    result = {name: MAKERS[name](task, document, options, warnings) for name in options["formats"]}
    return Result(result, pages=len(document.pages), pointer={"warnings": warnings} if warnings else {})


def markdown(task: Task, document: Document, options: Json, warnings: list[str]) -> Json:
    text = render.to_markdown(document, page_headers=True)
    if options["instructions"]:
        from docferry.engine.understanding import answer_instructions

        with understanding():
            mode = options["prompt_mode"]
            answer = answer_instructions(document, text, options["instructions"], mode, language_model(task))
        text = answer or text
        warnings += [FREE_MESSAGE.format("markdown")] if answer is None else []
    return {"content": text, **with_metadata(document, options)}


def html(task: Task, document: Document, options: Json, warnings: list[str]) -> Json:
    warnings += ["custom_instructions have no effect on html"] if options["instructions"] else []
    return {"content": render.to_html(document), **with_metadata(document, options)}


def csv(task: Task, document: Document, options: Json, warnings: list[str]) -> Json:
    """Every table, with an empty line between them."""
    warnings += ["custom_instructions have no effect on csv"] if options["instructions"] else []
    return {"content": "\r\n".join(render.to_csv_tables(document)), **with_metadata(document, options)}


def json_part(task: Task, document: Document, options: Json, warnings: list[str]) -> Json:
    content, scores = json_content(task, document, options, warnings)
    part: Json = {"content": json.dumps(content, ensure_ascii=False) if task.request["json_as_string"] else content}
    metadata: Json = {}
    if "bounding_boxes" in options["metadata"]:
        metadata["bounding_boxes"] = render.nanonets_bounding_boxes(document)
    if "confidence_score" in options["metadata"] and scores is not None:
        metadata["confidence_score"] = rows_as_objects(scores)
    return part | ({"metadata": metadata} if metadata else {})


def json_content(task: Task, document: Document, options: Json, warnings: list[str]) -> tuple[Any, Any]:
    """The content, and the scores that mirror it where values were asked for by name."""
    kind = JsonKind(options["json_kind"])
    if kind in {JsonKind.FIELDS, JsonKind.SCHEMA}:
        answer = named_values(task, document, kind, options)
        warnings += answer.warnings
        return answer.values, answer.scores
    if options["instructions"]:
        warnings.append("custom_instructions have no effect on json without a field list or schema")
    makers = {JsonKind.HIERARCHY: render.to_tree, JsonKind.CONTENTS: render.to_table_of_contents}
    return makers.get(kind, render.to_json)(document), None


def named_values(task: Task, document: Document, kind: JsonKind, options: Json) -> SchemaAnswer:
    from docferry.engine.understanding import extract_fields, extract_schema

    with understanding():
        if kind is JsonKind.FIELDS and not options["instructions"]:
            return extract_fields(document, options["json_value"], language_model(task))
        schema = options["json_value"]
        if kind is JsonKind.FIELDS:
            schema = {"type": "object", "properties": {name: {} for name in options["json_value"]}}
        return extract_schema(document, schema, prompt=options["instructions"], llm=language_model(task))


def rows_as_objects(scores: Any) -> Any:
    """``scores`` with each array as an object by row number, as the service gives them."""
    if isinstance(scores, list):
        return {str(number): rows_as_objects(row) for number, row in enumerate(scores)}
    if isinstance(scores, dict):
        return {name: rows_as_objects(value) for name, value in scores.items()}
    return scores


def with_metadata(document: Document, options: Json) -> Json:
    """``metadata`` of a format that is text."""
    metadata: Json = {}
    if "bounding_boxes" in options["metadata"]:
        metadata["bounding_boxes"] = render.nanonets_bounding_boxes(document)
    if "confidence_score" in options["metadata"]:
        by_page = {str(page.number): percent(page) for page in document.pages}
        overall = round(fmean(by_page.values())) if by_page else 0
        scores = {"overall_confidence": overall, "page_confidence": by_page}
        metadata |= {"confidence_score": scores, **scores}
    return {"metadata": metadata} if metadata else {}


def percent(page: Page) -> int:
    """How sure the page's text is, 0 to 100; text that was not recognised but read is certain."""
    known = [block.confidence for block in page.blocks if block.confidence is not None]
    return round(100 * fmean(known)) if known else 100


MAKERS = {"markdown": markdown, "html": html, "json": json_part, "csv": csv}


def classify(task: Task) -> Result:
    """A file's classification, page by page."""
    from docferry.engine.understanding import Topic, classify_pages

    started_at = time.monotonic()
    document = read(task, task.document, ReadOptions())
    categories = [Topic(entry["name"], entry["description"]) for entry in task.request["categories"]]
    with understanding():
        found = classify_pages(document, categories, language_model(task))
    pages = [
        {
            "page_number": page.page_number,
            "category": page.category,
            "confidence": page.confidence,
            "reasoning": page.reasoning,
            "identified_category": page.identified_category,
        }
        for page in found
    ]
    answer: Json = {
        "filename": task.document.name,
        "total_pages": len(document.pages),
        "pages": pages,
        "processing_time": round(time.monotonic() - started_at, 3),
        "record_id": task.id,
        "file_id": task.id,
    }
    return Result(answer, pages=len(document.pages))


def chat(task: Task) -> Result:
    """A completion of the configured model. Documents in the messages are shown to it as Markdown."""
    from docferry.engine.understanding import chat as ask

    llm = language_model(task)
    if llm is None:
        raise TaskFailed("GENERAL_403", "no language model is configured for this engine (engine.llm)")
    messages = [with_documents(task, message) for message in task.request["messages"]]
    with understanding():
        completion = ask(messages, llm, **task.request["options"])
    return Result(dict(completion))


def with_documents(task: Task, message: Mapping[str, Any]) -> Json:
    """The message with each document itself in place of its URL."""
    content = message["content"]
    if isinstance(content, str):
        return dict(message)
    return {**message, "content": [shown(task, part) for part in content]}


def shown(task: Task, part: Mapping[str, Any]) -> Json:
    """A part of a message; ``input`` is its document's place in the task. Pictures stay pictures, all else is read."""
    if "input" not in part:
        return dict(part)
    entry: InputFile = task.inputs[part["input"]]
    if part["type"] == "image_url":
        data = base64.b64encode(entry.path.read_bytes()).decode("ascii")
        return {"type": "image_url", "image_url": {"url": f"data:{sniff.media_type(entry.path)};base64,{data}"}}
    return {"type": "text", "text": render.to_markdown(read(task, entry, ReadOptions()), page_headers=True)}
