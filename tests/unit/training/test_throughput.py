"""Examples a second, by a clock that the test sets."""

from types import SimpleNamespace

from zoo.training import callbacks


def test_examples_are_counted_after_the_step_that_compiles(monkeypatch):
    now = iter([1.0, 3.0, 7.0, 11.0])
    clock = SimpleNamespace(perf_counter=lambda: next(now))
    monkeypatch.setattr(callbacks, "time", clock)
    config = SimpleNamespace(steps_per_epoch=10)
    config.examples_after = lambda batch: 32 * batch
    epoch = callbacks.Throughput(config)
    epoch.start(0)
    for batch in (1, 2, 3):
        epoch.tick(batch)
    assert epoch.examples_per_second() == 2 * 32 / 8
