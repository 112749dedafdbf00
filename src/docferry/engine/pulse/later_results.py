"""Split, schema and tables: what a worker makes of saved extractions."""

from __future__ import annotations

from collections.abc import Mapping

from docferry.engine.extraction.errors import BadPageRange
from docferry.engine.extraction.model import Document
from docferry.engine.extraction.pages import select_pages
from docferry.engine.languagemodel import language_model, understanding
from docferry.engine.pulse import billing
from docferry.engine.pulse.options import SchemaConfig, SplitConfig, TablesConfig
from docferry.engine.pulse.sourced import SourcedDocument, joined, sourced, with_pages
from docferry.engine.pulse.tables import tables_output
from docferry.engine.tasks import Json, Result, Saved, Task, TaskFailed, load_extraction

NO_EFFORT = "`effort` has no effect: this engine has one way to look for values, and it is the thorough one"


def split(task: Task) -> Result:
    """``POST /split``."""
    extraction_id = task.request["extraction_id"]
    document = load_extraction(task, extraction_id)
    pages = topic_pages(task, document, SplitConfig.model_validate(task.request["config"]))
    saved = Saved(task.request["split_id"], "split", {"extraction_id": extraction_id, "splits": pages})
    answer = {"split_id": saved.id, "split_output": {"splits": pages}} | billing.bill(task, billing.SPLIT, 0)
    return Result(answer, credits=billing.SPLIT, saved=(saved,))


def topic_pages(task: Task, document: Document, config: SplitConfig) -> dict[str, list[int]]:
    from docferry.engine.understanding import Topic, split_pages

    topics = [Topic(topic.name, topic.description) for topic in config.split_input]
    with understanding():
        return split_pages(document, topics, language_model(task))


def schema(task: Task) -> Result:
    """``POST /schema`` in each of its modes."""
    return split_schema(task) if "topics" in task.request else extraction_schema(task)


def extraction_schema(task: Task) -> Result:
    config = SchemaConfig.model_validate(task.request["config"])
    ids: list[str] = task.request["extraction_ids"]
    documents = [
        within(load_extraction(task, extraction_id, words=True), task.request.get("page_range"))
        for extraction_id in ids
    ]
    schema_id = task.request["schema_id"]
    answer: Json = {"schema_id": schema_id, "version": task.request["version"]}
    found, warnings = schema_answer(task, joined(ids, documents), config, schema_id)
    answer |= found
    payload = {"extraction_ids": ids, "version": task.request["version"]} | workbook_payload(config, schema_id)
    saved = Saved(schema_id, "schema", payload)
    answer |= {"extraction_ids": ids} if task.request["is_multiple"] else {}
    answer |= {"warnings": warnings} if warnings else {}
    price = billing.of_schema(config.effort)
    return Result(answer | billing.bill(task, price, 0), credits=price, saved=(saved,))


def within(document: Document, page_range: str | None) -> Document:
    """The pages of ``page_range``, which a batch may name; all of them without one."""
    if page_range is None:
        return document
    try:
        numbers = select_pages(page_range, max(page.number for page in document.pages))
    except BadPageRange as error:
        raise TaskFailed("REQ_006", error.message) from error
    return with_pages(document, numbers).document


def split_schema(task: Task) -> Result:
    """Each topic's schema on that topic's pages."""
    extraction = load_extraction(task, task.request["extraction_ids"][0], words=True)
    document = within(extraction, task.request.get("page_range"))
    configs = {topic: SchemaConfig.model_validate(values) for topic, values in task.request["topics"].items()}
    saved = Saved(task.request["schema_id"], "schema", {"split_id": task.request["split_id"]})
    answer: Json = {"schema_id": saved.id, "split_id": task.request["split_id"]}
    answer |= topic_values(task, document, task.request["splits"], configs)
    price = sum(billing.of_schema(configs[topic].effort) for topic in answer["results"])
    return Result(answer | billing.bill(task, price, 0), credits=price, saved=(saved,))


