"""Makes output files from Nanonets' stored answers. What the plan asks for and an answer lacks is named as missing."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence

from docferry.models import Json
from docferry.providers import nanonets_answers
from docferry.providers.answer_json import AnswerFault
from docferry.providers.base import OutputSet, StoredAnswer
from docferry.providers.outputs import Collected, Read, add_raw, read_answers
from docferry.providers.rewriting import JsonPart, JsonParts
from docferry.providers.tables import from_csv

NO_BULK = frozenset[str]()
BULK = frozenset({"metadata"})  # boxes and scores, of which the output is a copy
TEXT_SUFFIXES = {"markdown": ".md", "html": ".html"}


def outputs(answers: Sequence[StoredAnswer], formats: Sequence[str]) -> OutputSet:
    """The asked-for formats in delivery order. Boxes and scores, and a classification, are always delivered."""
    collected = Collected()
    extracted = read_answers([answer for answer in answers if answer.endpoint == "extract"], collected, BULK)
    for read in extracted:
        _extracted(read, formats, collected)
    classified = read_answers([answer for answer in answers if answer.endpoint == "classify"], collected, NO_BULK)
    for read in classified:
        _classified(read.value, collected)
    if "classify" in formats and not classified:
        collected.missing.append("classify: no classify step gave an answer")
    if "raw" in formats:
        add_raw(answers, collected)
    return collected.finish()


def _extracted(read: Read, formats: Sequence[str], collected: Collected) -> None:
    contents = nanonets_answers.contents(read.value)
    for name in nanonets_answers.FORMATS:
        if name not in formats:
            continue
        if name not in contents:
            collected.missing.append(f"{name}: the answer has none (output_format must name it)")
        elif name == "json":
            _json(read, contents[name], collected)
        elif name == "csv":
            _csv(contents[name], collected)
        else:
            collected.add_text(name, TEXT_SUFFIXES[name], _as_text(contents[name]))
    metadata = nanonets_answers.metadata(read.value)
    if metadata and read.is_large:
        path = read.answer.path
        parts = JsonParts({name: JsonPart(path, ("result", name, "metadata")) for name in metadata})
        collected.add("metadata", ".metadata.json", parts)
    elif metadata:
        collected.add_json("metadata", ".metadata.json", metadata)
    elif "metadata" in formats:
        collected.missing.append("metadata: the answer has none (the option include_metadata asks for it)")


def _json(read: Read, content: Json, collected: Collected) -> None:
    if read.is_large and not isinstance(content, str):
        is_entry = isinstance(nanonets_answers.result_of(read.value)["json"], dict)
        collected.add_part("json", ".json", read, ("result", "json", "content") if is_entry else ("result", "json"))
        return
    try:
        collected.add_json("json", ".json", nanonets_answers.json_content(content))
    except AnswerFault:
        collected.missing.append("json: the provider's JSON content is not JSON; it is in the raw answer")


def _csv(content: Json, collected: Collected) -> None:
    parts = content if isinstance(content, list) else [content]
    try:
        tables = [table for part in parts for table in from_csv(_as_text(part))]
    except csv.Error as error:
        collected.missing.append(f"csv: the provider's CSV content cannot be read ({error}); it is in the raw answer")
        return
    collected.add_tables(tables, "the answer's csv is empty")


def _as_text(content: Json) -> str:
    return content if isinstance(content, str) else str(content)


def _classified(record: Mapping[str, Json], collected: Collected) -> None:
    found = nanonets_answers.classified(record)
    if found is None:
        collected.missing.append("classify: the answer has no classification")
    else:
        collected.add_json("classify", ".classify.json", found)
