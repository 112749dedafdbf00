"""HTML as a tree, read leniently: unclosed and wrongly nested tags end where browsers end them."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser

VOID = {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param", "source", "track", "wbr"}
# What an opening tag ends, as far up as the given containers.
CLOSES: dict[str, tuple[set[str], set[str]]] = {
    "li": ({"li"}, {"ul", "ol", "menu"}),
    "dt": ({"dt", "dd"}, {"dl"}),
    "dd": ({"dt", "dd"}, {"dl"}),
    "tr": ({"tr", "td", "th"}, {"table"}),
    "td": ({"td", "th"}, {"tr", "table"}),
    "th": ({"td", "th"}, {"tr", "table"}),
    "tbody": ({"thead", "tbody", "tfoot", "tr", "td", "th"}, {"table"}),
    "tfoot": ({"thead", "tbody", "tfoot", "tr", "td", "th"}, {"table"}),
    "option": ({"option"}, {"select"}),
}
ENDS_PARAGRAPH = frozenset(
    {"address", "article", "aside", "blockquote", "div", "dl", "fieldset", "figure", "footer", "form", "h1", "h2", "h3",
     "h4", "h5", "h6", "header", "hr", "main", "nav", "ol", "p", "pre", "section", "table", "ul"}
)  # fmt: skip
HEADINGS = {"h1", "h2", "h3", "h4", "h5", "h6"}
MAX_DEPTH = 120  # deeper nesting is flattened, so that no page can exhaust the stack


@dataclass
class Element:
    tag: str
    attributes: dict[str, str] = field(default_factory=dict)
    children: list[Element | str] = field(default_factory=list)

    def find_all(self, tags: set[str]) -> list[Element]:
        """Every element below that has one of the tags, in order."""
        found = []
        for child in self.children:
            if isinstance(child, Element):
                found += [child] if child.tag in tags else []
                found += child.find_all(tags)
        return found

    @property
    def text(self) -> str:
        return "".join(child if isinstance(child, str) else child.text for child in self.children)


class TreeBuilder(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.root = Element("root")
        self.open: list[Element] = [self.root]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.end_implied(tag)
        if tag in ("td", "th") and self.open[-1].tag in ("table", "thead", "tbody", "tfoot"):
            self.handle_starttag("tr", [])
        element = Element(tag, {name: value or "" for name, value in attrs})
        self.open[-1].children.append(element)
        if tag not in VOID and len(self.open) < MAX_DEPTH:
            self.open.append(element)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.handle_endtag(tag)

    def end_implied(self, tag: str) -> None:
        if tag in ENDS_PARAGRAPH:
            self.end_up_to({"p"}, {"td", "th", "li", "div", "section", "blockquote", "root"})
        if tag in CLOSES:
            self.end_up_to(*CLOSES[tag])
        if tag in HEADINGS and self.open[-1].tag in HEADINGS:
            self.open.pop()

    def end_up_to(self, tags: set[str], within: set[str]) -> None:
        """Ends the outermost open element that has one of the tags, not looking beyond the containers."""
        for place in range(len(self.open) - 1, 0, -1):
            if self.open[place].tag in within:
                return
            if self.open[place].tag in tags:
                above = place - 1
                while above > 0 and self.open[above].tag in tags - within:
                    above -= 1
                del self.open[above + 1 :]
                return

    def handle_endtag(self, tag: str) -> None:
        for place in range(len(self.open) - 1, 0, -1):
            if self.open[place].tag == tag or {self.open[place].tag, tag} <= HEADINGS:  # any heading's end will do
                del self.open[place:]
                return
            if self.open[place].tag in ("td", "th", "table") and tag not in ("tr", "tbody", "thead", "tfoot", "table"):
                return

    def handle_data(self, data: str) -> None:
        self.open[-1].children.append(data)


def parse_html(source: str) -> Element:
    builder = TreeBuilder()
    builder.feed(source)
    builder.close()
    return builder.root
