"""Everything that is wrong is found at once, and said with its place, what was found and what is wanted."""

from __future__ import annotations

from pathlib import Path

import pytest

from config.work import VALID, only_problem, problems, read, with_rules, write
from docferry.config import load
from docferry.daemon.status import ask_status
from docferry.errors import ConfigError


def test_a_problem_shows_its_place_its_line_and_the_nearest_name(tmp_path: Path) -> None:
    text = VALID.replace("    failed: ./failed\n", "    failed: ./failed\n    setle: 2s\n")

    assert only_problem(tmp_path, text).splitlines() == [
        "docferry.yaml:8:5: inboxes[0].setle: unknown key setle",
        "     8 |     setle: 2s",
        "             ^^^^^",
        "       wanted: one of after, alert_after, archive, claim, done_file, duplicates, failed, ignore, links, name, "
        "outbox, output_group, output_mode, path, recursive, rescan, settle, settle_max, sidecar, watch",
        "       hint: did you mean settle?",
    ]


def test_all_problems_are_reported_at_once_in_the_order_of_the_files(tmp_path: Path) -> None:
    text = """\
stat: ./state
inboxes:
  - {name: scans, path: ./inbox, outbox: ./outbox, archive: ./archive, failed: ./failed, rescan: 60}
providers:
  local: {dialect: puls, engine: embedded}
rules:
  - name: a
    when: {pages: "> many", inbox: scan}
    provider: local
  - name: b
    when: {inbox: scan}
    provider: lokal
    deliver: {name: "{stm}.x"}
"""
    write(tmp_path, "rules: [{name: c, when: {size: big}, provider: local}]", "rules.d/c.yaml")

    headlines = [problem.splitlines()[0] for problem in problems(tmp_path, text)]

    assert headlines == [
        "docferry.yaml:1:1: stat: unknown key stat",
        "docferry.yaml:3:98: inboxes[0].rescan: found 60",
        "docferry.yaml:5:20: providers.local.dialect: unknown dialect puls",
        'docferry.yaml:8:19: rules[0].when.pages: found "> many"',
        "docferry.yaml:8:36: rules[0].when.inbox: there is no inbox scan",
        "docferry.yaml:11:19: rules[1].when.inbox: there is no inbox scan",
        "docferry.yaml:12:15: rules[1].provider: there is no provider lokal",
        "docferry.yaml:13:21: rules[1].deliver.name: {stm} is not a variable; known are name, stem, extension, path, "
        "inbox, date, sha256, id; for the text itself write {{stm}}",
        'rules.d/c.yaml:1:32: rules[0].when.size: found "big"',
    ]


