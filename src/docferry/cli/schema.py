"""``docferry schema``: the JSON Schema of the configuration, for editors."""

from __future__ import annotations

import click

from docferry.cli.common import print_json


@click.command(name="schema")
@click.option("--rules", "of_rules", is_flag=True, help="The schema of the files in rules.d instead.")
def command(of_rules: bool) -> None:
    """Print the JSON Schema (2020-12) of the configuration.

    Editors with a YAML language server complete and check the configuration by it.
    """
    from docferry.config.jsonschema import config_schema, rules_schema

    print_json(rules_schema() if of_rules else config_schema())
