"""Markdown and HTML: everything is there, nothing breaks out, and an independent reader sees the same text."""

from __future__ import annotations

from html.parser import HTMLParser

import markdown_it
import pytest
from hypothesis import given
from hypothesis import strategies as st

from docferry.engine.extraction.building import number_blocks, table_from_rows, table_text
from docferry.engine.extraction.inline import Mark, escape_markdown, inline_markdown, safe_url
from docferry.engine.extraction.model import Block, BlockKind, Cell, Document, Page, Table
from docferry.engine.render import to_html, to_markdown
from docferry.engine.render.tables import html_table


def document(*blocks: Block) -> Document:
    return Document("text/plain", number_blocks([Page(1, None, None, blocks, source="native")]))


def block(kind: BlockKind, text: str, **more: object) -> Block:
    return Block("", kind, text, 1, **more)  # type: ignore[arg-type]


def table(*rows: list[str]) -> Block:
    made = table_from_rows(rows)
    return block(BlockKind.TABLE, table_text(made), table=made)


class Seen(HTMLParser):
    """The tags and the visible text of a page, read by a parser that knows nothing of us."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.text = ""
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs

    def handle_data(self, data: str) -> None:
        self.text += data


def rendered(markdown: str) -> Seen:
    return Seen(markdown_it.MarkdownIt("commonmark", {"html": True}).enable("table").render(markdown))


@given(
    st.text(
        st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Zl", "Zp", "Zs"), include_characters=" "),
        max_size=60,
    )
)
def test_escaped_text_is_shown_as_it_is(text: str) -> None:
    text = " ".join(text.split())
    if text and not text.startswith("&") and "&" not in text:
        seen = rendered(to_markdown(document(block(BlockKind.TEXT, f"x {text} x"))))
        assert " ".join(seen.text.split()) == f"x {text} x"


@pytest.mark.parametrize(
    "text",
    [
        "# no heading",
        "- no item",
        "1. no number",
        "> no quote",
        "---",
        "===",
        "```",
        "*no* _emphasis_",
        "<script>",
        "[no](link)",
    ],
)
def test_text_that_looks_like_markup_stays_text(text: str) -> None:
    seen = rendered(to_markdown(document(block(BlockKind.TEXT, text))))
    assert seen.tags == ["p"]
    assert seen.text.strip() == text


@pytest.mark.parametrize(
    "text", ["a_b_c", "5 > 3", "x = [1]", "Müller & Söhne", "C:\\temp", "50 % of 3 | 4", "(see #7)"]
)
def test_ordinary_text_is_not_strewn_with_backslashes(text: str) -> None:
    assert escape_markdown(text) == text


def test_blocks_of_every_kind() -> None:
    markdown = to_markdown(
        document(
            block(BlockKind.TITLE, "Report"),
            block(BlockKind.HEADING, "Part", level=2),
            block(BlockKind.LIST_ITEM, "one", ordered=True),
            block(BlockKind.LIST_ITEM, "inner", level=1),
            block(BlockKind.LIST_ITEM, "two", ordered=True),
            block(BlockKind.CODE, "x = 1"),
            block(BlockKind.FORM_FIELD, "Jane", label="Name"),
            block(BlockKind.FIGURE, "A ship", image="figure-1.png"),
            table(["a", "b"], ["1|2", "3\n4"]),
        )
    )
    assert markdown == (
        "# Report\n\n## Part\n\n1. one\n    - inner\n2. two\n\n```\nx = 1\n```\n\n- Name: Jane\n\n"
        "![A ship](figure-1.png)\n\n| a | b |\n| --- | --- |\n| 1\\|2 | 3<br>4 |\n"
    )


def test_page_headers_are_those_of_nanonets() -> None:
    pages = [Page(number, None, None, (Block("", BlockKind.TEXT, f"text {number}", number),)) for number in (1, 2)]
    markdown = to_markdown(Document("text/plain", tuple(pages)), page_headers=True)
    assert markdown == "## Page 1\n\ntext 1\n\n## Page 2\n\ntext 2\n"


def test_empty_document_is_empty_markdown() -> None:
    assert to_markdown(document()) == ""


def merged() -> Table:
    cells = (
        Cell(0, 0, "Both <b>", column_span=2, is_header=True),
        Cell(0, 2, "C", is_header=True),
        Cell(1, 0, "1", row_span=2),
        Cell(1, 1, "2"),
        Cell(1, 2, "3"),
        Cell(2, 1, "4"),
        Cell(2, 2, "5"),
    )
    return Table(3, 3, cells)


def test_merged_cells_are_html_with_their_spans() -> None:
    assert html_table(merged()) == (
        '<table>\n<tr><th colspan="2">Both &lt;b&gt;</th><th>C</th></tr>\n'
        '<tr><td rowspan="2">1</td><td>2</td><td>3</td></tr>\n<tr><td>4</td><td>5</td></tr>\n</table>'
    )
    assert "<table>" in to_markdown(document(block(BlockKind.TABLE, "", table=merged())))


@given(
    st.lists(st.tuples(st.sampled_from(list(BlockKind)), st.text(max_size=30), st.integers(0, 3)), max_size=8),
    st.text(max_size=20),
)
def test_html_holds_no_tag_and_no_attribute_but_ours(pieces: list[tuple[BlockKind, str, int]], title: str) -> None:
    blocks = [block(kind, text, level=level, label=text, image=text) for kind, text, level in pieces]
    made = Document("text/plain", (Page(1, None, None, tuple(blocks)),), title=title)
    seen = Seen(to_html(made))
    allowed = {
        "html",
        "head",
        "meta",
        "title",
        "body",
        "section",
        "h1",
        "h2",
        "h3",
        "p",
        "ul",
        "ol",
        "li",
        "pre",
        "code",
    }
    allowed |= {"figure", "img", "figcaption", "label", "output", "header", "footer", "aside", "br"}
    assert set(seen.tags) <= allowed
    assert {name for name, _ in seen.attributes} <= {"charset", "data-page", "src", "alt"}


def test_lists_nest_and_close() -> None:
    items = [block(BlockKind.LIST_ITEM, text, level=level) for text, level in (("a", 0), ("b", 1), ("c", 1), ("d", 0))]
    assert "<ul><li>a<ul><li>b</li><li>c</li></ul></li><li>d</li></ul>" in to_html(document(*items))


def test_styled_ranges_are_counted_in_bytes() -> None:
    text = "Größe über alles"
    start = len("Größe ".encode())
    assert inline_markdown(text, [Mark(start, start + len("über".encode()), "bold")]) == "Größe **über** alles"


def test_link_within_bold_text() -> None:
    marks = [Mark(0, 9, "bold"), Mark(4, 9, "link", "https://example.org/a_(b)")]
    source = inline_markdown("see there now", marks)
    assert source is not None
    seen = rendered(source)
    assert seen.text.strip() == "see there now"
    assert ("href", "https://example.org/a_(b)") in seen.attributes


@pytest.mark.parametrize(
    "url", ["javascript:alert(1)", "data:text/html,x", "vbscript:x", "https://x/<b>", "java\nscript:x", "http://[bad"]
)
def test_unsafe_links_are_dropped(url: str) -> None:
    assert not safe_url(url)
    assert inline_markdown("click", [Mark(0, 5, "link", url)]) is None


@given(
    st.text(max_size=20),
    st.lists(
        st.tuples(st.integers(0, 25), st.integers(0, 25), st.sampled_from(["bold", "italic", "code", "link", "other"])),
        max_size=4,
    ),
)
def test_any_marks_leave_the_text_whole(text: str, ranges: list[tuple[int, int, str]]) -> None:
    marks = [Mark(min(a, b), max(a, b), kind, "https://example.org") for a, b, kind in ranges]
    styled = inline_markdown(text, marks)
    made = Document("x", (Page(1, None, None, (block(BlockKind.TEXT, text, markdown=styled),)),))
    Seen(to_html(made))
    to_markdown(made)
