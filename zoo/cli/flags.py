"""Flags of commands, read by absl, and their help texts.

The value of every flag is read as text and parsed by
`zoo.config.parse_option`, so that the command line, flagfiles and Python check
values in one place, with the same error messages.
"""

from __future__ import annotations

import dataclasses
import re
import shlex
import textwrap
from collections.abc import Iterable

from absl import flags

from zoo import errors
from zoo.config import (
    BOOL,
    DEFAULTS,
    GROUPS,
    OPTIONS,
    TrainConfig,
    format_option,
    parse_option,
)
from zoo.errors import DASHES, UserError, close_matches
from zoo.recipes import LENGTHS, read_flagfiles
from zoo.summaries import registry

HELP_COLUMNS = 80
HELP_FLAGS = ("--help", "-h", "-help", "--helpfull")
TITLES = {"": "Command", **GROUPS}
DATA_DIR = (
    "where the data are, if they were moved: the PATH of folder:, npz:, csv: "
    "and points:, else the folder of tensorflow-datasets"
)


@dataclasses.dataclass(frozen=True)
class Flag:
    """A flag, as the help text shows it.

    Attributes:
        name: Name without dashes.
        help: Line that describes it.
        group: Heading that it stands under, a key of `TITLES`.
        common: Whether `--help` shows it; `--helpfull` shows all.
    """

    name: str
    help: str
    group: str = ""
    common: bool = True


class Command:
    """The flags and arguments of one command.

    Args:
        usage: first line of its help, such as `zoo resume RUN`.
        about: what it does, in a few sentences.
        words: names of its arguments besides flags; a last one that ends in
            `...` stands for one or more; one in brackets is optional.
    """

    def __init__(self, usage: str, about: str, words: tuple[str, ...] = ()):
        self.usage = usage
        self.about = about
        self.words = words
        self.values = flags.FlagValues()
        self.values.set_gnu_getopt(True)
        self._all: dict[str, Flag] = {}

    def text(
        self, name: str, default: str | None, help: str, common: bool = True
    ) -> None:
        """Defines a flag with a text value; --help shows common ones."""
        flags.DEFINE_string(name, default, help, flag_values=self.values)
        self._all[name] = Flag(name, help, common=common)

    def texts(self, name: str, help: str) -> None:
        """Defines a flag with a text value that may be given repeatedly."""
        flags.DEFINE_multi_string(name, None, help, flag_values=self.values)
        self._all[name] = Flag(name, help)

    def switch(self, name: str, help: str, common: bool = True) -> None:
        """Defines a flag that is true or false; --help shows common ones."""
        flags.DEFINE_boolean(name, False, help, flag_values=self.values)
        self._all[name] = Flag(name, help, common=common)

    def options(self, *names: str) -> None:
        """Defines a flag for each option of `TrainConfig`, or for some."""
        for name in names or OPTIONS:
            option = OPTIONS[name]
            if option.type is BOOL:
                define = flags.DEFINE_boolean
            elif name == "model_arg":
                define = flags.DEFINE_multi_string
            else:
                define = flags.DEFINE_string
            define(name, None, option.help, flag_values=self.values)
            self._all[name] = Flag(
                name, option.help, option.group, option.common
            )

    def define_runs(self, data_dir: bool = True) -> None:
        """Defines the flags by which runs are found, and their data."""
        if data_dir:
            self.text("data_dir", None, DATA_DIR)
        self.text("runs_dir", DEFAULTS["runs_dir"], "folder of the run folders")

    def parse(self, argv: list[str]) -> list[str] | None:
        """Parses the words after the command.

        Returns:
            The words that are not flags; `None` if help was requested and
            printed.

        Raises:
            UserError: an unknown flag, a missing value, a missing argument or
                one too many.
        """
        if set(HELP_FLAGS) & set(argv):
            show_all = "--helpfull" in argv
            flags_ = self._all.values()
            print(help_text(self.usage, self.about, flags_, show_all))
            return None
        self._check_values(argv)
        self._typed = {word.lstrip("-").partition("=")[0] for word in argv}
        try:
            words = self.values(["zoo", *read_flagfiles(argv)])[1:]
        except flags.UnrecognizedFlagError as error:
            raise self._unknown(error.flagname) from None
        except flags.IllegalFlagValueError as error:
            raise _no_switch(str(error)) from None
        except UserError:
            raise
        except (flags.Error, ValueError, OSError) as error:
            raise UserError(_one_sentence(str(error))) from None
        needed = [word for word in self.words if not word.startswith("[")]
        if len(words) < len(needed):
            word = self.words[len(words)].rstrip(".")
            article = "an" if word[0] in "AEIOU" else "a"
            raise UserError(
                f"{article} {word} is missing; write `{self.usage}`."
            )
        endless = self.words and self.words[-1].rstrip("]").endswith("...")
        if len(words) > len(self.words) and not endless:
            raise self._too_many(words[len(self.words)])
        return words

    def given(self) -> list[str]:
        """Returns the names of the given flags, those of flagfiles too."""
        return [name for name in self._all if self.values[name].present]

    def config(self) -> TrainConfig:
        """Returns the config that the flags request."""
        given = {}
        for name, option in OPTIONS.items():
            value = getattr(self.values, name)
            if value is None:
                continue
            if option.type is BOOL:
                given[name] = value
            elif name == "model_arg":
                given[name] = {}
                for text in value:
                    given[name] |= parse_option(name, text)
            else:
                given[name] = parse_option(name, value)
        # One of the two, typed, overrides the other of a flagfile.
        for name, other in (LENGTHS, LENGTHS[::-1]):
            if name in self._typed and other not in self._typed:
                given.pop(other, None)
        return TrainConfig(**given)

    def _check_values(self, argv: list[str]) -> None:
        """Raises `UserError` for a flag that another flag or nothing follows.

        Absl would take the flag behind it for its value.
        """
        for word, after in zip(argv, [*argv, "--"][1:], strict=True):
            name = word.lstrip("-")
            takes = name == "flagfile" or (
                name in self._all and not self.values[name].boolean
            )
            if word.startswith("-") and takes and after.startswith("--"):
                raise UserError(
                    f"--{name} needs a value; write for example "
                    f"--{name}={_example(name)}."
                )

    def _too_many(self, word: str) -> UserError:
        """Builds the error for an argument too many."""
        return UserError(f"unexpected argument {word!r}; {self._meant(word)}")

    def _meant(self, word: str) -> str:
        """Suggests the flag that an argument may have been meant for."""
        if word.startswith(tuple(DASHES)):
            flag = f"--{word.lstrip(DASHES)}"
            return f"a flag begins with two hyphens: {shlex.quote(flag)}."
        if re.fullmatch(r"\d[\d.,;e+-]*", word):
            return (
                "values are written without spaces, as in "
                "--learning_rate=1e-3,1e-2."
            )
        if "model" not in self._all:
            return f"write `{self.usage}`."
        name, equals, value = word.partition("=")
        if equals and name in self._all:
            return f"did you mean {shlex.quote(f'--{word}')}?"
        data = errors.dataset_at(word)
        if data:
            return f"did you mean {shlex.quote(f'--dataset={data}')}?"
        from zoo.data.datasets import DATASETS

        if word in [source.name for source in DATASETS]:
            return f"did you mean --dataset={word}?"
        return f"to choose a model, write {shlex.quote(f'--model={word}')}."

    def _unknown(self, name: str) -> UserError:
        known = [*self._all, "flagfile"]
        meant = errors.FLAG_SYNONYMS.get(name.lower().replace("-", "_"))
        close = [meant] if meant in known else []
        verb = errors.FLAG_COMMANDS.get(name)
        if name in ("h", "help"):
            close = ["help"]
        elif not close and verb is None and len(name) > 1:
            close = close_matches(name, known, 1)
        if close:
            hint = f"did you mean --{close[0]}?"
        elif verb is not None:
            hint = f"it belongs to `zoo {verb}`."
        else:
            hint = f"`{' '.join(self.usage.split()[:2])} --helpfull` lists all."
        return UserError(f"unknown flag --{name}; {hint}")


