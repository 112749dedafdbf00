"""Which rule takes a document, what it decides, and which facts are read for it."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from docferry.errors import FactError, RoutingError
from docferry.models import StepPlan
from docferry.rules.evaluate import NeedFacts, NoMatch, RuleSet, evaluate
from docferry.rules.known import unreadable
from docferry.rules.route import Router
from rules.work import NOW, Told, candidate, facts, read, route, with_rules

REST = "  - {name: rest, provider: local}\n"


def test_the_first_match_wins(tmp_path: Path) -> None:
    config = read(tmp_path, with_rules("  - {name: a, when: {name: 'a*'}, provider: local, priority: 1}\n" + REST))

    assert route(config, Told(), candidate("a.pdf")).rule == "a"
    assert route(config, Told(), candidate("b.pdf")).rule == "rest"


def test_facts_are_read_lazily_and_once(tmp_path: Path) -> None:
    rules = (
        "  - {name: elsewhere, when: {path: 'x/**', text: never}, provider: local}\n"
        "  - {name: long, when: {type: application/pdf, pages: '>= 50'}, provider: local}\n"
        "  - {name: short, when: {type: application/pdf, pages: '< 5'}, provider: local}\n"
        "  - {name: secret, when: {encrypted: true}, provider: local}\n"
    )
    config = read(tmp_path, with_rules(rules + REST))

    told = Told({"type": "application/pdf", "pages": 2})
    routing = route(config, told)
    assert (routing.rule, told.asked) == ("short", [{"type"}, {"pages"}])
    assert (routing.facts["type"], routing.facts["pages"]) == ("application/pdf", 2)

    told = Told({"type": "image/png", "encrypted": False})
    assert (route(config, told).rule, told.asked) == ("rest", [{"type"}, {"encrypted"}])

    told = Told()
    known = {"type": "application/pdf", "pages": 60}
    assert (route(config, told, candidate(known=known)).rule, told.asked) == ("long", [])


def test_wanted_facts_are_read_whatever_the_rules_ask(tmp_path: Path) -> None:
    told = Told({"sha256": "ab" * 32})

    routing = route(read(tmp_path), told, candidate(wanted=frozenset({"sha256"})))

    assert routing.facts["sha256"] == "ab" * 32
    assert told.asked == [{"sha256"}]


def test_a_fact_that_cannot_be_read_is_an_error_that_says_so(tmp_path: Path) -> None:
    config = read(tmp_path, with_rules("  - {name: long, when: {pages: '>= 50'}, provider: local}\n" + REST))

    with pytest.raises(FactError, match="rule 'long' cannot be decided: pages cannot be read: it is torn") as raised:
        route(config, Told({"pages": unreadable("it is torn")}))
    assert raised.value.hint


def test_what_could_not_be_read_once_is_tried_again(tmp_path: Path) -> None:
    config = read(tmp_path, with_rules("  - {name: long, when: {pages: '>= 50'}, provider: local}\n" + REST))

    routing = route(config, Told({"pages": 60}), candidate(known={"pages": unreadable("the share was gone")}))

    assert routing.rule == "long"


def test_no_rule_takes_it_and_the_nearest_say_why(tmp_path: Path) -> None:
    rules = (
        "  - {name: far, when: {inbox: scans, name: x, type: image/png, pages: 5}, provider: local}\n"
        "  - {name: near, when: {inbox: scans, name: '*.pdf', type: image/png}, provider: local}\n"
        "  - {name: other, when: {not: {name: '*.pdf'}}, provider: local}\n"
    )

    routing = route(read(tmp_path, with_rules(rules)), Told({"type": "application/pdf"}))

    assert (routing.plan, routing.ignored) == (None, False)
    near, other, far = routing.explanation_line.split("; ")
    assert near == "near: type image/png: found application/pdf"
    assert other == "other: not wanted, but it holds: name *.pdf"
    assert far == "far: name x: found a.pdf"


def test_a_rule_may_leave_a_file_where_it_is(tmp_path: Path) -> None:
    config = read(tmp_path, with_rules("  - {name: temp, when: {name: '*.bak'}, ignore: true}\n" + REST))

    routing = route(config, Told(), candidate("a.bak"))

    assert (routing.plan, routing.ignored, routing.rule) == (None, True, "temp")
    router = Router(config, Told())
    assert router.may_ignore("scans")
    assert not Router(read(tmp_path), Told()).may_ignore("scans")


def test_disabled_rules_are_passed_over(tmp_path: Path) -> None:
    config = read(tmp_path, with_rules("  - {name: off, enabled: false, provider: local}\n" + REST))

    routing = route(config, Told())

    assert routing.rule == "rest"
    assert [(trace.rule, trace.verdict) for trace in routing.explanation.rules] == [
        ("off", "disabled"),
        ("rest", "matched"),
    ]


def test_a_rule_decides_over_those_that_continue_into_it_and_these_over_the_defaults(tmp_path: Path) -> None:
    rules = (
        "  - {name: urgent, when: {path: 'urgent/**'}, continue: true, priority: 9, deliver: {on_existing: replace}}\n"
        "  - {name: never, when: {name: never}, continue: true, priority: 1}\n"
        "  - {name: special, when: {name: '*.pdf'}, provider: local, mode: sync, deliver: {formats: [raw]}}\n"
    )
    defaults = (
        "defaults: {provider: local, mode: async, priority: 2, on_ambiguous: hold, job_timeout: 5 min, "
        "deliver: {formats: [html], name: 'd/{name}'}}\n"
    )
    config = read(tmp_path, with_rules(rules + REST) + defaults)

    urgent = route(config, Told(), candidate("urgent/a.pdf"))
    assert urgent.plan is not None
    assert (urgent.plan.rule, urgent.plan.priority, urgent.plan.mode) == ("special", 9, "sync")
    assert (urgent.plan.formats, urgent.plan.on_existing) == (("raw",), "replace")
    assert (urgent.plan.on_ambiguous, urgent.plan.output_name, urgent.plan.job_timeout_s) == ("hold", "d/a.pdf", 300.0)
    assert [trace.verdict for trace in urgent.explanation.rules] == ["continues", "no match", "matched", "not asked"]

    plain = route(config, Told(), candidate("b.txt"))
    assert plain.plan is not None
    assert (plain.plan.rule, plain.plan.priority, plain.plan.mode, plain.plan.formats) == (
        "rest",
        2,
        "async",
        ("html",),
    )


def test_a_plan_holds_everything_that_was_decided(tmp_path: Path) -> None:
    rule = (
        "  - name: all\n    when: {regex: '^(?P<customer>[^/]+)/'}\n    provider: nano\n    after: delete\n"
        "    fallback: {provider: other, after: 5 min}\n    on_ambiguous: hold\n    priority: -3\n    mode: async\n"
        "    steps: [extract: {output_format: [json], custom_instructions: 'For {customer}, {date:%Y-%m}: {name}'}]\n"
        "    deliver: {formats: [json, raw], name: '{customer}/{stem}-{id}', on_existing: replace}\n"
    )
    text = with_rules(rule + REST).replace(
        "providers:\n", "providers:\n  other: {dialect: nanonets, engine: embedded}\n"
    )
    config = read(tmp_path, text)

    plan = route(config, Told(), candidate("acme/a b.pdf")).plan

    assert plan is not None
    assert plan.rules_hash == config.rules_hash
    assert plan.steps == (
        StepPlan("extract", {"output_format": ["json"], "custom_instructions": "For acme, 2026-03: a b.pdf"}),
    )
    assert (plan.provider, plan.fallback_provider, plan.fallback_after_s) == ("nano", "other", 300.0)
    assert (plan.output_name, plan.on_existing, plan.formats) == ("acme/a b-id0", "replace", ("json", "raw"))
    assert (plan.after, plan.on_ambiguous, plan.priority, plan.mode) == ("delete", "hold", -3, "async")


def test_the_hash_is_read_only_for_templates_that_use_it(tmp_path: Path) -> None:
    config = read(tmp_path, with_rules("  - {name: a, provider: local, deliver: {name: '{sha256}'}}\n"))
    told = Told({"sha256": "12" * 32})

    routing = route(config, told)

    assert routing.plan is not None
    assert (routing.plan.output_name, told.asked) == ("12" * 32, [{"sha256"}])
    with pytest.raises(FactError, match=r"uses \{sha256\}, which cannot be read: torn"):
        route(config, Told({"sha256": unreadable("torn")}))


CLASSIFY = (
    "  - {name: early, when: {class: Invoice, name: 'x*'}, provider: local}\n"
    "  - {name: sort, when: {type: application/pdf}, provider: nano, "
    "steps: [classify: {categories: [{name: Invoice}]}]}\n"
    "  - {name: invoices, when: {class: invoice}, provider: local}\n"
    "  - {name: not invoices, when: {not: {class: invoice}}, provider: local}\n" + REST
)


@pytest.mark.parametrize(
    ("known", "rule"),
    [
        ({"type": "application/pdf"}, "sort"),
        ({"type": "application/pdf", "class": "Invoice"}, "invoices"),
        ({"type": "application/pdf", "class": "Other"}, "not invoices"),
        ({"type": "text/plain"}, "rest"),
    ],
)
def test_documents_are_classified_and_then_routed_by_their_class(
    tmp_path: Path, known: dict[str, str], rule: str
) -> None:
    text = with_rules(CLASSIFY.replace("  - {name: rest", "  - {name: rest", 1))
    routing = route(read(tmp_path, text), Told(), candidate("a.pdf", known=known))

    assert routing.rule == rule


def test_the_trace_says_why_a_class_decides_nothing_yet(tmp_path: Path) -> None:
    config = read(tmp_path, with_rules(CLASSIFY))

    before = route(config, Told(), candidate("xa", known={"type": "text/plain"})).explanation.rules
    assert (before[0].verdict, before[0].because) == ("no match", "the class is not known yet")
    after = route(config, Told(), candidate("a", known={"type": "application/pdf", "class": "Other"})).explanation.rules
    assert after[1].because == "it classifies, and the class is known already: Other"


def test_evaluation_is_pure_and_asks_for_what_it_needs(tmp_path: Path) -> None:
    rules = RuleSet.of(read(tmp_path, with_rules("  - {name: long, when: {pages: 5}, provider: local}\n")))

    outcome = evaluate(rules, facts())

    assert isinstance(outcome, NeedFacts)
    assert (outcome.names, outcome.rule.config.name) == (frozenset({"pages"}), "long")
    assert isinstance(evaluate(rules, facts(pages=4)), NoMatch)


def test_a_reader_that_says_nothing_is_not_asked_for_ever(tmp_path: Path) -> None:
    class Silent:
        async def read(self, path: Path, names: frozenset[str]) -> dict[str, object]:
            return {}

    config = read(tmp_path, with_rules("  - {name: long, when: {pages: 5}, provider: local}\n"))
    with pytest.raises(FactError, match="the reader gave no answer"):
        asyncio.run(Router(config, Silent(), now=lambda: NOW).route(candidate()))


def test_an_inbox_without_rules_is_said_so(tmp_path: Path) -> None:
    text = with_rules("  - {name: a, when: {inbox: mail}, provider: local}\n").replace(
        "providers:", "  - {name: mail, path: ./m, outbox: ./mo, after: delete, failed: ./mf}\nproviders:"
    )

    routing = route(read(tmp_path, text), Told())

    assert routing.plan is None
    assert routing.explanation_line == "a: inbox mail: found scans"


class TestSidecars:
    def _config(self, folder: Path, allowed: str) -> object:
        rules = "  - {name: a, provider: local, steps: [extract: {model: default}], deliver: {formats: [json]}}\n"
        return read(folder, with_rules(rules).replace("failed: ./failed", f"failed: ./failed\n    sidecar: {allowed}"))

    def _route(self, folder: Path, allowed: str, sidecar: str | None) -> object:
        config = self._config(folder, allowed)
        file = folder / "a.pdf"
        file.touch()
        if sidecar is not None:
            (folder / "a.pdf.docferry.yaml").write_text(sidecar)
        return route(config, Told(), candidate("a.pdf", file))  # type: ignore[arg-type]

    def test_sets_what_the_inbox_allows(self, tmp_path: Path) -> None:
        options, deliver = "{pages: '1-3', model: pulse-ultra-2}", "{formats: [raw], name: '{stem}/../x'}"
        sidecar = f"options: {options}\ndeliver: {deliver}\npriority: 7\n"

        plan = self._route(tmp_path, "[options, deliver, priority]", sidecar).plan  # type: ignore[attr-defined]

        assert plan.steps == (StepPlan("extract", {"model": "pulse-ultra-2", "pages": "1-3"}),)
        assert (plan.formats, plan.priority) == (("raw",), 7)
        assert plan.output_name == "{stem}/x"  # taken as it is: nothing in a sidecar is a template, nothing leads out

    def test_without_one_nothing_changes(self, tmp_path: Path) -> None:
        plan = self._route(tmp_path, "[options.pages]", None).plan  # type: ignore[attr-defined]

        assert plan.formats == ("json",)

    def test_a_name_so_long_that_it_can_have_no_sidecar_needs_none(self, tmp_path: Path) -> None:
        file = tmp_path / ("x" * 250 + ".pdf")
        file.touch()

        routing = route(self._config(tmp_path, "[options]"), Told(), candidate(file.name, file))  # type: ignore[arg-type]

        assert routing.plan is not None

    @pytest.mark.parametrize(
        ("allowed", "sidecar", "message"),
        [
            (
                "[options.pages]",
                "options: {model: default}",
                "a.pdf.docferry.yaml:1:11: options.model: this inbox does not",
            ),
            (
                "[options.pages]",
                "priority: 5",
                "priority: this inbox does not allow a sidecar to set this .wanted: options",
            ),
            ("[options.pages]", "options: {pages: [3]}", "options.pages"),
            ("[options]", "options: {pagess: '3'}", "options.pagess"),
            ("[deliver]", "deliver: {formats: [pdf]}", "local gives no pdf"),
            ("[provider]", "provider: cloud", "there is no provider cloud"),
            ("[mode]", "mode: fast", 'found "fast"'),
            ("[mode]", "rule: x", "unknown key rule"),
            ("[mode]", "mode: [", "not YAML"),
            ("[mode]", "mode: sync\nmode: async", "the key .mode. again"),
            ("[mode]", "", "empty"),
            ("[mode]", "- a", "found a list"),
            ("required", None, "the sidecar a.pdf.docferry.yaml is missing"),
            ("required", "mode: sync", "does not allow a sidecar to set this .wanted: nothing"),
        ],
    )
    def test_that_is_wrong_fails_its_document_with_the_reason(
        self, tmp_path: Path, allowed: str, sidecar: str | None, message: str
    ) -> None:
        with pytest.raises(RoutingError, match=message) as raised:
            self._route(tmp_path, allowed, sidecar)
        assert "\n" not in str(raised.value)

    def test_is_not_followed_through_a_symlink_nor_read_without_end(self, tmp_path: Path) -> None:
        (tmp_path / "secret.yaml").write_text("mode: sync")
        (tmp_path / "a.pdf.docferry.yaml").symlink_to("secret.yaml")
        with pytest.raises(RoutingError, match="cannot be read"):
            self._route(tmp_path, "[mode]", None)

        (tmp_path / "a.pdf.docferry.yaml").unlink()
        with pytest.raises(RoutingError, match="larger than 64 KiB"):
            self._route(tmp_path, "[mode]", "#" * 70_000)

    def test_means_nothing_where_the_inbox_takes_none(self, tmp_path: Path) -> None:
        plan = self._route(tmp_path, "[]", "mode: sync").plan  # type: ignore[attr-defined]

        assert plan.mode == "auto"

    def test_waits_until_the_class_is_known(self, tmp_path: Path) -> None:
        sort = "  - {name: sort, provider: nano, steps: [classify: {categories: [{name: Invoice}]}]}\n"
        text = with_rules(sort + REST).replace("failed: ./failed", "failed: ./failed\n    sidecar: [options.pages]")
        config, file = read(tmp_path, text), tmp_path / "a.pdf"
        (tmp_path / "a.pdf.docferry.yaml").write_text("options: {pages: '2'}")

        first = route(config, Told(), candidate("a.pdf", file))
        second = route(config, Told(), candidate("a.pdf", file, known={"class": "Invoice"}))

        assert first.plan is not None
        assert second.plan is not None
        assert "pages" not in first.plan.steps[0].options
        assert second.plan.steps[0].options == {"pages": "2"}
