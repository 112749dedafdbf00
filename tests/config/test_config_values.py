"""A configuration that is right becomes the values that were meant."""

from __future__ import annotations

from pathlib import Path

import pytest

from config.work import VALID, read, write
from docferry.config import KeySource, Rate, Secret, find_config, load, state_folder
from docferry.config.units import Interval
from docferry.errors import ConfigError, UsageError

DESIGN = """\
state: ./state                     # default: $STATE_DIRECTORY under systemd, else the user's state folder

inboxes:
  - name: scans
    path: ./inbox
    outbox: ./outbox
    archive: ./archive             # or `after: delete`, `after: keep` (with claim: leave)
    failed: ./failed
    recursive: true
    watch: auto                    # auto | events | poll   (auto: poll on network filesystems)
    settle: 2s                     # quiet time wanted of a file whose writer was not seen to close it
    rescan: 60s
    ignore: ["*.tmp", "*.part", "~$*", ".*"]     # added to the built-in list of lock and partial files
    duplicates: process            # process | link (same bytes, same plan: pay nothing) | skip
    alert_after: 30 min            # a document that waits longer is an alert

providers:
  local:    {dialect: pulse, engine: embedded}
  pulse:    {dialect: pulse, url: "https://api.runpulse.com", key: {env: PULSE_API_KEY},
             concurrency: 8, rate: 60/min}
  nanonets: {dialect: nanonets, url: "https://extraction-api.nanonets.com", key: {credential: nanonets-key}}

rules:                             # first match wins; a rule without `when` matches everything
  - name: long contracts
    when:
      inbox: scans
      path: "contracts/**"         # glob(s) on the path below the inbox; `name:` for the file name alone
      type: application/pdf        # from the content, never from the name; `image/*` works
      pages: ">= 50"
    provider: pulse
    mode: async                    # auto (default) | async | sync
    steps:
      - extract: {extensions: {chunking: {chunkTypes: [page], chunkSize: 2000}}}
      - split: {split_config: {split_input: [{name: Terms, description: payment terms}]}}
      - schema: {schema_config: {input_schema: {type: object, properties: {total: {type: number}}}}}
    deliver: {formats: [markdown, json, raw]}

  - name: receipts
    when: {any: [{path: "receipts/**"}, {name: "*receipt*"}], size: "< 20 MB"}
    provider: nanonets
    steps:
      - extract: {output_format: [markdown, json], json_options: [merchant, date, total],
                  include_metadata: [bounding_boxes, confidence_score]}

  - name: everything else
    provider: local
    deliver: {formats: [markdown, json]}

engine:                            # the embedded engine's own settings; all optional
  workers: auto
  limits: {upload: 500 MB, pages: 5000, job_time: 10 min, memory: 1 GB}
  llm: {url: "http://localhost:11434/v1", model: some-model}      # any OpenAI-compatible server, if there is one
"""


def test_the_example_of_the_design_loads(tmp_path: Path) -> None:
    config = read(tmp_path, DESIGN)

    (inbox,) = config.inboxes
    assert (inbox.name, inbox.path, inbox.archive) == ("scans", tmp_path / "inbox", tmp_path / "archive")
    assert (inbox.settle_s, inbox.rescan_s, inbox.alert_after_s) == (2.0, 60.0, 1800.0)
    assert inbox.ignore == ("*.tmp", "*.part", "~$*", ".*")
    pulse = config.providers["pulse"]
    assert (pulse.name, pulse.concurrency, pulse.rate) == ("pulse", 8, Rate(60, 60.0))
    assert pulse.key == KeySource(kind="env", name="PULSE_API_KEY")
    assert config.providers["nanonets"].key == KeySource(kind="credential", name="nanonets-key")
    assert [rule.name for rule in config.rules] == ["long contracts", "receipts", "everything else"]
    contracts, receipts, _ = config.rules
    assert contracts.when.pages is not None
    assert contracts.when.pages[0].interval == Interval(low=50)
    assert [step.endpoint for step in contracts.steps or ()] == ["extract", "split", "schema"]
    assert receipts.when.any is not None
    assert receipts.when.any[1].name == ("*receipt*",)
    assert config.engine.workers is None
    assert (config.engine.upload_bytes, config.engine.max_pages) == (500_000_000, 5000)
    assert (config.engine.job_time_s, config.engine.memory_bytes) == (600.0, 1_000_000_000)
    assert config.origins["receipts"] == "docferry.yaml:38"


def test_relative_paths_start_at_the_file_and_others_are_kept(tmp_path: Path) -> None:
    text = VALID.replace("./outbox", "/srv/out").replace("./failed", "~/failed")
    config = load(write(tmp_path / "etc", text), environ={})

    (inbox,) = config.inboxes
    assert inbox.path == tmp_path / "etc" / "inbox"
    assert inbox.outbox == Path("/srv/out")
    assert inbox.failed == Path.home() / "failed"


@pytest.mark.parametrize(
    ("environ", "state"),
    [
        ({"STATE_DIRECTORY": "/var/lib/docferry:/var/lib/other", "HOME": "/home/a"}, "/var/lib/docferry"),
        ({"XDG_STATE_HOME": "/home/a/state", "HOME": "/home/a"}, "/home/a/state/docferry"),
        ({"XDG_STATE_HOME": "relative", "HOME": "/home/a"}, "/home/a/.local/state/docferry"),
        ({"HOME": "/home/a"}, "/home/a/.local/state/docferry"),
    ],
)
def test_without_state_systemds_folder_is_used_else_the_users(
    tmp_path: Path, environ: dict[str, str], state: str
) -> None:
    path = write(tmp_path, VALID.replace("state: ./state\n", ""))

    assert load(path, environ=environ).state == Path(state)


