"""Measurements that nobody made: nothing is timed in these tests."""

from benchmarks import (
    inference,
    scaling,
    summary_overhead,
    train_step,
    training,
)
from benchmarks.config import (
    PEERS,
    ZOO_VARIANTS,
    BenchmarkConfig,
    Case,
    SharedImages,
)

WHOLE = Case("lr", 128, epochs=3, min_ratio_to_keras=4.0)
PART = Case("wrn16_4", 128, 3, "cifar10", 256, 128, 1.15, 1.8)


def fake_config(run, **changes):
    """What a measurement is asked, whose processes are a function."""
    values = {
        "cases": [WHOLE],
        "repeats": 2,
        "peers": PEERS[:1],
        "have_bfloat16": False,
        "images": SharedImages("nowhere", lambda dataset, path: ""),
        "run": run,
        "say": lambda what: None,
    }
    return BenchmarkConfig(**values | changes)


def report(seconds, cpu=1.0, updates=None, accuracy=0.9):
    """A training of three epochs of 100 images; the first takes 50 s."""
    ends = [50.0, 50.0 + seconds, 50.0 + 2 * seconds]
    return {
        "moments": {"imported": 3.0, "loaded": 4.0, "first_step": 5.5},
        "epoch_ends": ends,
        "cpu_at_ends": [9.0, 9.0 + cpu, 9.0 + 2 * cpu],
        "update_seconds": [45.0, *2 * [updates or seconds]],
        "examples": 100,
        "val_examples": 1000,
        "val_accuracy": accuracy,
        "peak_bytes": 10**9,
    }


def logged(cpu, size=10**6):
    """A training of three epochs whose summaries were written."""
    return {"cpu_at_ends": [5.0, 5.0 + cpu, 5.0 + 2 * cpu], "event_bytes": size}


def swept(*seconds):
    """A round: a sweep with one worker, and with two."""
    return {n + 1: {"moments": {"ended": s}} for n, s in enumerate(seconds)}


def inferred(rate):
    """What one side's process says of its answers."""
    return {"rates": {"lr": {"evaluate": rate, "predict": 2 * rate}}}


def rounds(*pairs):
    """Rounds of ours in float32 and of plain Keras."""
    return [{"float32": ours, "keras": theirs} for ours, theirs in pairs]


def compared(case, *pairs):
    """A row of trainings."""
    found = training.compare(rounds(*pairs), case, ZOO_VARIANTS[:1], PEERS[:1])
    return {"key": case.name, "images": case.images, **found}


ABOUT = {
    "measured": "2026-01-02",
    "repeats": 5,
    "software": {"keras": "3.15.1"},
}


def results():
    """A file of results with a row in each part."""
    looks = [{kinds: logged(1.0) for kinds in summary_overhead.KINDS}]
    seconds = {"seconds": 0.1, "expected": 0.5}
    grown = {
        "sizes": [1, 2],
        "seconds": [1.0, 2.0],
        "seconds_exponent": 1.0,
        "peak_bytes": [1e9, 2e9],
        "peak_exponent": 1.0,
    }
    batches = {
        "images": "mnist", "augment": "crop", "plain": 4e5, "moved": 2e5,
        "step": 1e5, "plain_ratio": 4.0, "moved_ratio": 2.0,
    }  # fmt: skip
    turns = [{"product": 1e11, "step": 6e10}]
    answers = [{"zoo": inferred(300.0), "keras": inferred(200.0)}]
    parts = {
        "startup": {"key": "zoo models", **seconds},
        "memory": {"key": "run", "peak_bytes": 10**9, "expected": 2e9},
        "training": compared(WHOLE, (report(1.0), report(5.0))),
        "inference": {
            "key": "lr evaluate",
            "images": "6,000 of mnist",
            **inference.compare(answers, "lr", "evaluate"),
        },
        "utilization": {
            "key": "lr/128 float32",
            "flop": 6_021_120,
            **train_step.compare_utilization(turns),
        },
        "ablations": {
            "key": "lr/128 xla",
            "about": "XLA",
            **train_step.compare_ablation([{"chosen": 300.0, "other": 200.0}]),
        },
        "batches": {"key": "lr/128", **batches},
        "summaries": {
            "key": "lenet5 on mnist",
            **summary_overhead.compare(looks, 1.0),
        },
        "scaling": {"key": "images, lenet5", **grown},
        "sweeps": {
            "key": "lenet5 on digits",
            "expected": 1.7,
            **scaling.compare_workers([swept(90.0, 50.0)]),
        },
    }
    return {
        "format": 2,
        "machine": {"cpu": "Fast One", "cores": 2},
        "parts": {name: [{**row, **ABOUT}] for name, row in parts.items()},
    }
