"""What a Pulse request may say, as frozen models. ``reading`` makes them from what came over the wire."""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from pydantic.alias_generators import to_camel

PAGES = r"^\s*$|^\s*\d+\s*(-\s*\d*\s*)?(,\s*\d+\s*(-\s*\d*\s*)?)*$"  # 1-2,5; whether they exist is seen later
ChunkKind = Literal["semantic", "header", "page", "recursive"]


def _from_json(text: str) -> Any:
    try:
        return json.loads(text)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def _listed(value: Any) -> Any:
    """A list given as text, by commas or as JSON."""
    if not isinstance(value, str):
        return value
    if value.lstrip().startswith("["):
        return _from_json(value)
    return [part.strip() for part in value.split(",") if part.strip()]


def _decoded(value: Any) -> Any:
    """An object given as JSON text, perhaps inside a JSON string literal again."""
    for _ in range(2):
        if isinstance(value, str):
            value = _from_json(value)
    return value


class Options(BaseModel):
    """Unknown fields are ignored, as the service does."""

    model_config = ConfigDict(frozen=True, extra="ignore", populate_by_name=True, coerce_numbers_to_str=True)


class CamelOptions(Options):
    model_config = ConfigDict(alias_generator=to_camel)


class FigureProcessing(CamelOptions):
    description: bool = False
    show_images: bool = False


class Chunking(CamelOptions):
    chunk_types: Annotated[tuple[ChunkKind, ...], BeforeValidator(_listed)] = ()
    chunk_size: int | None = Field(default=None, ge=100, le=10_000)


class AltOutputs(CamelOptions):
    wlbb: bool = False
    return_html: bool = False
    return_xml: bool = False


class Extensions(CamelOptions):
    footnote_references: bool = False
    chunking: Chunking = Chunking()
    alt_outputs: AltOutputs = AltOutputs()


class Spreadsheet(CamelOptions):
    include_hidden_rows: bool = False
    include_hidden_cols: bool = False
    include_hidden_sheets: bool = False
    use_raw_values: bool = False
    only_data_rows: bool = False
    only_data_cols: bool = False


class Storage(CamelOptions):
    enabled: bool = True
    folder_name: str | None = None
    folder_id: str | None = None


class StructuredOutput(Options):
    """Its ``schema`` is the user's own and not touched."""

    json_schema: Annotated[dict[str, Any], BeforeValidator(_decoded)] = Field(alias="schema")
    schema_prompt: str | None = Field(default=None, alias="schemaPrompt")
    effort: bool = False


class ExtractOptions(CamelOptions):
    """Everything of ``POST /extract`` but its source. The last block is deprecated and still honoured."""

    model: Literal["default", "pulse-ultra-2"] = "default"
    extraction_config_id: str | None = None
    pages: str | None = Field(default=None, max_length=10_000, pattern=PAGES)
    figure_processing: FigureProcessing = FigureProcessing()
    extensions: Extensions = Extensions()
    spreadsheet: Spreadsheet = Spreadsheet()
    storage: Storage = Storage()
    password: str | None = Field(
        default=None, repr=False, description="Of an encrypted PDF; an addition of this engine."
    )

    structured_output: StructuredOutput | None = None
    json_schema: Annotated[dict[str, Any] | None, BeforeValidator(_decoded)] = Field(default=None, alias="schema")
    schema_prompt: str | None = None
    custom_prompt: str | None = None
    chunking: Annotated[tuple[ChunkKind, ...] | None, BeforeValidator(_listed)] = None
    chunk_size: int | None = Field(default=None, ge=100, le=10_000)
    extract_figure: bool | None = None
    figure_description: bool | None = None
    show_images: bool | None = None
    return_html: bool | None = None
    thinking: bool | None = None


class ExtractRequest(ExtractOptions):
    file_url: str | None = None
    run_async: bool = Field(default=False, alias="async")


class SplitTopic(Options):
    name: str = Field(min_length=1)
    description: str | None = None


class SplitConfig(Options):
    split_input: tuple[SplitTopic, ...] = Field(min_length=1)


class SplitRequest(Options):
    extraction_id: str
    split_config: SplitConfig | None = None
    split_config_id: str | None = None
    run_async: bool = Field(default=False, alias="async")


class SchemaConfig(Options):
    """``schema`` is the old name of ``input_schema``; topics of a split still use it."""

    input_schema: Annotated[dict[str, Any] | None, BeforeValidator(_decoded)] = None
    old_schema: Annotated[dict[str, Any] | None, BeforeValidator(_decoded)] = Field(default=None, alias="schema")
    schema_prompt: str | None = None
    effort: bool = False
    schema_config_id: str | None = None
    excel_template: str | None = None

    @property
    def wanted(self) -> dict[str, Any] | None:
        return self.input_schema if self.input_schema is not None else self.old_schema


class SchemaRequest(Options):
    extraction_id: str | None = None
    extraction_ids: tuple[str, ...] | None = None
    split_id: str | None = None
    schema_config: SchemaConfig | None = None
    schema_config_id: str | None = None
    split_schema_config: dict[str, SchemaConfig] | None = None
    run_async: bool = Field(default=False, alias="async")


class TablesConfig(Options):
    merge: bool = False
    table_format: Literal["html", "json"] = "html"
    charts_to_tables: bool = False


class TablesRequest(Options):
    extraction_id: str
    tables_config: TablesConfig = TablesConfig()
    run_async: bool = Field(default=False, alias="async")


class BatchFile(Options):
    filename: str
    content: str


class BatchInput(Options):
    s3_prefix: str | None = None
    file_urls: tuple[str, ...] | None = None
    files: tuple[BatchFile, ...] | None = None


class BatchOutput(Options):
    s3_prefix: str | None = None
    local_path: str | None = None


class BatchRequest(Options):
    output: BatchOutput
    workers: int = Field(default=4, ge=1, le=10)


class BatchExtractRequest(BatchRequest):
    input: BatchInput
    extract_options: ExtractOptions = ExtractOptions()


class BatchSplitRequest(BatchRequest):
    split_config: SplitConfig
    batch_extract_id: str | None = None
    extraction_ids: tuple[str, ...] | None = None


class BatchSchemaRequest(BatchRequest):
    batch_extract_id: str | None = None
    extraction_ids: tuple[str, ...] | None = None
    schema_config: SchemaConfig | None = None
    batch_split_id: str | None = None
    split_ids: tuple[str, ...] | None = None
    split_schema_config: dict[str, SchemaConfig] | None = None
    page_range: str | None = None


class BatchTablesRequest(BatchRequest):
    batch_extract_id: str | None = None
    extraction_ids: tuple[str, ...] | None = None
    tables_config: TablesConfig = TablesConfig()


class BatchExtractStep(ExtractOptions):
    file_urls: tuple[str, ...] | None = None
    files: tuple[BatchFile, ...] | None = None
    workers: int = Field(default=4, ge=1, le=10)


class PipelineSteps(Options):
    extract: ExtractOptions | None = None
    batch_extract: BatchExtractStep | None = None
    split: SplitConfig | None = None
    # ``schema`` would hide a method of the base class.
    schema_step: SchemaConfig | None = Field(default=None, alias="schema")
    tables: TablesConfig | None = None


class PipelineRequest(Options):
    steps: Annotated[PipelineSteps, BeforeValidator(_decoded)]
    file_url: str | None = None
    run_async: bool = Field(default=False, alias="async")
    auto_delete: bool = False
