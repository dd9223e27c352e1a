"""Tables of named things: find one, list some, explain a wrong name.

An entry names its builder as a string, "package.module:function", which is
imported when the builder is first called: listing the zoo costs no import of
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

from zoo import synonyms
from zoo.errors import UserError, unknown

NOTHING: Mapping[str, Any] = MappingProxyType({})


def _nothing() -> Any:
    # Before Python 3.12 a mapping proxy cannot be hashed, and data classes
    # refuse such defaults.
    return dataclasses.field(default_factory=lambda: NOTHING)


@dataclasses.dataclass(frozen=True)
class ModelEntry:
    """One line of the table of models.

    Attributes:
        name: the model's name; for a family its pattern, with one `<word>`
            for each argument that the name carries: `wrn<depth>_<width>`.
        builder: `build(input_shape, num_classes, **options)`, or where it is.
        about: a few words on what it is.
        home: `(H, W, C)`, the input for which its counts are quoted.
        smallest: least side in pixels; smaller images are enlarged to it.
        takes_vectors: whether it also takes vectors `(D,)`, since it has no
            use for where a pixel lies.
        memorize: for a model that learns by heart and not by gradients,
            where `memorize(model, inputs, labels)` is, which gives a built
            model the training examples; its builder takes how many they are
            as `memory`.
        adapt: for a model with layers that are measured and not learned,
            where `adapt(model, images)` is, which gives a built model its
            measured weights, from training images `[N, H, W, C]` as it sees
            them; it is called once, before the first update.
        year, paper, lecture: where it comes from and who teaches it.
        members: for a family, the names that listings show.
        words: which arguments in the name are words, each with the regular
            expression of those that mean something; others are numbers.
        arguments: builder arguments that the name fixes.
        needs: options that only some names of a family have, each with the
            regular expression that must be found in the name's words.
        lacks: why some common options have no place in it, as the words after
            "which": "has no hidden layer; use --l2".
        small, large: the default recipe, as options of `TrainConfig`, for
            small sets of images (below 10,000) and for large ones.
        points: the same for data sets of vectors; `small` where it is empty.
        space: what a sweep searches unless told otherwise, each as the text
            of one `--space`.
    """

    name: str
    builder: str | Callable
    about: str
    home: tuple[int, int, int]
    smallest: int = 1
    takes_vectors: bool = False
    memorize: str = ""
    adapt: str = ""
    year: int | None = None
    paper: str = ""
    lecture: str = ""
    members: tuple[str, ...] = ()
    words: Mapping[str, str] = dataclasses.field(default_factory=dict)
    arguments: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    needs: Mapping[str, str] = dataclasses.field(default_factory=dict)
    lacks: str = ""
    small: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    large: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    points: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    space: tuple[str, ...] = ()
    registered: bool = False

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
        found = re.fullmatch(self._pattern(), name)
        if not found:
            return None
        carried = {
            key: text if key in self.words else int(text)
            for key, text in found.groupdict().items()
        }
        arguments = {**self.arguments, **carried}
        return dataclasses.replace(self, name=name, arguments=arguments)

    def claims(self, name: str) -> bool:
        """Whether this is the entry's own name or a valid one of its family.

        No number is invalid here; which depths there are, the builder knows.
        """
        found = self.match(name)
        return found is not None and all(
            re.fullmatch(pattern, found.arguments[word])
            for word, pattern in self.words.items()
        )

    def _pattern(self) -> str:
        def group(found: re.Match) -> str:
            key = found[1]
            text = r"\w*" if key in self.words else "[1-9][0-9]*|0"
            return f"(?P<{key}>{text})"

        return re.sub(r"<(\w+)>", group, self.name)

    def lacks_option(self, name: str) -> bool:
        """Whether the words in this name leave an option without effect."""
        needed = self.needs.get(name)
        spoken = "_".join(str(self.arguments.get(w, "")) for w in self.words)
        return needed is not None and not re.search(needed, spoken)

    def load(self) -> Callable:
        """Imports the builder, if it is not there yet, and returns it.

        Raises:
            UserError: a user's own is not where it was said to be.
        """
        if callable(self.builder):
            return self.builder
        try:
            return _at(self.builder)
        except (ImportError, AttributeError) as error:
            if not self.registered:
                raise
            raise UserError(
                f"the builder {self.builder!r} of {self.name} cannot be "
                f"imported: {error}; give it as "
                '"package.module:function".'
            ) from error

    def load_memorize(self) -> Callable:
        """Imports the function that makes a model remember examples."""
        return _at(self.memorize)

    def load_adapt(self) -> Callable:
        """Imports the function that measures layers of a model."""
        return _at(self.adapt)


def _at(place: str) -> Callable:
    """Imports what stands at "package.module:function"."""
    module, _, function = place.partition(":")
    return getattr(importlib.import_module(module), function)


class Registry:
    """An ordered table of models, in the order a student meets them."""

    def __init__(self, entries: tuple[ModelEntry, ...]):
        self._entries = list(entries)

    def __iter__(self) -> Iterator[ModelEntry]:
        """Yields one entry for each listed name, families spelled out."""
        for entry in self._entries:
            if entry.is_family:
                yield from (entry.match(name) for name in entry.members)
            else:
                yield entry

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
        """Returns the entry of `name`; raises `UserError` with near names.

        A model's own name goes before a family's pattern that fits it too,
        and of two families the first: `resnet50` is no `resnet<depth>`.
        """
        for entry in sorted(self._entries, key=lambda entry: entry.is_family):
            if found := entry.match(name):
                return found
        raise unknown(
            "model", name, self.names(), "zoo models", synonyms.models(name)
        )

    def add(self, entry: ModelEntry) -> None:
        """Adds an entry at the end; a name can be given away only once."""
        if any(known.claims(entry.name) for known in self._entries):
            raise UserError(
                f"there is a model {entry.name!r} already; choose another name."
            )
        self._entries.append(entry)