def expand_flagfile(argv: list[str], name: str, path_of) -> list[str]:
    """Replaces `--NAME=value` by the flagfile that it stands for.

    The flagfile is put first, so that flags given besides override it
    wherever they stand.

    Args:
        argv: words of the command line.
        name: of the flag, such as `recipe`.
        path_of: returns the path of the flagfile for a value.
    """
    rest, files = [], []
    words = iter(argv)
    for word in words:
        flag, equals, value = word.lstrip("-").partition("=")
        if not word.startswith("-") or flag != name:
            rest.append(word)
            continue
        if not equals:
            value = next(words, "")
        if not value or value.startswith("-"):
            raise UserError(f"--{name} needs a value; write --{name}=NAME.")
        files.append(f"--flagfile={path_of(value)}")
    return [*files, *rest]


def _example(name: str) -> str:
    option = OPTIONS.get(name)
    if option is None:
        return "NAME"
    return option.choices[0] if option.choices else option.type.example


def _no_switch(text: str) -> UserError:
    """Builds the error for `--switch=value`; absl's text starts with it."""
    given = text.partition(":")[0].removeprefix("flag ")
    return UserError(f"{given} is not a boolean; give true or false.")


def _one_sentence(text: str) -> str:
    text = " ".join(text.split()).rstrip(".")
    return f"{text[:1].lower()}{text[1:]}."


def help_text(
    usage: str, about: str, flags: Iterable[Flag], show_all: bool
) -> str:
    """Returns the help text of a command, its flags in groups.

    Args:
        usage: how the command is written.
        about: what it does, in a few sentences.
        flags: all of the command.
        show_all: whether to show flags that are not common, too.
    """
    flags = list(flags)
    shown = [flag for flag in flags if show_all or flag.common]
    width = max((len(flag.name) for flag in shown), default=0)
    lines = [usage]
    lines += textwrap.wrap(
        f"  {about}", subsequent_indent="  ", break_on_hyphens=False
    )
    for group, title in TITLES.items():
        members = [flag for flag in shown if flag.group == group]
        if members:
            lines += ["", f"{title}:"]
        for flag in members:
            lines += textwrap.wrap(
                flag.help + _choices_and_default(flag.name),
                HELP_COLUMNS,
                initial_indent=f"  --{flag.name:<{width}}  ",
                subsequent_indent=" " * (width + 6),
            )
    if len(shown) < len(flags):
        lines += ["", "--helpfull shows all flags."]
    return "\n".join(lines)


def _choices_and_default(name: str) -> str:
    """Returns choices and default of an option, in brackets."""
    if name not in OPTIONS:
        return ""
    choices, default = OPTIONS[name].choices, DEFAULTS[name]
    if name == "summaries":
        choices = registry.GROUPS + registry.NAMES
    parts = [" | ".join(choices)] if choices else []
    if default not in (None, {}, (), False):
        (flag,) = format_option(name, default)
        parts.append(f"default: {flag.partition('=')[2]}")
    return f" ({'; '.join(parts)})" if parts else ""
