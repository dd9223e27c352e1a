"""What a run was made of: data, model, machine."""

from __future__ import annotations

from typing import Any

from zoo.console import format_bytes, format_count, format_shape
from zoo.data.sources import Source, find_source
from zoo.errors import UserError, join_and
from zoo.models import MODELS
from zoo.models.registry import ModelEntry
from zoo.reporting.elements import (
    NOTHING,
    Markup,
    definitions,
    element,
    joined,
    section,
    table,
)
from zoo.reporting.gathering import Story
from zoo.reporting.numbers import significant
from zoo.training import network

CHANNELS = 4  # of whose statistics all are told
NAMED = 12  # classes that are named
SUBTRACTED = {
    "none": "nothing is subtracted",
    "channel": "each channel's mean is subtracted",
    "pixel": "the mean image is subtracted",
    "image": "each image's own channel means are subtracted",
}
DIVIDED = {
    "none": "",
    "unit": "; divided by 255",
    "std": "; divided by each channel's standard deviation",
}


def data(story: Story) -> Markup:
    """Returns name, sizes, classes, fingerprint, preprocessing and origin."""
    show, found = story.numbers, story.resolved["data"]
    config, source = story.resolved["config"], source_of(story)
    sizes = joined(
        show.count("resolved.data.train"), " to train on, ",
        show.count("resolved.data.val"), " to validate on, ",
        joined(show.count("resolved.data.test"), " sealed for the test")
        if found["test"] else "no test split",
    )  # fmt: skip
    rows = [
        ("Data set", found["name"]),
        ("Shows", source and source.about),
        (story.noun.capitalize(), sizes),
        ("Size", format_shape(found["input_shape"]).replace("x", "×")),
        ("Classes", _classes(found["class_names"])),
        ("Validation", _cut(config, found)),
        ("Preprocessing", _preprocessing(story)),
        ("Augmentation", config["augment"].replace("_", " and ")),
        ("Features", _features(story)),
        ("Origin", source and source.origin),
        ("Licence", (source and source.licence) or "as its owner says"),
        ("Fingerprint", element("code", found["fingerprint"], class_="hash")),
    ]
    return section("Data", definitions(rows))


def source_of(story: Story) -> Source | None:
    """Returns the data set's line in the table, if it has one."""
    if story.resolved["data"]["handed_over"]:
        return None
    try:
        return find_source(story.resolved["data"]["name"])[0]
    except UserError:
        return None


def _classes(names: list[str]) -> str | None:
    if not names:
        return None
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return f"{len(names)}: {', '.join(names[:NAMED])}{more}"


def _cut(config: dict, found: dict) -> str:
    if found["handed_over"]:
        return "handed over as arrays"
    if not found["val"]:
        return "none held out"
    group = f", groups by {config['group_by']}" if config["group_by"] else ""
    return (
        f"{100 * config['val_fraction']:g} % of what is not for testing, cut "
        f"by a hash of the pixels, stratified by class{group}"
    )


def _preprocessing(story: Story) -> Markup:
    if own := story.resolved.get("own_preprocessing"):
        return joined(f"the model's own: {join_and(own)}.")
    found = story.resolved["statistics"]
    words = SUBTRACTED[found["mean_subtraction"]] + DIVIDED[found["scale"]]
    told = [f"{words}, measured on the training part"]
    for name, title in (("mean", "mean"), ("std", "deviation")):
        values = found[name]
        if values is None or isinstance(values[0], list):
            continue
        if len(values) > CHANNELS:
            continue
        numbers = [
            show
            for i in range(len(values))
            for show in (
                ", " if i else "",
                story.numbers.show(
                    f"resolved.statistics.{name}.{i}", significant
                ),
            )
        ]
        told.append(joined(f"; {title} ", numbers))
    return joined(*told, ".")


def _features(story: Story) -> str | None:
    found = story.resolved.get("features")
    return found and f"{found['name']}: {found['about']}"


def model(story: Story) -> Markup:
    """Returns what the model is, what it costs, and its parts."""
    show, config = story.numbers, story.resolved["config"]
    entry = _entry(config["model"])
    each = "an image" if story.noun == "images" else "a point"
    rows: list[tuple[str, Any]] = [
        ("Model", config["model"]),
        ("What it is", entry and entry.description),
        ("Paper", entry and entry.paper),
        ("Parameters", joined(
            show.count("resolved.parameters.trainable"), " trained of ",
            show.count("resolved.parameters.total"))),
        ("Multiply-adds", joined(
            show.count("resolved.multiply_adds"), f" for {each}")),
    ]  # fmt: skip
    parts = NOTHING
    if story.scored:
        costs, parts = _costs(story)
        rows.append(("Memory", costs))
    return section("Model", definitions(rows), parts)


def _entry(name: str) -> ModelEntry | None:
    try:
        return MODELS.find(name)
    except UserError:
        return None


def _costs(story: Story) -> tuple[str, Markup]:
    """Returns the memory in words, and a table of the model's parts."""
    from zoo.models import describe

    layers = describe.layer_costs(network.body_of(story.scored.model))
    memory = describe.total_memory(layers)
    told = (
        f"{format_bytes(memory['weight_bytes'])} of weights, "
        f"{format_bytes(memory['activation_bytes'])} of activations for one "
        "example, in float32"
    )
    rows = [
        (
            part["name"],
            str(part["layers"]),
            format_shape(part["output"]).replace("x", "×"),
            format_count(part["trainable"] + part["non_trainable"]),
            format_count(part["multiply_adds"]),
        )
        for part in describe.stage_costs(layers)
    ]
    heads = ("part", "layers", "output", "parameters", "multiply-adds")
    return told, table(heads, rows, (1, 3, 4))


def machine(story: Story) -> Markup:
    """Returns on what it was computed, with which versions."""
    resolved = story.resolved
    found, config = resolved["machine"], resolved["config"]
    bits = "the same bits each time" if config["deterministic"] else (
        "seeded; last digits may differ from run to run"
    )  # fmt: skip
    versions = ", ".join(
        f"{title} {found[key]}"
        for key, title in (
            ("python", "Python"), ("keras", "Keras"),
            ("tensorflow", "TensorFlow"), ("jax", "JAX"), ("numpy", "NumPy"),
        )
        if key in found
    )  # fmt: skip
    jit = ", compiled by XLA" if resolved["jit"] else ""
    pace = story.metrics.get("examples_per_second")
    rows = [
        ("Device", f"{found['device']}, {found['cores']} cores, "
         f"{resolved['precision']}{jit}"),
        ("Speed", pace and joined(story.numbers.show(
            "metrics.examples_per_second", lambda v: f"{v:,.0f}"),
            f" {story.noun} a second in training")),
        ("Versions", f"zoo {resolved['zoo']}, {versions}"),
        ("Commit", resolved["git_commit"] and element(
            "code", resolved["git_commit"], class_="hash")),
        ("Seed", f"{config['seed']}, {bits}"),
    ]  # fmt: skip
    return section("Machine", definitions(rows))