def topic_values(
    task: Task, document: Document, splits: Mapping[str, list[int]], configs: Mapping[str, SchemaConfig]
) -> Json:
    """``results`` by topic. A topic that fails is an entry of ``errors``, not a failed job."""
    results: Json = {}
    errors: dict[str, str] = {}
    warnings: list[str] = []
    for topic, config in configs.items():
        try:
            pages = pages_of_topic(splits, topic)
            results[topic], remarks = schema_output(task, with_pages(document, pages), config)
            warnings += [f"{topic}: {remark}" for remark in remarks]
        except TaskFailed as error:
            errors[topic] = error.message
    answer: Json = {"results": results, "input_schemas": {topic: config.wanted for topic, config in configs.items()}}
    return answer | ({"errors": errors} if errors else {}) | ({"warnings": warnings} if warnings else {})


def pages_of_topic(splits: Mapping[str, list[int]], topic: str) -> list[int]:
    if topic not in splits:
        raise TaskFailed("REQ_003", "the split has no such topic")
    if not splits[topic]:
        raise TaskFailed("REQ_003", "the split found no page of this topic")
    return splits[topic]


def schema_answer(task: Task, source: SourcedDocument, config: SchemaConfig, schema_id: str) -> tuple[Json, list[str]]:
    """``schema_output``, and where the filled copy of an Excel template is found; what is to be said about them."""
    if config.excel_template is None:
        output, warnings = schema_output(task, source, config)
        return {"schema_output": output}, warnings
    from docferry.engine.pulse import template as excel

    def find(wanted: Json) -> tuple[Json, list[str]]:
        return values_by_schema(task, source.document, wanted, config.schema_prompt)

    template = excel.read_template(config.excel_template, task.folder)
    output, warnings = excel.found_rows(template, find)
    warnings += excel.fill(template, output["values"], task.folder / workbook_name(schema_id))
    warnings += [NO_EFFORT] if config.effort else []
    output |= {"citations": sourced(output["citations"], source)}
    return {"schema_output": output, "excel_output_url": f"/schema/{schema_id}/excel"}, warnings


def workbook_name(schema_id: str) -> str:
    return f"workbook-{schema_id}.xlsx"


def workbook_payload(config: SchemaConfig, schema_id: str) -> Json:
    """What is kept of a schema run so that its workbook can be found again."""
    return {"file": workbook_name(schema_id)} if config.excel_template is not None else {}


def schema_output(task: Task, source: SourcedDocument, config: SchemaConfig) -> tuple[Json, list[str]]:
    """Values, citations and scores by the schema, and what is to be said about them."""
    if config.wanted is None:
        raise TaskFailed("REQ_004", "a schema is missing: give input_schema")
    output, warnings = values_by_schema(task, source.document, config.wanted, config.schema_prompt)
    warnings += [NO_EFFORT] if config.effort else []
    return output | {"citations": sourced(output["citations"], source)}, warnings


def values_by_schema(task: Task, document: Document, wanted: Json, prompt: str | None) -> tuple[Json, list[str]]:
    from docferry.engine.understanding import extract_schema

    with understanding():
        answer = extract_schema(document, wanted, prompt=prompt, llm=language_model(task))
    return {"values": answer.values, "citations": answer.citations, "scores": answer.scores}, list(answer.warnings)


def tables(task: Task) -> Result:
    """``POST /tables``."""
    config = TablesConfig.model_validate(task.request["config"])
    document = load_extraction(task, task.request["extraction_id"])
    saved = Saved(task.request["tables_id"], "tables", {"extraction_id": task.request["extraction_id"]})
    answer: Json = {"tables_id": saved.id, **tables_answer(document, config)}
    price = billing.of_tables(len(answer["tables_output"]["tables"]), config.merge)
    return Result(answer | billing.bill(task, price, 0), credits=price, saved=(saved,))


def tables_answer(document: Document, config: TablesConfig) -> Json:
    answer: Json = {"tables_output": {"tables": tables_output(document, config)}}
    if config.charts_to_tables:
        answer["warnings"] = ["charts are not read into tables by this engine"]
    return answer
