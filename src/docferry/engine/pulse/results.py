"""A Pulse job's whole answer, made by a worker from its request and its document."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from docferry.engine import render
from docferry.engine.extraction.model import Document
from docferry.engine.extraction.options import ReadOptions
from docferry.engine.pulse import billing
from docferry.engine.pulse.later_results import values_by_schema
from docferry.engine.pulse.options import ChunkKind, ExtractOptions
from docferry.engine.tasks import (
    InputFile,
    Json,
    Result,
    Task,
    has_text_layer,
    read,
    save_extraction,
    save_images,
)

CHUNK_SIZE = 2000  # characters, where the caller names none
INSTEAD_OF: Mapping[str, str] = {
    "structured_output": "POST /schema",
    "json_schema": "POST /schema",
    "schema_prompt": "POST /schema",
    "custom_prompt": "figureProcessing and extensions",
    "chunking": "extensions.chunking.chunkTypes",
    "chunk_size": "extensions.chunking.chunkSize",
    "extract_figure": "figureProcessing",
    "figure_description": "figureProcessing.description",
    "show_images": "figureProcessing.showImages",
    "return_html": "extensions.altOutputs.returnHtml",
    "thinking": "nothing: it has no effect",
}


def extract(task: Task) -> Result:
    """``POST /extract``."""
    options = ExtractOptions.model_validate(task.request["options"])
    return extract_one(task, task.document, options)


def extract_one(task: Task, source: InputFile, options: ExtractOptions) -> Result:
    wanted = read_options_of(source, options)
    return extraction_result(
        task, read(task, source, wanted), options, words_in=source_of_missing_words(source, wanted)
    )


def extraction_result(task: Task, document: Document, options: ExtractOptions, words_in: InputFile | None) -> Result:
    texts = render.page_texts(document)
    answer: Json = {
        "markdown": render.to_markdown(document, texts=texts),
        "page_count": max(1, len(document.pages)),
        "bounding_boxes": bounding_boxes(task, document, options, texts),
    }
    if extensions := extensions_of(document, options):
        answer["extensions"] = extensions
    answer |= deprecated_of(task, document, options)
    saved = (save_extraction(task, document, words_in),) if options.storage.enabled else ()
    if saved:
        answer["extraction_id"] = saved[0].id
    answer["warnings"] = [*document.warnings, *warnings_of(options)]
    price = billing.of_extraction(options.model, len(document.pages))
    pages = len(document.pages)
    bill = billing.bill(task, price, pages)
    pointer = {name: answer[name] for name in ("extraction_id", "page_count") if name in answer} | {
        "plan_info": bill["plan_info"]
    }
    return Result(answer | bill, pages=pages, credits=price, saved=saved, pointer=pointer)


def read_options_of(source: InputFile, options: ExtractOptions, *, values_follow: bool = False) -> ReadOptions:
    """``values_follow``: whether a step of the same task will look for values, which are told apart by their words."""
    sheet = options.spreadsheet
    now = values_follow or options.extensions.alt_outputs.wlbb or has_schema(options)
    later = options.storage.enabled  # a schema may be applied to it
    can_wait = options.password is None and has_text_layer(source)
    return ReadOptions(
        pages=options.pages,
        password=options.password,
        words=now or (later and not can_wait),
        recognised_words=later,
        images=wants_images(options),
        include_hidden_rows=sheet.include_hidden_rows,
        include_hidden_cols=sheet.include_hidden_cols,
        include_hidden_sheets=sheet.include_hidden_sheets,
        use_raw_values=sheet.use_raw_values,
        only_data_rows=sheet.only_data_rows,
        only_data_cols=sheet.only_data_cols,
    )


def source_of_missing_words(source: InputFile, options: ReadOptions) -> InputFile | None:
    return source if options.recognised_words and not options.words else None


def has_schema(options: ExtractOptions) -> bool:
    return options.json_schema is not None or options.structured_output is not None


def wants_images(options: ExtractOptions) -> bool:
    return options.figure_processing.show_images or bool(options.show_images)


def bounding_boxes(task: Task, document: Document, options: ExtractOptions, texts: Sequence[render.BlockTexts]) -> Json:
    if not wants_images(options):
        return render.pulse_bounding_boxes(document, texts=texts)
    names = save_images(task, document)
    base = f"{task.request['base_url']}/results/{task.id}/images/"
    return render.pulse_bounding_boxes(document, lambda key: base + names[key], texts)


def extensions_of(document: Document, options: ExtractOptions) -> Json:
    """Only what was asked for."""
    wanted = options.extensions
    found: Json = {}
    if wanted.chunking.chunk_types:
        found["chunking"] = chunks(document, wanted.chunking.chunk_types, wanted.chunking.chunk_size)
    if wanted.footnote_references:
        found["footnoteReferences"] = render.footnote_references(document)
    alternatives: Json = {}
    if wanted.alt_outputs.return_html:
        alternatives["html"] = render.to_html(document)
    if wanted.alt_outputs.wlbb:
        alternatives["wlbb"] = render.pulse_word_boxes(document)
    return found | ({"altOutputs": alternatives} if alternatives else {})


def chunks(document: Document, kinds: tuple[ChunkKind, ...], size: int | None) -> dict[str, list[str]]:
    return render.to_chunks(document, dict.fromkeys(kinds), size or CHUNK_SIZE)


def deprecated_of(task: Task, document: Document, options: ExtractOptions) -> Json:
    """The output of deprecated options, where the service used to put it."""
    found: Json = {}
    if options.return_html:
        found["html"] = render.to_html(document)
    if options.chunking:
        found["chunks"] = chunks(document, options.chunking, options.chunk_size)
    schema, prompt = options.json_schema, options.schema_prompt
    if options.structured_output is not None:
        schema, prompt = options.structured_output.json_schema, options.structured_output.schema_prompt
    if schema is not None:
        found["input_schema"] = schema
        found["structured_output"], _ = values_by_schema(task, document, schema, prompt)
    return found


def warnings_of(options: ExtractOptions) -> Iterator[str]:
    """What was asked for in an old way, or cannot be given."""
    for name, instead in INSTEAD_OF.items():
        if getattr(options, name) is not None:
            field = ExtractOptions.model_fields[name].alias
            yield f"`{field}` is deprecated, use {instead}"
    if options.figure_processing.description or options.figure_description:
        yield "figures are not described: this engine has no model that looks at pictures"
    if options.custom_prompt:
        yield "`customPrompt` has no effect in this engine"
    if options.extensions.alt_outputs.return_xml:
        yield "`extensions.altOutputs.returnXml` is not offered by this engine"
    if options.storage.folder_name is not None or options.storage.folder_id is not None:
        yield "`storage.folderName` and `storage.folderId` have no effect: this engine keeps no folders"
    if options.model != "default":
        yield f"this engine has one model; `{options.model}` gives the same result as `default`"
