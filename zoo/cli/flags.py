"""Flags from the options of `TrainConfig`, read by absl.

Every flag is read as text and handed to `zoo.config.parse_option`, so that
the command line, flagfiles and Python check values in one place and complain
in one voice.
"""

from __future__ import annotations

import shlex

from absl import flags

from zoo import synonyms
from zoo.cli.help import Flag, text
from zoo.config import BOOL, OPTIONS, TrainConfig, parse_option
from zoo.errors import UserError, close_matches


class Command:
    """The flags and words that one verb takes.

    Args:
        usage: the first line of its help, such as `zoo resume RUN`.
        about: what it does, in a sentence.
        words: names of the words it needs besides flags; a last one that
            ends in `...` stands for one or more; one in brackets may be left
            out.
    """

    def __init__(self, usage: str, about: str, words: tuple[str, ...] = ()):
        self.usage = usage
        self.about = about
        self.words = words
        self.values = flags.FlagValues()
        self.values.set_gnu_getopt(True)
        self._all: dict[str, Flag] = {}

    def text(
        self, name: str, default: str | None, help: str, everyday: bool = True
    ) -> None:
        """Defines a flag that takes a text; --help shows everyday ones."""
        flags.DEFINE_string(name, default, help, flag_values=self.values)
        self._all[name] = Flag(name, help, everyday=everyday)

    def texts(self, name: str, help: str) -> None:
        """Defines a flag that takes a text, and may be given repeatedly."""
        flags.DEFINE_multi_string(name, None, help, flag_values=self.values)
        self._all[name] = Flag(name, help)

    def switch(self, name: str, help: str) -> None:
        """Defines a flag that is there or not."""
        flags.DEFINE_boolean(name, False, help, flag_values=self.values)
        self._all[name] = Flag(name, help)

    def options(self, *names: str) -> None:
        """Defines a flag for each option of `TrainConfig`, or for some."""
        for name in names or OPTIONS:
            option = OPTIONS[name]
            if option.kind is BOOL:
                define = flags.DEFINE_boolean
            elif name == "model_arg":
                define = flags.DEFINE_multi_string
            else:
                define = flags.DEFINE_string
            define(name, None, option.help, flag_values=self.values)
            self._all[name] = Flag(
                name, option.help, option.group, option.everyday
            )

    def parse(self, argv: list[str]) -> list[str] | None:
        """Reads the words after the verb.

        Returns:
            The words that are no flags; `None` if help was asked for and
            shown.

        Raises:
            UserError: an unknown flag, a missing value, a missing word or
                one too many.
        """
        if any(a in ("--help", "-h", "-help", "--helpfull") for a in argv):
            everything = "--helpfull" in argv
            print(text(self.usage, self.about, self._all.values(), everything))
            return None
        self._check_values(argv)
        self._typed = {word.lstrip("-").partition("=")[0] for word in argv}
        try:
            words = self.values(["zoo", *argv])[1:]
        except flags.UnrecognizedFlagError as error:
            raise self._unknown(error.flagname) from None
        except flags.CantOpenFlagFileError as error:
            raise _no_flagfile(error.__context__) from None
        except flags.IllegalFlagValueError as error:
            raise _no_switch(str(error)) from None
        except UnicodeDecodeError:
            raise UserError(
                "--flagfile is no text; give a file with a flag in each line."
            ) from None
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
        """Returns the flags that were given, be it by a flagfile."""
        return [name for name in self._all if self.values[name].present]

    def config(self) -> TrainConfig:
        """Returns the config that the flags ask for."""
        given = {}
        for name, option in OPTIONS.items():
            value = getattr(self.values, name)
            if value is None:
                continue
            if option.kind is BOOL:
                given[name] = value
            elif name == "model_arg":
                given[name] = {}
                for text in value:
                    given[name] |= parse_option(name, text)
            else:
                given[name] = parse_option(name, value)
        # One of the two, typed, overrides the other of a flagfile.
        for name, other in (("epochs", "steps"), ("steps", "epochs")):
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
        """Builds the error for a word that no flag announces."""
        return UserError(
            f"unexpected argument {word!r} of "
            f"`{' '.join(self.usage.split()[:2])}`; {self._meant(word)}"
        )

    def _meant(self, word: str) -> str:
        """Returns which flag a word without one was meant for, as a hint."""
        if "model" not in self._all:
            return "flags start with --."
        name, equals, value = word.partition("=")
        if equals and name in self._all:
            return f"did you mean {shlex.quote(f'--{word}')}?"
        data = synonyms.dataset(word)
        if data:
            return f"did you mean {shlex.quote(f'--dataset={data}')}?"
        from zoo.data.sources import SOURCES

        if word in [source.name for source in SOURCES]:
            return f"did you mean --dataset={word}?"
        return f"a model is named by {shlex.quote(f'--model={word}')}."

    def _unknown(self, name: str) -> UserError:
        known = [*self._all, "flagfile"]
        meant = synonyms.FLAGS.get(name.lower().replace("-", "_"))
        close = [meant] if meant in known else close_matches(name, known, 1)
        hint = (
            f"did you mean --{close[0]}?"
            if close
            else f"`{' '.join(self.usage.split()[:2])} --helpfull` lists all."
        )
        return UserError(f"there is no flag --{name}; {hint}")


def expand_flagfile(argv: list[str], name: str, path_of) -> list[str]:
    """Replaces `--NAME=value` by the flagfile that it stands for.

    The flagfile is put first, so that flags given besides override it,
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
    return option.choices[0] if option.choices else option.kind.example


def _no_flagfile(error: OSError) -> UserError:
    return UserError(
        f"--flagfile={error.filename} cannot be opened: {error.strerror}; "
        "`zoo recipes` lists those that come with the zoo."
    )


def _no_switch(text: str) -> UserError:
    """Builds the error for `--switch=value`; absl's text starts with it."""
    given = text.partition(":")[0].removeprefix("flag ")
    return UserError(f"{given} is neither true nor false; give one of them.")


def _one_sentence(text: str) -> str:
    text = " ".join(text.split()).rstrip(".")
    return f"{text[:1].lower()}{text[1:]}."
