"""A Pulse job's whole answer, made by a worker from its request and its document."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from docferry.engine import render
from docferry.engine.extraction.model import Document
from docferry.engine.extraction.options import ReadOptions
from docferry.engine.pulse import credits
from docferry.engine.pulse.options import ChunkKind, ExtractOptions, SchemaConfig, SplitConfig, TablesConfig
from docferry.engine.pulse.tables import tables_output
from docferry.engine.pulse.understood import apply_schema, joined, schema_values, split_topics, with_pages
from docferry.engine.tasks import (
    InputFile,
    Json,
    Result,
    Saved,
    Task,
    TaskFailed,
    load_extraction,
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


def extract_one(task: Task, document_file: InputFile, options: ExtractOptions) -> Result:
    document = read(task, document_file, read_options_of(options))
    answer: Json = {
        "markdown": render.to_markdown(document),
        "page_count": max(1, len(document.pages)),
        "bounding_boxes": bounding_boxes(task, document, options),
    }
    if extensions := extensions_of(document, options):
        answer["extensions"] = extensions
    answer |= deprecated_of(task, document, options)
    saved = (save_extraction(task, document),) if options.storage.enabled else ()
    if saved:
        answer["extraction_id"] = saved[0].id
    answer["warnings"] = [*document.warnings, *warnings_of(options)]
    price = credits.of_extraction(options.model, len(document.pages))
    pages = len(document.pages)
    bill = billing(task, price, pages)
    pointer = {name: answer[name] for name in ("extraction_id", "page_count") if name in answer} | {
        "plan_info": bill["plan_info"]
    }
    return Result(answer | bill, pages=pages, credits=price, saved=saved, pointer=pointer)


def read_options_of(options: ExtractOptions) -> ReadOptions:
    sheet = options.spreadsheet
    return ReadOptions(
        pages=options.pages,
        password=options.password,
        words=options.extensions.alt_outputs.wlbb,
        images=wants_images(options),
        include_hidden_rows=sheet.include_hidden_rows,
        include_hidden_cols=sheet.include_hidden_cols,
        include_hidden_sheets=sheet.include_hidden_sheets,
        use_raw_values=sheet.use_raw_values,
        only_data_rows=sheet.only_data_rows,
        only_data_cols=sheet.only_data_cols,
    )


def wants_images(options: ExtractOptions) -> bool:
    return options.figure_processing.show_images or bool(options.show_images)


def bounding_boxes(task: Task, document: Document, options: ExtractOptions) -> Json:
    if not wants_images(options):
        return render.pulse_bounding_boxes(document)
    names = save_images(task, document)
    base = f"{task.request['base_url']}/results/{task.id}/images/"
    return render.pulse_bounding_boxes(document, lambda key: base + names[key])


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
        found["structured_output"] = schema_values(task, document, schema, prompt).values
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
    if options.model != "default":
        yield f"this engine has one model; `{options.model}` gives the same result as `default`"


def split(task: Task) -> Result:
    """``POST /split``."""
    config = SplitConfig.model_validate(task.request["config"])
    extraction_id = task.request["extraction_id"]
    document = load_extraction(task, extraction_id)
    pages = split_topics(task, document, config)
    saved = Saved(task.request["split_id"], "split", {"extraction_id": extraction_id, "splits": pages})
    answer = {"split_id": saved.id, "split_output": {"splits": pages}}
    return Result(answer | billing(task, credits.SPLIT, 0), credits=credits.SPLIT, saved=(saved,))


def schema(task: Task) -> Result:
    """``POST /schema`` in each of its modes."""
    return split_schema(task) if "splits" in task.request else extraction_schema(task)


def extraction_schema(task: Task) -> Result:
    config = SchemaConfig.model_validate(task.request["config"])
    ids: list[str] = task.request["extraction_ids"]
    documents = [load_extraction(task, extraction_id) for extraction_id in ids]
    found = apply_schema(task, joined(ids, documents), config)
    saved = Saved(task.request["schema_id"], "schema", {"extraction_ids": ids, "version": task.request["version"]})
    answer: Json = {"schema_id": saved.id, "version": task.request["version"], "schema_output": found.values}
    if task.request["is_multiple"]:
        answer["extraction_ids"] = ids
    if found.warnings:
        answer["warnings"] = list(found.warnings)
    price = credits.of_schema(config.effort)
    return Result(answer | billing(task, price, 0), credits=price, saved=(saved,))


def split_schema(task: Task) -> Result:
    """Each topic's schema on that topic's pages. A topic that fails is an entry of ``errors``, not a failed job."""
    document = load_extraction(task, task.request["extraction_ids"][0])
    results: Json = {}
    errors: dict[str, str] = {}
    warnings: list[str] = []
    price = 0.0
    for topic, values in task.request["topics"].items():
        config = SchemaConfig.model_validate(values)
        pages = task.request["splits"].get(topic)
        if not pages:
            errors[topic] = (
                "the split found no page of this topic" if pages is not None else "the split has no such topic"
            )
            continue
        try:
            found = apply_schema(task, with_pages(document, pages), config)
        except TaskFailed as error:
            errors[topic] = error.message
            continue
        results[topic] = found.values
        warnings += [f"{topic}: {warning}" for warning in found.warnings]
        price += credits.of_schema(config.effort)
    saved = Saved(task.request["schema_id"], "schema", {"split_id": task.request["split_id"]})
    answer: Json = {"schema_id": saved.id, "split_id": task.request["split_id"], "results": results}
    answer["input_schemas"] = {
        topic: SchemaConfig.model_validate(values).wanted for topic, values in task.request["topics"].items()
    }
    answer |= {"errors": errors} if errors else {}
    answer |= {"warnings": warnings} if warnings else {}
    return Result(answer | billing(task, price, 0), credits=price, saved=(saved,))


def tables(task: Task) -> Result:
    """``POST /tables``."""
    config = TablesConfig.model_validate(task.request["config"])
    document = load_extraction(task, task.request["extraction_id"])
    found = tables_output(document, config)
    saved = Saved(task.request["tables_id"], "tables", {"extraction_id": task.request["extraction_id"]})
    answer: Json = {"tables_id": saved.id, "tables_output": {"tables": found}}
    if config.charts_to_tables:
        answer["warnings"] = ["charts are not read into tables by this engine"]
    price = credits.of_tables(len(found), config.merge)
    return Result(answer | billing(task, price, 0), credits=price, saved=(saved,))


def billing(task: Task, price: float, pages: int) -> dict[str, Any]:
    """``plan_info`` and, where credits are accounted for, ``credits_used``. Totals include this request."""
    plan: Json = {"tier": "local", "pages_used": int(task.pages_used) + pages}
    if not task.bills_credits:
        return {"plan_info": plan | {"note": "a local engine bills nothing"}}
    return {"plan_info": plan | {"total_credits_used": task.credits_used + price}, "credits_used": price}
