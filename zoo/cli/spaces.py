"""`--space` among other flags: what is typed overrules what a file says."""

from __future__ import annotations

from zoo.config import DEFAULTS, OPTIONS, TrainConfig
from zoo.tuning.dimension import ARGUMENT
from zoo.tuning.space import Space


def merge(
    config: TrainConfig, texts: list[str], argv: list[str]
) -> tuple[TrainConfig, list[str]]:
    """Lets what is typed go before what a recipe says of the same option.

    Args:
        config: of all flags.
        texts: each `--space` of all flags.
        argv: what was typed.

    Returns:
        The config without what is searched, and each `--space` that counts.
    """
    typed = {word.lstrip("-").partition("=")[0] for word in argv}
    own = _typed_spaces(argv)
    rest = list(texts)
    for text in own:
        rest.remove(text)
    names = {one.name for one in Space.parse(own).dimensions}
    kept = [
        one.text
        for one in Space.parse(rest).dimensions
        if one.name not in names | typed
    ]
    freed = {
        name: DEFAULTS[name]
        for name in names
        if name in OPTIONS and name not in typed
    }
    arguments = config.model_arg
    if "model_arg" not in typed:
        arguments = {
            name: value
            for name, value in arguments.items()
            if ARGUMENT + name not in names
        }
    return config.replace(**freed, model_arg=arguments), [*kept, *own]


def _typed_spaces(argv: list[str]) -> list[str]:
    found = []
    for word, after in zip(argv, [*argv[1:], ""], strict=True):
        name, equals, value = word.partition("=")
        if name in ("-space", "--space"):
            found.append(value if equals else after)
    return found
