"""Makes output files from Nanonets' stored answers. What the plan asks for and an answer lacks is named as missing."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence

from docferry.models import Json
from docferry.providers import nanonets_answers
from docferry.providers.answer_json import AnswerFault
from docferry.providers.base import OutputSet, StoredAnswer
from docferry.providers.outputs import Collected, add_raw, read_answers
from docferry.providers.tables import from_csv

TEXT_SUFFIXES = {"markdown": ".md", "html": ".html"}


def outputs(answers: Sequence[StoredAnswer], formats: Sequence[str]) -> OutputSet:
    """The asked-for formats in delivery order. Boxes and scores, and a classification, are always delivered."""
    collected = Collected()
    read = read_answers(answers, collected)
    for answer, record in read:
        if answer.endpoint == "extract":
            _extracted(record, formats, collected)
    for answer, record in read:
        if answer.endpoint == "classify":
            _classified(record, collected)
    if "classify" in formats and not any(answer.endpoint == "classify" for answer, _ in read):
        collected.missing.append("classify: no classify step gave an answer")
    if "raw" in formats:
        add_raw(answers, collected)
    return collected.finish()


def _extracted(record: Mapping[str, Json], formats: Sequence[str], collected: Collected) -> None:
    contents = nanonets_answers.contents(record)
    for name in nanonets_answers.FORMATS:
        if name not in formats:
            continue
        if name not in contents:
            collected.missing.append(f"{name}: the answer has none (output_format must name it)")
        elif name == "json":
            _json(contents[name], collected)
        elif name == "csv":
            _csv(contents[name], collected)
        else:
            collected.add_text(name, TEXT_SUFFIXES[name], _as_text(contents[name]))
    metadata = nanonets_answers.metadata(record)
    if metadata:
        collected.add_json("metadata", ".metadata.json", metadata)
    elif "metadata" in formats:
        collected.missing.append("metadata: the answer has none (the option include_metadata asks for it)")


def _json(content: Json, collected: Collected) -> None:
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
