"""Rules as they are written: conditions, decisions, defaults, tests. What they mean is decided in docferry.rules."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, StrictBool, StrictInt, WithJsonSchema, model_validator

from docferry.config.base import FrozenModel, ShortFormed
from docferry.config.values import (
    Counts,
    Duration,
    Extensions,
    FilePath,
    Globs,
    Moments,
    Name,
    Names,
    Patterns,
    Period,
    Sizes,
    Text,
    Texts,
    Types,
    wanted,
)
from docferry.models import Json

FACT_NAMES = (
    "inbox", "path", "name", "size", "modified", "now", "type", "pages", "encrypted", "text", "class", "sha256",
)  # fmt: skip
ENDPOINTS = ("extract", "split", "schema", "tables", "classify")


class WhenConfig(FrozenModel):
    """Conditions; all that are given must hold. A list means any of its values."""

    inbox: Names | None = Field(default=None, description="The inbox's name")
    name: Globs | None = Field(default=None, description="Glob on the file name alone")
    path: Globs | None = Field(default=None, description="Glob on the path below the inbox; ** crosses folders")
    regex: Patterns | None = Field(
        default=None, description="Regular expression on the path; named groups become variables"
    )
    type: Types | None = Field(default=None, description="Media type, from the content")
    extension: Extensions | None = Field(default=None, description="The name's extension, in any case")
    size: Sizes | None = Field(default=None, description="Bytes")
    pages: Counts | None = Field(default=None, description="Number of pages")
    text: Patterns | None = Field(default=None, description="Regular expression on the digital text of the first pages")
    modified: Moments | None = Field(default=None, description="When the file was last changed")
    encrypted: StrictBool | None = Field(default=None, description="Needs a password to be read")
    class_: Texts | None = Field(default=None, validation_alias="class", description="What a classification step found")
    any: tuple[WhenConfig, ...] | None = Field(
        default=None, min_length=1, description="At least one of these must hold"
    )
    all: tuple[WhenConfig, ...] | None = Field(default=None, min_length=1, description="All of these must hold")
    not_: WhenConfig | None = Field(default=None, validation_alias="not", description="This must not hold")


class StepConfig(FrozenModel):
    """One call of one endpoint. In YAML ``extract: {option: value}``, or ``extract`` alone."""

    endpoint: Literal["extract", "split", "schema", "tables", "classify"]
    options: dict[str, Json] = Field(default_factory=dict)


def _step(value: object) -> object:
    if isinstance(value, str):
        value = {value: {}}
    if not isinstance(value, dict) or set(value) == {"endpoint", "options"}:
        return value
    if len(value) != 1:
        raise wanted("one endpoint with its options, such as `extract: {pages: 1-3}`")
    ((endpoint, options),) = value.items()
    if endpoint not in ENDPOINTS:
        raise wanted(f"one of {', '.join(ENDPOINTS)}", message=f'the unknown endpoint "{endpoint}"')
    if options is not None and not isinstance(options, dict):
        raise wanted("a mapping of options, or nothing")
    return {"endpoint": endpoint, "options": options or {}}


_STEP_SCHEMA: dict[str, Any] = {
    "anyOf": [
        {"enum": list(ENDPOINTS)},
        {
            "type": "object",
            "properties": {name: {"type": ["object", "null"], "description": "Its options"} for name in ENDPOINTS},
            "additionalProperties": False,
            "minProperties": 1,
            "maxProperties": 1,
        },
    ],
    "examples": [{"extract": {"pages": "1-3"}}],
}
Step = Annotated[StepConfig, BeforeValidator(_step), WithJsonSchema(_STEP_SCHEMA)]


class DeliverConfig(FrozenModel):
    """What is written into the outbox."""

    formats: Annotated[tuple[Text, ...], Field(min_length=1)] | None = Field(
        default=None, description="Formats to deliver", examples=[["markdown", "json", "raw"]]
    )
    name: Text | None = Field(
        default=None,
        description="Path of the results below the outbox, without suffix",
        examples=["{date:%Y-%m}/{stem}"],
    )
    on_existing: Literal["number", "replace"] | None = Field(
        default=None, description="What to do when the name is taken"
    )


class FallbackConfig(ShortFormed):
    """Another provider for when the first is parked for long, or refuses the type. Short form: its name."""

    provider: Name = Field(description="The other provider's name; of the same dialect")
    after_s: Duration = Field(default=900.0, validation_alias="after", description="How long the first may be parked")

    @classmethod
    def short_forms(cls) -> list[dict[str, Any]]:
        return [{"type": "string", "examples": ["local"]}]

    @model_validator(mode="before")
    @classmethod
    def _from_short_form(cls, value: object) -> object:
        return {"provider": value} if isinstance(value, str) else value


class Decision(FrozenModel):
    """What a rule decides, and what ``defaults`` decide where it does not."""

    provider: Name | None = Field(default=None, description="The provider's name")
    mode: Literal["auto", "async", "sync"] | None = Field(default=None, description="auto: by pages and size")
    steps: tuple[Step, ...] | None = Field(
        default=None, description="Endpoints in order, with their options", min_length=1
    )
    deliver: DeliverConfig = DeliverConfig()
    priority: StrictInt | None = Field(default=None, ge=-1000, le=1000, description="Higher goes first")
    on_ambiguous: Literal["resubmit", "hold"] | None = Field(
        default=None, description="A submission whose answer never came: send again, or wait for a person"
    )
    after: Literal["archive", "delete", "keep"] | None = Field(
        default=None, description="Overrides the inbox's `after`"
    )
    fallback: FallbackConfig | None = Field(default=None, description="Another provider, for when this one cannot")
    job_timeout_s: Period | None = Field(
        default=None, validation_alias="job_timeout", description="Overrides the provider's"
    )
    extra: Literal["allow", "refuse"] | None = Field(
        default=None, description="allow: options unknown to the dialect pass"
    )
    links: StrictBool | None = Field(
        default=None, description="Overrides the inbox's: .url and .webloc files are submitted by the address in them"
    )


class Defaults(Decision):
    """What applies to every rule that does not say otherwise."""


class RuleConfig(Decision):
    """One rule: which documents it takes, and what becomes of them."""

    name: Name = Field(description="Unique; shown by explain, status and receipts")
    description: str = Field(default="", description="For the people who read the rules")
    enabled: StrictBool = Field(default=True, description="false: the rule is skipped")
    when: WhenConfig = Field(default=WhenConfig(), description="Which documents it takes; without it, all")
    ignore: StrictBool = Field(default=False, description="true: the file is left where it is")
    continue_: StrictBool = Field(
        default=False,
        validation_alias="continue",
        description="true: what it decides is a default for the rules after it",
    )


class Expectation(FrozenModel):
    """What a rule test expects; only what is named is compared."""

    rule: Name | None = Field(default=None, description="The rule that takes it")
    provider: Name | None = Field(default=None, description="The plan's provider")
    mode: Literal["auto", "async", "sync"] | None = Field(default=None, description="The plan's mode")
    formats: tuple[Text, ...] | None = Field(default=None, description="The formats delivered, in order")
    name: Text | None = Field(default=None, description="Path of the results below the outbox, without suffix")
    steps: tuple[Step, ...] | None = Field(default=None, description="The steps, templates filled in")
    priority: StrictInt | None = Field(default=None, description="The plan's priority")
    after: Literal["archive", "delete", "keep"] | None = Field(default=None, description="What the rule says")
    ignored: StrictBool | None = Field(default=None, description="true: the file is left where it is")
    no_match: StrictBool | None = Field(default=None, description="true: no rule may take it")


class RuleTest(FrozenModel):
    """One document, real (``file``) or described (``facts``), and what the rules must decide for it."""

    description: str = Field(default="", description="Shown when the test fails")
    file: FilePath | None = Field(default=None, description="A file to route, such as samples/a.pdf")
    path: Text | None = Field(default=None, description="Its path below the inbox; default: the file's name")
    inbox: Name | None = Field(default=None, description="Default: the only inbox")
    facts: dict[str, Json] = Field(default_factory=dict, description="Facts to use instead of the file's own")
    expect: Expectation
