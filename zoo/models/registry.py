"""The table's rows and look-up: find a model by name, list names, add one.

An entry names its builder as a string, "package.module:function", which is
imported when the builder is first called: listing models does not import
Keras.
"""

from __future__ import annotations

import dataclasses
import fnmatch
import importlib
import re
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Any

from zoo import errors
from zoo.errors import UserError, unknown_name_error
from zoo.models import plugins

EXTERNAL_SHAPE = (28, 28, 1)  # of which a model from elsewhere is described
NO_OPTIONS: Mapping[str, Any] = MappingProxyType({})


@dataclasses.dataclass(frozen=True)
class ModelEntry:
    """One row of the table of models.

    Attributes:
        name: Name of the model; for a family its pattern, with one `<word>`
            for each argument that the name carries: `wrn<depth>_<width>`.
        builder: `build(input_shape, num_classes, **options)`, or its
            location, "package.module:function".
        description: Short description, one line.
        default_input_shape: `(H, W, C)`, the input for which parameters and
            MACs are quoted.
        min_size: Minimum image side in pixels; smaller images are enlarged.
        takes_vectors: Whether the model also takes vectors `(D,)`.
        fit: Location of `fit(model, inputs, labels)` for a model that is not
            trained by gradients; its builder takes the number of training
            examples as `num_examples`.
        adapt: Location of `adapt(model, images)` for a model with layers
            whose weights are computed from training images `[N, H, W, C]`,
            preprocessed; called once, before the first step.
        paper_table: Location of `paper_table(model)`, which returns the table
            of the model's paper: its `title`, `heads`, `rows` of text, and
            whether its cells are `numbers`.
        year, paper, lecture: Origin, and the lecture that teaches it.
        members: Names of a family that listings show.
        name_patterns: Arguments of the name that are words, each with the
            regular expression of valid ones; the others are numbers.
        arguments: Builder arguments that the name fixes.
        option_patterns: Options that only some names of a family have, each
            with the regular expression that the words of the name must
            contain.
        unsupported_reason: Why common options are not supported, as the words
            after "which": "has no hidden layer; use --l2".
        recipe_small, recipe_large: Default recipes, as options of
            `TrainConfig`, for fewer than 10,000 training images and for more.
        recipe_vectors: Default recipe for datasets of vectors;
            `recipe_small` if empty.
        recipe_transfer: Default recipe for a run that starts from given
            weights; that of the data if empty.
        search_space: Default search space of a sweep, each item the text of
            one `--space`.
        registered: Whether a user added it by `register_model`.
        has_preprocessing: Whether its network begins with what it expects of
            raw pixels, as those of keras.applications do.
    """

    name: str
    builder: str | Callable
    description: str
    default_input_shape: tuple[int, int, int]
    min_size: int = 1
    takes_vectors: bool = False
    fit: str = ""
    adapt: str = ""
    paper_table: str = ""
    year: int | None = None
    paper: str = ""
    lecture: str = ""
    members: tuple[str, ...] = ()
    name_patterns: Mapping[str, str] = dataclasses.field(default_factory=dict)
    arguments: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    option_patterns: Mapping[str, str] = dataclasses.field(default_factory=dict)
    unsupported_reason: str = ""
    recipe_small: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    recipe_large: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    recipe_vectors: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    recipe_transfer: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    search_space: tuple[str, ...] = ()
    registered: bool = False
    has_preprocessing: bool = False

    @property
    def is_nonparametric(self) -> bool:
        """Whether the model is fitted without gradients, as knn."""
        return bool(self.fit)

    @property
    def is_family(self) -> bool:
        """Whether the name carries arguments."""
        return "<" in self.name

    def match(self, name: str) -> ModelEntry | None:
        """Returns the entry for one name of this family, or `None`.

        Numbers in names have no leading zero: `wrn28_10`, never `wrn28_010`.
        A word may be anything, even empty: the builder knows what it means
        and explains what it cannot mean.
        """
        if not self.is_family:
            return self if name == self.name else None
        found = re.fullmatch(self._regex(), name)
        if not found:
            return None
        parsed = {
            key: text if key in self.name_patterns else int(text)
            for key, text in found.groupdict().items()
        }
        arguments = {**self.arguments, **parsed}
        return dataclasses.replace(self, name=name, arguments=arguments)

    def matches(self, name: str) -> bool:
        """Whether this is the entry's own name or a valid one of its family.

        Any number is accepted here; the builder checks which depths exist.
        """
        entry = self.match(name)
        return entry is not None and all(
            re.fullmatch(pattern, entry.arguments[word])
            for word, pattern in self.name_patterns.items()
        )

    def _regex(self) -> str:
        def group(found: re.Match) -> str:
            key = found[1]
            if key in self.name_patterns:
                return rf"(?P<{key}>[\w-]*)"
            return f"(?P<{key}>[1-9][0-9]{{0,8}}|0)"

        return re.sub(r"<(\w+)>", group, self.name)

    def lacks_option(self, name: str) -> bool:
        """Whether the words in this name leave an option without effect."""
        pattern = self.option_patterns.get(name)
        if pattern is None:
            return False
        words = (str(self.arguments.get(w, "")) for w in self.name_patterns)
        return not re.search(pattern, "_".join(words))

    def load(self) -> Callable:
        """Returns the builder, imported if necessary.

        Raises:
            UserError: the builder of a registered model cannot be imported.
        """
        if callable(self.builder):
            return self.builder
        if plugins.is_file_name(self.builder):
            return plugins.load_file(self.builder)
        try:
            return _import(self.builder)
        except (ImportError, AttributeError) as error:
            if not self.registered:
                raise
            raise UserError(
                f"the builder {self.builder!r} of {self.name} cannot be "
                f"imported: {error}; give it as "
                '"package.module:function".'
            ) from error

    def load_fit(self) -> Callable:
        """Returns the function that fits a model without gradients."""
        return _import(self.fit)

    def load_adapt(self) -> Callable:
        """Returns the function that computes weights from images."""
        return _import(self.adapt)

    def load_paper_table(self) -> Callable:
        """Returns the function that makes the table of the paper."""
        return _import(self.paper_table)