@pytest.mark.parametrize(
    ("old", "new", "headline", "advice"),
    [
        ("    path: ./inbox\n", "", "docferry.yaml:3:5: inboxes[0].path: path is missing", "drop documents into"),
        ("name: scans", "name: [scans]", "inboxes[0].name: found a list", "a name of letters"),
        ("path: ./inbox", "path: 5", "inboxes[0].path: found 5", "a path"),
        ("failed: ./failed", "failed: ./failed\n    watch: pol", 'inboxes[0].watch: found "pol"', "did you mean poll?"),
        ("failed: ./failed", "failed: ./failed\n    settle: 2", "inboxes[0].settle: found 2", "a time with its unit"),
        ("failed: ./failed", "failed: ./failed\n    settle: 2 parsecs", "inboxes[0].settle", "a time with its unit"),
        ("failed: ./failed", "failed: ./failed\n    rescan: 0s", "inboxes[0].rescan", "a time above zero"),
        ("failed: ./failed", "failed: ./failed\n    keep_history: 1", "unknown key keep_history", "one of"),
        ("failed: ./failed", "failed: ./failed\n    settle_s: 2s", "unknown key settle_s", "did you mean settle?"),
        ("failed: ./failed", "failed: ./failed\n    output_mode: 0999", "output_mode", "octal digits"),
        ("failed: ./failed", "failed: ./outbox", "inboxes[0].failed: the same folder as outbox", "of its own"),
        ("    archive: ./archive\n", "", "inboxes[0]: archive is missing", "where do originals go"),
        ("failed: ./failed", "failed: ./failed\n    after: keep", "after: keep needs claim: leave", "wanted"),
        ("failed: ./failed", "failed: ./failed\n    claim: leave", "claim: leave keeps files", "after: keep"),
        (
            "failed: ./failed",
            "failed: ./failed\n    sidecar: [option.pages]",
            "a sidecar cannot set option.pages",
            "options",
        ),
        ("engine: embedded}\n  nano", "url: ftp://x}\n  nano", "providers.local.url", "http or https"),
        ("engine: embedded}\n  nano", 'url: "https://me:pw@x.y"}\n  nano', "credentials in a URL", "without a user"),
        ("engine: embedded}\n  nano", "}\n  nano", "providers.local: neither url nor engine", "engine: embedded"),
        ("engine: embedded}\n  nano", "engine: embeded}\n  nano", 'found "embeded"', "embedded"),
        ("pulse, engine", "pulse, send_file_as: base64, engine", "Pulse takes documents only as files", "file"),
        ("pulse, engine", "pulse, concurrency: 0, engine", "providers.local.concurrency: found 0", "at least 1"),
        ("pulse, engine", 'pulse, concurrency: "8", engine', 'concurrency: found "8"', "without the quotes"),
        ("pulse, engine", "pulse, rate: fast, engine", 'rate: found "fast"', "60/min"),
        ("pulse, engine", "pulse, warn_on_deprecation: no, engine", 'found "no"', "write false"),
        ("pulse, engine", "pulse, key: {enviroment: A}, engine", "providers.local.key: found a mapping", "{env: NAME}"),
        ("state: ./state", "state: ./state\nlog: {level: loud}", 'log.level: found "loud"', "debug"),
        ("state: ./state", "state: ./state\nmetrics: {listen: here}", 'listen: found "here"', "HOST:PORT"),
        ("state: ./state", "state: ./state\nalerts: {urls: [{env: A}, 5]}", "alerts.urls[1]", "{env: NAME}"),
        ("state: ./state", "state: ./state\nengine: {limits: {page: 5}}", "engine.limits.page", "did you mean pages?"),
        ("    provider: local\n", "", "rules[0]: provider is missing", "one of local, nano"),
        ("rules:\n  - name: everything\n    provider: local\n", "", "rules is missing", "at least one rule"),
        ("  - name: everything", "  - name: everything\n    when: {name: x/*}", "x/* never matches", "path: looks"),
        (
            "  - name: everything",
            "  - name: everything\n    when: {name: '^a.*$'}",
            "^a.*$ never matches",
            "regex: takes",
        ),
        ("  - name: everything", "  - name: everything\n    when: {path: /a/**}", "/a/** never matches", "leading /"),
        ("  - name: everything", "  - name: everything\n    when: {path: a/}", "a/ never matches", "a/**"),
        ("  - name: everything", "  - name: everything\n    when: {regex: '*.pdf'}", "when.regex", "globs such as"),
        ("  - name: everything", "  - name: everything\n    when: {extension: '*.pdf'}", "extension", "globs are for"),
        ("  - name: everything", "  - name: everything\n    when: {pages: 010}", "when.pages", "leading zero"),
        ("  - name: everything", "  - name: everything\n    when: {pages: [5, many]}", 'found "many"', "a number"),
        ("  - name: everything", "  - name: everything\n    path: a", "unknown key path", "it belongs below when"),
        ("  - name: everything", "  - name: everything\n    when: {mode: sync}", "key mode", "it belongs to rules[0]"),
        ("    provider: local\n", "    provider: local\n    deliver: json\n", 'found "json"', "of formats, name"),
        ("  - name: everything", "  - name: everything\n    when: {nme: a}", "rules[0].when.nme", "did you mean name?"),
        (
            "  - name: everything",
            "  - name: everything\n    when: {any: {name: a}}",
            "when.any: found a mapping",
            "a list",
        ),
        ("  - name: everything", "  - name: everything\n    when: {any: []}", "when.any: found a list", "at least one"),
        ("  - name: everything", '  - name: everything\n    when: {regex: "(a"}', "when.regex", "that compiles"),
        ("  - name: everything", "  - name: everything\n    when: {type: pdf}", 'type: found "pdf"', "application/pdf"),
        ("  - name: everything", "  - name: everything\n    when: {modified: soon}", "modified", "newer than"),
        ("  - name: everything", "  - name: everything\n    when: {pages: 5 .. 3}", "pages", "no value at all"),
        (
            "  - name: everything",
            '  - name: everything\n    when: {regex: "(?P<name>a)"}',
            "built-in variable",
            "another",
        ),
    ],
)
def test_each_mistake_is_named_with_what_is_wanted(
    tmp_path: Path, old: str, new: str, headline: str, advice: str
) -> None:
    assert old in VALID

    problem = only_problem(tmp_path, VALID.replace(old, new))

    assert headline in problem.splitlines()[0]
    assert advice in problem


