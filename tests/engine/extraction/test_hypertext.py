"""Web pages and Markdown, well made or not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from docferry.engine.extraction.errors import EmptyDocument, ExtractionError, TooLarge
from docferry.engine.extraction.hypertext import read_html
from docferry.engine.extraction.model import BlockKind, Document
from docferry.engine.extraction.options import Limits
from docferry.engine.render import to_html, to_markdown
from engine.extraction.reading import read, tables


def page(source: str) -> Document:
    return read_html(source, Limits())


def markdown(source: str) -> str:
    return to_markdown(page(source)).rstrip("\n")


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("<p>one<p>two", "one\n\ntwo"),
        ("a<br>b <i>c</i>", "a\nb *c*"),
        ("<div>x <div>y</div> z</div>", "x\n\ny\n\nz"),
        ("<h2>A <b>b</b></h2>", "## A **b**"),
        ("<ul><li>a<ol><li>b<li>c</ol><li>d</ul>", "- a\n    1. b\n    2. c\n- d"),
        ("<ul><li><p>a</p><p>more</p></ul>", "- a\n\nmore"),
        ("<dl><dt>term<dd>meaning</dl>", "term: meaning"),
        (
            "<dl><dt>1. Build<dt>2. Test</dl><h2>Build</h2><h3>Prepare</h3>",
            "1\\. Build\n\n2\\. Test\n\n## Build\n\n### Prepare",
        ),
        ("<dl><dt>term</dl>after", "term\n\nafter"),
        ("<dl><dt>term<dd><ul><li>a<li>b</ul></dl>", "term\n\n- a\n- b"),
        ("<dl><dt>term<dd><pre>a  b</pre></dl>", "term\n\n```\na  b\n```"),
        ("<dl><dt>term<dd><table><tr><td>a<td>b</table>", "term\n\n| a | b |\n| --- | --- |"),
        ("<h2>A<h3>B</h3>after", "## A\n\n### B\n\nafter"),
        ("<h2>1. <b>A</b><a href='#a'>¶</a></h2>", "## 1. **A**"),
        ("<h2>A</h3>after", "## A\n\nafter"),
        ("<h2><a name=x>A</a></h2><a href=''>b</a>", "## A\n\nb"),
        ("<pre>a  b\n c</pre>", "```\na  b\n c\n```"),
        ("<blockquote>said</blockquote>", "said"),
        (
            "x <a href='https://e.org/a'>l<b>i</b>nk</a>",
            "x [l](https://e.org/a)[**i**](https://e.org/a)[nk](https://e.org/a)",
        ),
        ("<p>5 &lt; 6 &amp; 7</p>", "5 < 6 & 7"),
        ("<img alt='A ship'>", "A ship"),
        ("<p hidden>no</p><template>no</template>yes", "yes"),
        ("<table><caption>T</caption><tr><td>a<td>b<tr><td>c<td>d</table>", "T\n\n| a | b |\n| --- | --- |\n| c | d |"),
    ],
)
def test_what_becomes_of_tags(source: str, expected: str) -> None:
    assert markdown(source) == expected


def test_merged_cells() -> None:
    source = "<table><tr><th colspan=2>AB<th>C<tr><td rowspan=2>x<td>1<td>2<tr><td>3<td>4</table>"
    spans = {cell.text: (cell.row, cell.column, cell.row_span, cell.column_span) for block in page(source).blocks
             if block.table for cell in block.table.cells}  # fmt: skip
    assert (spans["AB"], spans["x"], spans["4"]) == ((0, 0, 1, 2), (1, 0, 2, 1), (2, 2, 1, 1))


def test_table_that_only_arranges_is_no_table() -> None:
    source = "<table><tr><td><h1>Offer</h1><p>Text</p><table><tr><td>a<td>1</table></td></tr></table>"
    document = page(source)
    assert [block.kind for block in document.blocks] == [BlockKind.HEADING, BlockKind.TEXT, BlockKind.TABLE]
    assert tables(document) == [[["a", "1"]]]


def test_table_with_pictures_and_fields_is_a_table() -> None:
    source = "<table><tr><td><img src=a.png alt='A ship'><td><input value=12></table>"
    assert tables(page(source)) == [[["A ship", "12"]]]


def test_title_is_the_document_s() -> None:
    assert page("<title> Tide \n tables </title><p>x").title == "Tide tables"


def test_page_without_text_is_refused() -> None:
    with pytest.raises(EmptyDocument):
        page("<html><body><script>x</script></body></html>")


def test_spans_of_a_million_cells_are_refused() -> None:
    with pytest.raises(TooLarge):
        page("<table>" + "<tr><td colspan=1000 rowspan=1000>x" * 1000 + "</table>")


@pytest.mark.parametrize("tag", ["div", "b", "ul", "table", "blockquote", "li", "p", "td"])
def test_deep_nesting_exhausts_nothing(tag: str) -> None:
    assert "end" in markdown(f"<{tag}>" * 5_000 + "end")


def test_markdown_with_everything() -> None:
    source = "# T\n\n1. one\n2. two\n   - in\n\n> said\n\n```\nx = 1\n```\n\n~~old~~ `c` <script>alert(1)</script>\n"
    text = to_markdown(read(source.encode()))
    assert text == "# T\n\n1. one\n2. two\n    - in\n\nsaid\n\n```\nx = 1\n```\n\n~~old~~ `c`\n"


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        (
            "Sir,\n\n    We thank you\nfor that:\n\n - lamp\n - lens\n\n      Yours,\n      Ada\n",
            "Sir,\n\nWe thank you\nfor that:\n\n- lamp\n- lens\n\nYours,\nAda\n",
        ),
        (
            "Ada <ada@e.org>\n12 <high> St\n\n1. C:\\_x &amp;\n2. b\n\n[1]: /a\n",
            "Ada \\<ada@e.org>\n12 \\<high> St\n\n1. C:\\\\\\_x &amp;\n2. b\n\n\\[1]: /a\n",
        ),
        ("# T\n## U\n\n    We thank you\nfor that.\n", "# T\n\n## U\n\nWe thank you for that.\n"),
        (
            "# T\n\n    make\n      all\n- a\n\n    make\n\ntext\n",
            "# T\n\n```\nmake\n  all\n```\n\n- a\n\nmake\n\ntext\n",
        ),
        ("T\n===\n\n- a\n- b\n\ntext\nmore\n\n    make\n", "# T\n\n- a\n- b\n\ntext more\n\n```\nmake\n```\n"),
        ("# T\n## U\n\n    make\n\ntext\n", "# T\n\n## U\n\n```\nmake\n```\n\ntext\n"),
    ],
)
def test_indented_lines_are_code_only_where_markdown_is_meant(source: str, expected: str) -> None:
    assert to_markdown(read(source.encode())) == expected


PIECES = [
    "<p>",
    "</p>",
    "<table>",
    "<tr>",
    "<td>",
    "</table>",
    "<ul>",
    "<li>",
    "</ul>",
    "<b>",
    "</i>",
    "<pre>",
    "<dt>",
    "<br>",
    "<h1>",
    "x ",
    "é",
    "<",
    "&",
    "&lt;",
    "<!--",
    "<a href='",
]


@given(st.lists(st.sampled_from(PIECES), max_size=30))
def test_any_soup_of_tags_is_read_and_keeps_its_words(pieces: list[str]) -> None:
    source = "first " + "".join(pieces)
    try:
        document = page(source)
    except ExtractionError:
        return
    to_html(document)
    assert "first" in to_markdown(document)


@given(st.lists(st.sampled_from(PIECES[:17]), max_size=30))
def test_words_between_whole_tags_are_all_kept(pieces: list[str]) -> None:
    source = "".join(f"{piece} w{place}x " for place, piece in enumerate([*pieces, "<p>"]))
    text = " ".join(block.text for block in page(source).blocks)
    assert [word for word in (f"w{place}x" for place in range(len(pieces) + 1)) if word not in text] == []
