"""`zoo models`: the models of the zoo in a table."""

from __future__ import annotations

import json

from zoo.cli.flags import Command
from zoo.models import describe


def run(argv: list[str]) -> int:
    """Lists models; returns the exit code."""
    command = Command("zoo models", "List the models of the zoo.")
    command.text("filter", "*", "wildcard for the names, such as 'wrn*'")
    command.switch("wide", "name the lecture and the paper of each, too")
    command.switch("json", "print JSON, with everything that is known")
    command.switch("markdown", "print the table of README")
    if command.parse(argv) is None:
        return 0
    entries = describe.list_entries(command.values.filter)
    if command.values.json:
        print(json.dumps(entries, indent=1))
    elif command.values.markdown:
        print(describe.format_markdown(entries))
    else:
        print(describe.format_entries(entries, command.values.wide))
    return 0