@pytest.mark.parametrize(
    ("rule", "headline", "advice"),
    [
        ("provider: lokal", "rules[0].provider: there is no provider lokal", "did you mean local?"),
        ("provider: local, steps: [extrakt]", "rules[0].steps[0]: the unknown endpoint", "extract"),
        ("provider: local, steps: [{extract: {}, split: {}}]", "rules[0].steps[0]: found a mapping", "one endpoint"),
        ("provider: local, steps: [{extract: [a]}]", "rules[0].steps[0]: found a mapping", "a mapping of options"),
        ("provider: local, steps: []", "rules[0].steps: found a list", "at least one"),
        ("provider: local, steps: [{extract: {pagess: '1'}}]", "steps[0].extract.pagess", "pages"),
        ("provider: local, steps: [{extract: {thinking: no}}]", 'steps[0].extract.thinking: found "no"', "true"),
        ("provider: local, steps: [{extract: {pages: 012}}]", "pages: found 012", "leading zero"),
        ("provider: local, steps: [tables]", "rules[0].steps[0]", "extract"),
        ("provider: nano", "rules[0]: steps is missing", "output_format"),
        ("provider: nano, steps: [tables]", "nano (nanonets) offers no tables", "one of classify, extract"),
        ("provider: local, deliver: {formats: [markdwn]}", "local (pulse) gives no markdwn", "did you mean markdown?"),
        ("provider: local, deliver: {formats: [json, json]}", "formats[1]: json again", "once"),
        ("provider: local, deliver: {name: '../{stem}'}", "leads out of the outbox", "relative path"),
        ("provider: local, deliver: {name: '/{stem}'}", "leads out of the outbox", "relative path"),
        ("provider: local, deliver: {name: '{date}'}", "this same name", "tells documents apart"),
        (
            "provider: local, deliver: {name: {stem}}",
            "deliver.name: found a mapping",
            'quote what starts with a brace: "{stem}"',
        ),
        ("provider: local, deliver: {name: '{stem:x}'}", "{stem} takes no format", ""),
        ("provider: local, deliver: {name: '{stem}-{date:%Q}'}", "the date format knows no %Q", ""),
        ("provider: local, steps: [{extract: {customPrompt: 'for {customer}'}}]", "{customer} is not a variable", ""),
        ("provider: local, fallback: local", "local as its own fallback", "another provider"),
        ("provider: local, fallback: nano", "nano speaks nanonets, but local speaks pulse", "engine: embedded"),
        ("provider: local, fallback: {provider: lokal}", "there is no provider lokal", "did you mean local?"),
        ("provider: local, after: keep", "but the inbox scans moves files away", ""),
        ("ignore: true, priority: 5", "ignore: true beside priority", "one or the other"),
        ("ignore: true, continue: true", "ignore: true beside continue", "one or the other"),
        ("provider: local, priority: 5000", "rules[0].priority: found 5000", "at most 1000"),
    ],
)
def test_mistakes_in_what_a_rule_decides(tmp_path: Path, rule: str, headline: str, advice: str) -> None:
    problem = only_problem(tmp_path, with_rules(f"  - {{name: a, {rule}}}\n"))

    assert headline in problem.splitlines()[0]
    assert advice in problem


