"""What a document says about what it was asked: topics of pages, values for a schema, categories, answers."""

from docferry.engine.understanding.answers import Citation, PageClass, SchemaAnswer, Topic
from docferry.engine.understanding.llm.errors import LanguageModelError
from docferry.engine.understanding.llm.model import LanguageModel
from docferry.engine.understanding.llm.talk import answer_instructions, chat
from docferry.engine.understanding.pages.classify import classify_pages
from docferry.engine.understanding.pages.split import split_pages
from docferry.engine.understanding.schema.definition import SchemaRefused
from docferry.engine.understanding.schema.extract import extract_fields, extract_schema

__all__ = [
    "Citation",
    "LanguageModel",
    "LanguageModelError",
    "PageClass",
    "SchemaAnswer",
    "SchemaRefused",
    "Topic",
    "answer_instructions",
    "chat",
    "classify_pages",
    "extract_fields",
    "extract_schema",
    "split_pages",
]
