# ruff: noqa: N815 - names as they stand on the wire
"""The two contracts as models, written from the contracts and not from our code: answers are validated in full.

Known fields are checked strictly. Unknown ones are allowed where the contract allows them, which is everywhere; a typo
in a known name therefore shows as a missing required field, or is caught by the ``named`` tests.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

Fraction = Annotated[float, Field(ge=0, le=1)]
Percent = Annotated[int, Field(ge=0, le=100)]
PageNumber = Annotated[int, Field(ge=1)]
Coordinates = Annotated[list[Fraction], Field(min_length=8, max_length=8)]


def _utc(value: Any) -> Any:
    assert isinstance(value, str)
    assert value.endswith("Z"), "moments are written in UTC with Z"
    return datetime.fromisoformat(value)


Moment = Annotated[datetime, BeforeValidator(_utc)]


class Model(BaseModel):
    model_config = ConfigDict(extra="allow", strict=True)


# Pulse


class PulseErrorDetail(Model):
    code: str = Field(pattern=r"^[A-Z]+_\d{3}$")
    message: str = Field(min_length=1)
    details: dict[str, Any] | None = None


class PulseError(Model):
    error: PulseErrorDetail


class PulseAcknowledgement(Model):
    job_id: str
    status: Literal["pending", "processing", "completed", "failed", "canceled"]
    message: str | None = None


class PulseTextItem(Model):
    id: str
    content: str
    page_number: PageNumber
    bounding_box: Coordinates | Annotated[list[float], Field(max_length=0)] | None = None
    average_word_confidence: Fraction | None = None


class PulseTableLocation(Model):
    coordinates: Coordinates | Annotated[list[float], Field(max_length=0)] | None = None
    page: PageNumber


class PulseTableInfo(Model):
    id: str
    dimensions: list[int]
    location: PulseTableLocation | None = None


class PulseTableItem(Model):
    table_info: PulseTableInfo
    cell_data: list[dict[str, Any]]


class PulseImageItem(Model):
    id: str
    visual_type: Literal["chart", "image"]
    page_number: PageNumber | None = None
    bounding_box: Coordinates | None = None
    image_url: str | None = None


class PulseBoxes(Model):
    Text: list[PulseTextItem] = []
    Title: list[PulseTextItem] = []
    Header: list[PulseTextItem] = []
    Footer: list[PulseTextItem] = []
    Page_Number: list[PulseTextItem] = Field(default=[], alias="Page Number")
    Tables: list[PulseTableItem] = []
    Images: list[PulseImageItem] = []
    markdown_with_ids: str | None = None


class PulseChunks(Model):
    model_config = ConfigDict(extra="forbid", strict=True)

    semantic: list[str] | None = None
    header: list[str] | None = None
    page: list[str] | None = None
    recursive: list[str] | None = None


class PulseWord(Model):
    id: str = Field(pattern=r"^w-\d+$")
    text: str
    page_number: PageNumber
    bounding_box: Coordinates
    average_word_confidence: Fraction | None = None


class PulseWords(Model):
    words: list[PulseWord]
    error: str | None = None


class PulseAlternatives(Model):
    model_config = ConfigDict(extra="forbid", strict=True)

    html: str | None = None
    xml: str | None = None
    wlbb: PulseWords | None = None


class PulseFootnote(Model):
    symbol: str
    footnoteTextId: str
    referenceTextIds: list[str]


class PulseExtensions(Model):
    model_config = ConfigDict(extra="forbid", strict=True)

    chunking: PulseChunks | None = None
    footnoteReferences: list[PulseFootnote] | None = None
    altOutputs: PulseAlternatives | None = None


class PulsePlan(Model):
    tier: str | None = None
    total_credits_used: float | None = None
    pages_used: int | None = None
    note: str | None = None


class PulseExtraction(Model):
    markdown: str
    page_count: int = Field(ge=1)
    bounding_boxes: PulseBoxes
    extraction_id: str | None = None
    extensions: PulseExtensions | None = None
    plan_info: PulsePlan | None = None
    credits_used: float | None = None
    warnings: list[str] | None = None
    html: str | None = None
    chunks: PulseChunks | None = None
    structured_output: dict[str, Any] | None = None


class PulsePointer(Model):
    is_url: Literal[True]
    url: str
    extraction_id: str | None = None
    page_count: int | None = None
    plan_info: PulsePlan | None = None


class PulseJob(Model):
    job_id: str
    status: Literal["pending", "processing", "completed", "failed", "canceled", "expired"]
    created_at: Moment
    updated_at: Moment | None = None
    result: dict[str, Any] | None = None
    error: str | None = None


class PulseCancel(Model):
    model_config = ConfigDict(extra="forbid", strict=True)

    job_id: str
    message: str


class PulseSplitOutput(Model):
    splits: dict[str, list[PageNumber]]


class PulseSplit(Model):
    split_id: str
    split_output: PulseSplitOutput
    plan_info: PulsePlan | None = None


class PulseValues(Model):
    values: dict[str, Any]
    citations: dict[str, Any]


class PulseSchema(Model):
    schema_id: str
    version: int = Field(ge=1)
    schema_output: PulseValues
    excel_output_url: str | None = None
    extraction_ids: list[str] | None = None
    plan_info: PulsePlan | None = None


class PulseSplitSchema(Model):
    schema_id: str
    split_id: str
    results: dict[str, PulseValues]
    input_schemas: dict[str, Any] | None = None
    errors: dict[str, str] | None = None


class PulseRecords(Model):
    headers: list[str]
    rows: list[dict[str, str]]


class PulseTable(Model):
    table_content: str | PulseRecords
    citations: list[str]
    from_chart: bool


class PulseTablesOutput(Model):
    tables: list[PulseTable]


class PulseTables(Model):
    tables_id: str
    tables_output: PulseTablesOutput
    plan_info: PulsePlan | None = None


class PulseBatchAcknowledgement(Model):
    batch_job_id: str
    status: Literal["processing"]
    total_files: int | None = None
    total_extractions: int | None = None
    total_splits: int | None = None


class PulseBatchItem(Model):
    job_id: str
    status: str
    error: str | None


class PulseBatchResult(Model):
    total: int
    completed: int
    failed: int
    items: list[PulseBatchItem]


class PulseStep(Model):
    latency: float = Field(ge=0)


class PulsePipeline(Model):
    status: Literal["completed"]
    total_latency: float = Field(ge=0)
    auto_delete: bool
    results: dict[str, PulseStep]


# Nanonets


class NanonetsDetail(Model):
    model_config = ConfigDict(extra="forbid", strict=True)

    detail: str


class NanonetsProblem(Model):
    loc: list[str | int] = Field(min_length=2)
    msg: str
    type: str


class NanonetsProblems(Model):
    model_config = ConfigDict(extra="forbid", strict=True)

    detail: list[NanonetsProblem] = Field(min_length=1)


class NanonetsBox(Model):
    page: PageNumber
    x: Fraction
    y: Fraction
    width: Fraction
    height: Fraction
    confidence: Fraction | None = None
    type: str


class NanonetsElement(Model):
    content: str
    bounding_box: NanonetsBox


class NanonetsPageSize(Model):
    page: PageNumber
    width: int
    height: int


class NanonetsSizes(Model):
    total_pages: int
    pages: list[NanonetsPageSize]


class NanonetsBoxes(Model):
    elements: list[NanonetsElement]
    page_dimensions: NanonetsSizes


class NanonetsMetadata(Model):
    bounding_boxes: NanonetsBoxes | None = None
    confidence_score: dict[str, Any] | None = None


class NanonetsText(Model):
    content: str
    metadata: NanonetsMetadata | None = None


class NanonetsJson(Model):
    content: str | dict[str, Any]
    metadata: NanonetsMetadata | None = None


class NanonetsResult(Model):
    model_config = ConfigDict(extra="forbid", strict=True)

    markdown: NanonetsText | None = None
    html: NanonetsText | None = None
    csv: NanonetsText | None = None
    json_part: NanonetsJson | None = Field(default=None, alias="json")


class NanonetsRecord(Model):
    success: bool
    message: str
    record_id: str
    status: Literal["completed", "processing", "failed"]
    result: NanonetsResult | None = None
    processing_time: float | None = None
    filename: str | None = None
    output_format: str | None = None
    file_size: int | None = None
    pages_processed: int | None = None
    created_at: Moment | None = None


class NanonetsBatch(Model):
    success: bool
    message: str
    batch_id: str
    total_files: int
    accepted_files: int
    rejected_files: int
    records: list[NanonetsRecord]


class NanonetsPagination(Model):
    page: int
    page_size: int
    total_count: int
    total_pages: int
    has_next: bool
    has_previous: bool


class NanonetsListed(NanonetsRecord):
    result: None = None


class NanonetsList(Model):
    success: bool
    results: list[NanonetsListed]
    pagination: NanonetsPagination


class NanonetsPageClass(Model):
    page_number: PageNumber
    category: str
    confidence: Percent
    reasoning: str
    identified_category: str | None = None


class NanonetsFileResult(Model):
    filename: str
    total_pages: int
    pages: list[NanonetsPageClass]
    processing_time: float | None = None
    error: str | None = None
    record_id: str
    file_id: str


class NanonetsClassification(Model):
    success: bool
    message: str
    result: NanonetsFileResult


class NanonetsClassificationBatch(Model):
    success: bool
    message: str
    batch_id: str
    total_files: int
    successful_files: int
    failed_files: int
    results: list[NanonetsFileResult]


class NanonetsSection(Model):
    id: str
    title: str
    level: int = Field(ge=1)
    content: str
    subsections: list[NanonetsSection]


class NanonetsTreeTable(Model):
    id: str
    title: str | None
    headers: list[str]
    rows: list[list[str]]


class NanonetsTreeDocument(Model):
    title: str | None
    type: str
    metadata: dict[str, Any]
    sections: list[NanonetsSection]
    tables: list[NanonetsTreeTable]
    key_value_pairs: list[dict[str, Any]]


class NanonetsTree(Model):
    document: NanonetsTreeDocument


class NanonetsHeading(Model):
    id: str
    title: str
    level: int
    page: PageNumber
    parent_ids: list[str]


class NanonetsContents(Model):
    hierarchy: list[NanonetsHeading]