def test_a_wrong_key_hides_nothing_else_that_is_wrong_in_its_rule(tmp_path: Path) -> None:
    rule = (
        "when: {inbox: scan, pages: many}, priority: high, steps: [{extract: {pagess: '1'}}], deliver: {formats: [pdf]}"
    )

    found = "\n".join(problems(tmp_path, with_rules(f"  - {{name: a, provider: local, {rule}}}\n")))

    for problem in ("no inbox scan", "pages: found", "priority: found", "unknown option pagess", "gives no pdf"):
        assert found.count(problem) == 1, problem
    assert found.count("docferry.yaml:") == 5


def test_classification_stands_alone_in_its_rule(tmp_path: Path) -> None:
    steps = "steps: [{classify: {categories: [{name: a}]}}, {extract: {output_format: json}}]"

    assert "classify beside other steps" in only_problem(
        tmp_path, with_rules(f"  - {{name: a, provider: nano, {steps}}}\n")
    )


def test_what_is_inherited_is_reported_once_where_it_is_written(tmp_path: Path) -> None:
    rules = "  - {name: a, when: {name: a}, provider: local}\n  - {name: b, provider: local}\n"
    text = with_rules(rules) + "defaults: {steps: [extract: {pagess: '1'}], deliver: {formats: [pdf]}}\n"

    found = [problem.splitlines()[0] for problem in problems(tmp_path, text)]

    assert len(found) == 2
    assert "defaults.steps[0].extract.pagess" in found[0]
    assert "defaults.deliver.formats[0]: local (pulse) gives no pdf" in found[1]


def test_names_are_unique_also_across_files(tmp_path: Path) -> None:
    write(tmp_path, "rules: [{name: everything, when: {name: a}, provider: local}]", "rules.d/a.yaml")

    problem = only_problem(tmp_path, VALID)

    assert "docferry.yaml:12:11: rules[0].name: the rule everything again" in problem
    assert "it stands at rules.d/a.yaml:1 already" in problem


@pytest.mark.parametrize(
    "spelling", ["key: sk-very-secret", "key:\n      sk-very-secret", "key: >-\n      sk-very-secret"]
)
def test_a_literal_key_is_refused_and_never_shown(tmp_path: Path, spelling: str) -> None:
    block = f"  cloud:\n    dialect: pulse\n    url: https://api.example.com\n    {spelling}\n"
    problem = only_problem(tmp_path, VALID.replace("providers:\n", "providers:\n" + block))

    assert "providers.cloud.key: a literal key" in problem
    assert "{env: NAME}, {file: PATH} or {credential: NAME}" in problem
    assert "very-secret" not in problem


def test_no_other_problem_of_the_line_shows_a_key_either(tmp_path: Path) -> None:
    line = "  cloud: {dialect: pulse, url: 'https://api.example.com', concurency: 8, api_key: sk-very-secret}\n"

    found = "\n".join(problems(tmp_path, VALID.replace("providers:\n", "providers:\n" + line)))

    assert "concurency" in found
    assert "api_key" in found
    assert "very-secret" not in found


def test_a_broken_file_does_not_show_keys(tmp_path: Path) -> None:
    assert "very-secret" not in only_problem(tmp_path, "providers: {cloud: {key: sk-very-secret: x}}")


def test_a_key_over_plain_http_is_refused_except_to_this_machine(tmp_path: Path) -> None:
    cloud = "  cloud: {dialect: pulse, url: 'http://HOST:5', key: {env: A}}\n"
    text = VALID.replace("providers:\n", "providers:\n" + cloud)

    assert "would travel unencrypted" in only_problem(tmp_path, text.replace("HOST", "api.example.com"))
    for host in ("127.0.0.1", "localhost", "[::1]"):
        read(tmp_path, text.replace("HOST", host))


def test_a_key_file_that_others_can_read_is_refused(tmp_path: Path) -> None:
    write(tmp_path, "secret", "nano.key").chmod(0o644)
    text = VALID.replace("nano: {", "nano: {key: {file: ./nano.key}, ")

    problem = only_problem(tmp_path, text)
    assert "providers.nano.key: the key file can be read by others" in problem
    assert "chmod o=" in problem

    (tmp_path / "nano.key").chmod(0o640)
    read(tmp_path, text)


def _two_rules(earlier: str, later: str) -> str:
    early = f"  - {{name: early, when: {{{earlier}}}, provider: local}}\n"
    return early + f"  - {{name: late, when: {{{later}}}, provider: local}}\n"