def _import(location: str) -> Callable:
    """Imports the function at "package.module:function"."""
    module, _, function = location.partition(":")
    return getattr(importlib.import_module(module), function)


def _external_entry(name: str, builder: str, description: str) -> ModelEntry:
    return ModelEntry(
        name,
        builder,
        description,
        EXTERNAL_SHAPE,
        takes_vectors=True,
        registered=True,
    )


def _installed_entry(name: str) -> ModelEntry:
    builder = plugins.installed()[name]
    package = builder.partition(":")[0].partition(".")[0]
    return _external_entry(name, builder, f"of the package {package}")


class Registry:
    """Models by name, in the order in which a course introduces them."""

    def __init__(self, entries: tuple[ModelEntry, ...]):
        self._entries = list(entries)

    def __iter__(self) -> Iterator[ModelEntry]:
        """Yields one entry for each listed name, families spelled out."""
        for entry in self._entries:
            if entry.is_family:
                yield from (entry.match(name) for name in entry.members)
            else:
                yield entry
        for name in plugins.installed():
            if not any(entry.matches(name) for entry in self._entries):
                yield _installed_entry(name)

    def names(self, pattern: str = "*") -> list[str]:
        """Returns the listed names that match a wildcard such as `wrn*`."""
        return [
            entry.name
            for entry in self
            if fnmatch.fnmatchcase(entry.name, pattern)
        ]

    def families(self) -> list[ModelEntry]:
        """Returns the entries whose names carry arguments."""
        return [entry for entry in self._entries if entry.is_family]

    def find(self, name: str) -> ModelEntry:
        """Returns the entry of `name`; raises `UserError` with close matches.

        `PATH.py:build` is a model of the user's own, from a file.

        An exact name takes precedence over the pattern of a family, and the
        first of two matching families over the second: `resnet50` does not
        belong to `resnet<depth>`.
        """
        for entry in sorted(self._entries, key=lambda entry: entry.is_family):
            if match := entry.match(name):
                return match
        if plugins.is_file_name(name):
            plugins.check_file(name)
            return _external_entry(name, name, "your own, from a file")
        if name in plugins.installed():
            return _installed_entry(name)
        raise unknown_name_error(
            "model", name, self.names(), "zoo models", errors.models_like(name)
        )

    def add(self, entry: ModelEntry) -> None:
        """Adds an entry at the end; names are unique."""
        if any(known.matches(entry.name) for known in self._entries):
            raise UserError(
                f"a model named {entry.name!r} already exists; choose another "
                "name."
            )
        self._entries.append(entry)

    def discard(self, name: str) -> None:
        """Removes an entry that a user registered, if there is one."""
        self._entries = [
            entry
            for entry in self._entries
            if not (entry.registered and entry.name == name)
        ]
