"""The command line: one file a verb, and the only place that knows flags."""

from zoo.cli.main import main

__all__ = ["main"]