class TestRulesNeverReached:
    @pytest.mark.parametrize(
        ("earlier", "later"),
        [
            ("", "name: '*.pdf'"),
            ("path: '**'", "name: '*.pdf'"),
            ("pages: '>= 10'", "pages: '> 20'"),
            ("pages: '>= 10'", "pages: '10 .. 20'"),
            ("pages: ['< 5', '>= 10']", "pages: ['< 3', '> 20']"),
            ("type: 'image/*'", "type: [image/png, image/jpeg]"),
            ("name: ['*.pdf', '*.png']", "name: '*.png'"),
            ("any: [{name: a}, {name: b}]", "name: b"),
            ("any: [{name: a}, {name: b}, {name: c}]", "any: [{name: a}, {name: b}]"),
            ("not: {name: a}", "not: {name: [a, b]}"),
            ("size: '< 20 MB'", "all: [{size: '< 5 MB'}, {name: a}]"),
            ("extension: [pdf, PNG]", "extension: .png"),
            ("encrypted: true", "encrypted: true, name: a"),
            ("modified: newer than 2 days", "modified: newer than 1 day"),
        ],
    )
    def test_are_refused_where_that_is_certain(self, tmp_path: Path, earlier: str, later: str) -> None:
        problem = only_problem(tmp_path, with_rules(_two_rules(earlier, later)))

        assert "rules[1]: the rule late is never reached: early takes all its documents" in problem
        assert "move it above docferry.yaml:12" in problem

    @pytest.mark.parametrize(
        ("earlier", "later"),
        [
            ("pages: '> 20'", "pages: '>= 20'"),
            ("name: '*.pdf'", "name: '*a.pdf'"),
            ("type: image/png", "type: 'image/*'"),
            ("name: a, pages: '> 5'", "name: a"),
            ("any: [{name: a}, {name: b}]", "any: [{name: a}, {name: c}]"),
            ("not: {name: [a, b]}", "not: {name: a}"),
            ("class: invoice", "type: application/pdf"),
            ("modified: newer than 1 day", "modified: '>= 2026-01-01'"),
        ],
    )
    def test_are_not_where_some_document_may_reach_them(self, tmp_path: Path, earlier: str, later: str) -> None:
        assert len(read(tmp_path, with_rules(_two_rules(earlier, later))).rules) == 2

    @pytest.mark.parametrize("how", ["enabled: false, provider: local", "continue: true, priority: 5"])
    def test_rules_that_do_not_end_the_search_hide_nothing(self, tmp_path: Path, how: str) -> None:
        rules = f"  - {{name: early, {how}}}\n  - {{name: late, provider: local}}\n"

        assert len(read(tmp_path, with_rules(rules)).rules) == 2

    def test_a_rule_that_classifies_hides_nothing(self, tmp_path: Path) -> None:
        sort = "  - {name: sort, provider: nano, steps: [classify: {categories: [{name: a}]}]}\n"

        assert len(read(tmp_path, with_rules(sort + "  - {name: late, provider: local}\n")).rules) == 2


def test_tests_name_what_exists(tmp_path: Path) -> None:
    text = VALID + "tests:\n  - {facts: {page: 5}, expect: {rule: everythin}}\n  - {expect: {}, inbox: scan}\n"

    found = "\n".join(problems(tmp_path, text))

    assert "tests[0].facts.page: there is no fact page" in found
    assert "tests[0].expect.rule: there is no rule everythin" in found
    assert "tests[1].inbox: there is no inbox scan" in found
    assert "tests[1]: neither file nor facts" in found


@pytest.mark.parametrize(("missing", "hint"), [("nowhere.yaml", "docferry init writes one"), ("folder", "")])
def test_a_file_that_cannot_be_read_is_one_problem_also_for_status(tmp_path: Path, missing: str, hint: str) -> None:
    (tmp_path / "folder").mkdir()
    for ask in (load, ask_status):
        with pytest.raises(ConfigError, match=f"{missing}: cannot be read: .*") as raised:
            ask(tmp_path / missing, environ={"HOME": str(tmp_path)})
        assert len(raised.value.problems) == 1
        assert hint in raised.value.problems[0]
