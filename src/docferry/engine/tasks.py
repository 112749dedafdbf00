"""What a worker has in hand while it performs a task, and how it reads, saves and loads documents.

The libraries of extraction and understanding are imported here and in what builds on it, never by the server's process.
"""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import re
import uuid
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pypdfium2  # type: ignore[import-untyped]
from pydantic_core import from_json

from docferry.engine.document_json import document_from_json, document_to_json
from docferry.engine.extraction import sniff
from docferry.engine.extraction.errors import ExtractionError
from docferry.engine.extraction.model import Document
from docferry.engine.extraction.options import ReadOptions
from docferry.engine.extraction.pdf import with_words
from docferry.engine.extraction.read import read_document
from docferry.engine.files import write_durably, write_json

log = logging.getLogger(__name__)

Json = dict[str, Any]

CODE_OF_EXTRACTION_ERROR: Mapping[str, str] = {
    "unsupported_type": "FILE_001",
    "too_large": "FILE_002",
    "corrupt_document": "FILE_003",
    "empty_document": "FILE_004",
    "password_required": "FILE_006",
    "too_many_pages": "FILE_007",
    "bad_page_range": "REQ_006",
}
EXTENSIONS: Mapping[str, str] = {
    "application/pdf": ".pdf",
    sniff.DOCX: ".docx",
    sniff.XLSX: ".xlsx",
    sniff.XLSM: ".xlsm",
    sniff.XLSB: ".xlsb",
    sniff.PPTX: ".pptx",
    sniff.DOC: ".doc",
    sniff.XLS: ".xls",
    sniff.PPT: ".ppt",
}
UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")


class TaskFailed(Exception):
    """The task cannot be done; final for this document and these options."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


@dataclass(frozen=True, slots=True)
class InputFile:
    path: Path
    name: str


@dataclass(frozen=True, slots=True)
class Task:
    """One job as its worker sees it."""

    id: str
    kind: str
    request: Mapping[str, Any]
    folder: Path
    inputs: tuple[InputFile, ...]
    sources: Mapping[str, Path]  # saved extractions by id: their document.json
    llm: Mapping[str, Any] | None
    max_pages: int
    threads: int
    credits_used: float  # of all earlier jobs
    pages_used: float
    bills_credits: bool
    report: Callable[[Mapping[str, Any]], None]

    @property
    def document(self) -> InputFile:
        return self.inputs[0]


@dataclass(frozen=True, slots=True)
class Saved:
    """An artefact that the result names."""

    id: str
    kind: str
    payload: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Result:
    answer: Json
    pages: int | None = None
    credits: float = 0.0
    saved: tuple[Saved, ...] = ()
    pointer: Json = field(default_factory=dict)  # what a large result's pointer says of it


def task_from_message(message: Mapping[str, Any], report: Callable[[Mapping[str, Any]], None]) -> Task:
    return Task(
        id=message["id"],
        kind=message["kind"],
        request=message["request"],
        folder=Path(message["folder"]),
        inputs=tuple(InputFile(Path(entry["path"]), entry["name"]) for entry in message["inputs"]),
        sources={extraction_id: Path(path) for extraction_id, path in message["sources"].items()},
        llm=message["llm"],
        max_pages=message["max_pages"],
        threads=message["threads"],
        credits_used=message["credits_used"],
        pages_used=message["pages_used"],
        bills_credits=message["bills_credits"],
        report=report,
    )


def read(task: Task, document: InputFile, options: ReadOptions) -> Document:
    """The document, within the engine's limits; what is wrong with it as TaskFailed."""
    max_pages = min(task.max_pages, options.max_pages or task.max_pages)
    options = dataclasses.replace(options, max_pages=max_pages, ocr_threads=task.threads)
    try:
        return read_document(named_by_content(document.path), options, filename=document.name)
    except ExtractionError as error:
        raise TaskFailed(CODE_OF_EXTRACTION_ERROR.get(error.code, "FILE_003"), error.message) from error
    except (MemoryError, TaskFailed):
        raise
    except Exception as error:  # parsers meet damaged documents in ways that nobody has listed
        log.exception("a parser gave up on a document job=%s", task.id)
        raise TaskFailed("FILE_003", "the document cannot be read; it may be damaged: export it again") from error


def count_pages(document: InputFile) -> int | None:
    """The pages of a PDF, quickly; None for what is no PDF or cannot be opened: reading it will say why."""
    if sniff.media_type(document.path) != "application/pdf":
        return None
    try:
        with contextlib.closing(pypdfium2.PdfDocument(document.path)) as opened:
            return len(opened)
    except pypdfium2.PdfiumError:
        return None


def named_by_content(path: Path) -> Path:
    """The same file under a name that ends as its content says: liteparse and openpyxl refuse files by their names."""
    extension = EXTENSIONS.get(sniff.media_type(path))
    if extension is None:
        return path
    named = path.with_name(f"{path.name}{extension}")
    named.unlink(missing_ok=True)
    named.hardlink_to(path)
    return named


def has_text_layer(document: InputFile) -> bool:
    """Whether the words of the document can be read again from the file, quickly."""
    return sniff.media_type(document.path) == "application/pdf"


def save_extraction(task: Task, document: Document, words_in: InputFile | None = None) -> Saved:
    """Keep ``document`` for later calls under a new id.

    ``words_in`` is the file whose text layer has the words that ``document`` lacks; it is kept with it, since few
    extractions are ever asked for values and word boxes make up most of a document.
    """
    extraction_id = str(uuid.uuid4())
    name = f"document-{extraction_id}.json"
    if words_in is not None:
        source_of_words(task.folder / name).hardlink_to(words_in.path)
    write_json(task.folder / name, document_to_json(document))
    return Saved(extraction_id, "extraction", {"file": name})


def delete_saved(task: Task, saved: Iterable[Saved]) -> None:
    """Take back what was kept for later calls: extractions, and workbooks that were filled."""
    for artefact in saved:
        if "file" in artefact.payload:
            path = task.folder / artefact.payload["file"]
            path.unlink()
            source_of_words(path).unlink(missing_ok=True)


def source_of_words(saved: Path) -> Path:
    return saved.with_suffix(".source.pdf")


def load_extraction(task: Task, extraction_id: str, *, words: bool = False) -> Document:
    """The extraction that an earlier job saved; with ``words`` also where its words stand."""
    path = task.sources.get(extraction_id)
    try:
        if path is None:
            raise FileNotFoundError(extraction_id)
        document = document_from_json(from_json(path.read_bytes()))
    except FileNotFoundError as error:
        raise TaskFailed("STORAGE_001", f"the extraction {extraction_id} is no longer kept; extract again") from error
    source = source_of_words(path)
    return with_words(document, source) if words and source.exists() else document


def save_images(task: Task, document: Document) -> dict[str, str]:
    """Write the document's pictures; the file name of each. Names are made safe and stay distinct."""
    if document.images:
        (task.folder / "images").mkdir(exist_ok=True)
    names: dict[str, str] = {}
    for number, (key, data) in enumerate(document.images.items(), 1):
        suffix = ".jpg" if data.startswith(b"\xff\xd8") else ".png"
        names[key] = f"{number}-{UNSAFE.sub('_', key.rsplit('.', 1)[0])[:60]}{suffix}"
        write_durably(task.folder / "images" / names[key], data)
    return names