@pytest.mark.parametrize("wrong", ["rules: [5]\n", "inboxes: no\nwat: 1\n"])
def test_the_state_folder_is_found_whatever_else_is_wrong(tmp_path: Path, wrong: str) -> None:
    assert state_folder(write(tmp_path, wrong + "state: ./here\n"), environ={}) == tmp_path / "here"
    assert state_folder(write(tmp_path, wrong), environ={"HOME": "/home/a"}) == Path("/home/a/.local/state/docferry")
    assert state_folder(write(tmp_path, "state: [\n"), environ={"STATE_DIRECTORY": "/s"}) == Path("/s")


def test_rules_of_rules_d_come_before_those_of_the_main_file_in_name_order(tmp_path: Path) -> None:
    write(tmp_path, "rules: [{name: b, when: {name: b}, provider: local}]", "rules.d/20-b.yaml")
    write(
        tmp_path,
        "rules: [{name: a, when: {name: a}, provider: nano, steps: [extract: {output_format: html}]}]",
        "rules.d/10-a.yaml",
    )
    write(tmp_path, "not: [read", "rules.d/.10-a.yaml.swp")
    write(tmp_path, "not: [read", "rules.d/30-c.yaml~")

    config = read(tmp_path)

    assert [rule.name for rule in config.rules] == ["a", "b", "everything"]
    assert config.origins["a"] == "rules.d/10-a.yaml:1"
    assert [path.name for path in config.sources] == ["docferry.yaml", "10-a.yaml", "20-b.yaml"]


def test_the_hash_tells_rules_apart_but_not_comments(tmp_path: Path) -> None:
    first = read(tmp_path, VALID).rules_hash

    assert read(tmp_path, "# a remark\n" + VALID).rules_hash == first
    assert read(tmp_path, VALID + "    priority: 1\n").rules_hash != first
    assert read(tmp_path, VALID + "defaults: {mode: sync}\n").rules_hash != first


def test_claim_leave_keeps_originals_unless_told_otherwise(tmp_path: Path) -> None:
    config = read(tmp_path, VALID.replace("    archive: ./archive\n", "    claim: leave\n"))

    assert (config.inboxes[0].after, config.inboxes[0].archive) == ("keep", None)


def test_values_are_frozen_and_code_may_use_their_own_names(tmp_path: Path) -> None:
    from docferry.config import InboxConfig

    inbox = InboxConfig(name="a", path=tmp_path, outbox=tmp_path, failed=tmp_path, settle_s=0.25)

    assert inbox.settle_s == 0.25
    with pytest.raises(ValueError, match="frozen"):
        inbox.settle_s = 1.0


def test_the_first_configuration_that_exists_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    environ = {"XDG_CONFIG_HOME": str(tmp_path / "xdg")}
    with pytest.raises(UsageError, match="no configuration found"):
        find_config(None, environ)

    user = write(tmp_path / "xdg" / "docferry", VALID)
    assert find_config(None, environ) == user
    write(tmp_path, VALID)
    assert find_config(None, environ) == Path("docferry.yaml")
    assert find_config(tmp_path / "xdg" / "docferry", environ) == user
    assert find_config(Path("other.yaml"), environ) == Path("other.yaml")


class TestKeys:
    def test_come_from_the_environment_a_file_or_a_credential(self, tmp_path: Path) -> None:
        file = write(tmp_path, "from-file\n", "key")
        file.chmod(0o600)
        write(tmp_path, "from-credential", "credentials/nano").chmod(0o400)

        environment = KeySource(kind="env", name="KEY").read({"KEY": "from-env"}, None)
        assert environment.reveal() == "from-env"
        assert KeySource(kind="file", name=str(file)).read({}, None).reveal() == "from-file"
        credential = KeySource(kind="credential", name="nano").read({}, tmp_path / "credentials")
        assert credential.reveal() == "from-credential"

    @pytest.mark.parametrize(
        ("source", "environ", "message"),
        [
            (KeySource(kind="env", name="KEY"), {}, "KEY, from which a key is wanted, is not set"),
            (KeySource(kind="env", name="KEY"), {"KEY": " "}, "is empty"),
            (KeySource(kind="env", name="KEY"), {"KEY": "two\nlines"}, "no HTTP header"),
            (KeySource(kind="credential", name="nano"), {}, "only there under systemd"),
            (KeySource(kind="file", name="/nowhere/key"), {}, "cannot be read"),
        ],
    )
    def test_that_are_not_there_are_named(self, source: KeySource, environ: dict[str, str], message: str) -> None:
        with pytest.raises(ConfigError, match=message):
            source.read(environ, None)

    @pytest.mark.parametrize("mode", [0o604, 0o644, 0o602])
    def test_in_files_open_to_others_are_refused_and_not_shown(self, tmp_path: Path, mode: int) -> None:
        file = write(tmp_path, "very-secret", "key")
        file.chmod(mode)

        with pytest.raises(ConfigError, match="can be read by others: chmod o=") as raised:
            KeySource(kind="file", name=str(file)).read({}, None)
        assert "very-secret" not in str(raised.value)

    def test_hide_themselves(self) -> None:
        import pickle

        secret = Secret("very-secret")

        assert "very-secret" not in f"{secret} {secret!r} {[secret]}"
        with pytest.raises(TypeError):
            pickle.dumps(secret)
        assert secret == Secret("very-secret")
