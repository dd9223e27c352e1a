"""Mutants of `zoo/` against the unit tests that cover their lines.

`make test-mutants` breaks one place of the product at a time, with the
operators of cosmic-ray, and lists which breaks no test notices. The draw is
stratified by package and repeats with the same seed. TensorFlow is imported
once: each mutant is a fork of this process, which imports the package with one
line changed and runs only the tests that cover that line, so that it costs
seconds.

    python tests/mutants.py --count=300 --seed=18 --out=build/before.json
    rm build/covered.json
    python tests/mutants.py --replay=build/before.json

The last line tries the same mutants again, found by the lines around them
wherever their file went meanwhile, and names those that are no longer caught.
Which test runs which line is measured first, and kept in `build/covered.json`.
"""

import argparse
import collections
import functools
import importlib
import importlib.machinery
import itertools
import json
import os
import random
import resource
import runpy
import signal
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
PRELOADED = """numpy scipy.stats scipy.ndimage sklearn.metrics sklearn.datasets
    sklearn.decomposition PIL.Image tensorflow keras tensorboard.compat.proto
    tensorboard.plugins.hparams.api_pb2 matplotlib.figure jinja2 rich.console
    pytest absl.flags keras_tuner"""
# Annotations of unions would be most of what these replace.
LEFT_OUT = ("BinaryOperator_BitOr", "RemoveDecorator", "Variable")
GENERATED = {"zoo/train_options.py"}
# TensorFlow and hypothesis are imported before pytest can rewrite them.
QUIETLY = ["-q", "-p", "no:cacheprovider", "-p", "no:xdist"]
QUIETLY += ["-W", "ignore::pytest.PytestAssertRewriteWarning"]
CONTEXT_LINES = 2
CPU_SECONDS = 240
WALL_SECONDS = 600  # a mutant may wait for ever, without using the CPU
MOST_TESTS = 150


class Contexts:
    """A plugin of pytest: coverage's context is the test that runs."""

    def __init__(self, measured):
        self.measured = measured
        self.seconds = {}

    def pytest_runtest_logstart(self, nodeid):
        self.measured.switch_context(nodeid)
        self.began = time.process_time()

    def pytest_runtest_logfinish(self, nodeid):
        self.seconds[nodeid] = time.process_time() - self.began
        self.measured.switch_context("")


def cover(paths, out):
    """Runs quick tests, and notes which of them ran which lines.

    Args:
        paths: what pytest runs.
        out: the JSON file written: seconds by test, and tests by file and line.
    """
    import coverage
    import pytest

    measured = coverage.Coverage(source=["zoo"], data_file=None)
    plugin = Contexts(measured)
    measured.start()
    pytest.main([*QUIETLY, *paths], plugins=[plugin])
    measured.stop()
    data = measured.get_data()
    tests = list(plugin.seconds)
    number = {test: index for index, test in enumerate(tests)}
    lines = {}
    for file in data.measured_files():
        found = {
            line: sorted(number[name] for name in names if name in number)
            for line, names in data.contexts_by_lineno(file).items()
        }
        lines[str(Path(file).relative_to(ROOT))] = found
    seconds = [round(plugin.seconds[test], 3) for test in tests]
    write_json(out, {"tests": tests, "seconds": seconds, "lines": lines})


def read_json(path):
    return json.loads(Path(path).read_text(encoding="utf-8"))


def write_json(path, value):
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).write_text(json.dumps(value, indent=1), encoding="utf-8")


def room(file):
    """Returns the package of a file, or `zoo` for one that is in none."""
    parts = Path(file).parts
    return parts[1] if len(parts) > 2 else "zoo"


@functools.cache
def places(file):
    """Returns where a file can be broken: operators and occurrences by line."""
    from cosmic_ray.ast import ast_nodes, get_ast
    from cosmic_ray.plugins import get_operator, operator_names

    nodes = list(ast_nodes(get_ast((ROOT / file).read_text(encoding="utf-8"))))
    found = collections.defaultdict(list)
    for name in operator_names():
        if any(word in name for word in LEFT_OUT):
            continue
        operator = get_operator(name)()
        occurrence = 0
        for node in nodes:
            for (line, _), _ in operator.mutation_positions(node):
                found[line].append((name, occurrence))
                occurrence += 1
    return found


def draw(covered, count, seed):
    """Draws mutants, of each package a share like that of its covered lines.

    Args:
        covered: what `cover` wrote.
        count: how many.
        seed: of the draw.

    Returns:
        A list of mutants: file, line, what stood there and what stands there.
    """
    rng = random.Random(seed)
    rooms = collections.defaultdict(list)
    for file, lines in sorted(covered["lines"].items()):
        if file not in GENERATED:
            rooms[room(file)] += [(file, int(n)) for n in lines if lines[n]]
    total = sum(map(len, rooms.values()))
    mutants = []
    for _, found in sorted(rooms.items()):
        share = max(1, round(count * len(found) / total))
        rng.shuffle(found)
        drawn = (
            mutate(file, *rng.choice(places(file)[line]))
            for file, line in found
            if places(file)[line]
        )
        mutants += itertools.islice(filter(None, drawn), share)
    return mutants


def mutate(file, operator, occurrence):
    """Returns a mutant, or None where the operator changes nothing."""
    from cosmic_ray.mutating import mutate_code
    from cosmic_ray.plugins import get_operator

    source = (ROOT / file).read_text()
    changed = mutate_code(source, get_operator(operator)(), occurrence)
    before, after = source.splitlines(), changed.splitlines()
    differing = [
        index
        for index, (old, new) in enumerate(zip(before, after, strict=False))
        if old != new
    ]
    if not differing:
        return None
    first = differing[0]
    # What follows the change is the same again, if on another line.
    last = len(before)
    end = len(after)
    while (
        last > first + 1 and end > first and before[last - 1] == after[end - 1]
    ):
        last, end = last - 1, end - 1
    start = max(first - CONTEXT_LINES, 0)
    stop = last + CONTEXT_LINES
    return {
        "file": file,
        "line": first + 1,
        "operator": operator,
        "old": before[start:stop],
        "new": after[start : end + CONTEXT_LINES],
    }


def locate(mutant):
    """Finds a mutant's place in today's code.

    Returns:
        The file, the first line that differs and the whole changed source; or
        None where its lines are gone.
    """
    files = sorted(
        (str(path.relative_to(ROOT)) for path in ROOT.glob("zoo/**/*.py")),
        key=lambda file: file != mutant["file"],
    )
    old = "\n".join(mutant["old"])
    new = "\n".join(mutant["new"])
    for file in files:
        source = (ROOT / file).read_text()
        if f"\n{old}\n" in f"\n{source}\n":
            changed = f"\n{source}\n".replace(f"\n{old}\n", f"\n{new}\n", 1)[1:]
            pairs = zip(source.splitlines(), changed.splitlines(), strict=False)
            for index, (before, after) in enumerate(pairs):
                if before != after:
                    return file, index + 1, changed
    return None


def tests_of(covered, file, line):
    """Returns the tests that run a line, the quick ones first.

    A line outside of functions runs at import: all tests of its file count.
    """
    lines = covered["lines"].get(file, {})
    found = lines.get(str(line), lines.get(line))
    if found is None or line in top_lines(file):
        found = {test for tests in lines.values() for test in tests}
    seconds = covered["seconds"]
    near = f"/{room(file)}/"
    ordered = sorted(
        found, key=lambda i: (near not in covered["tests"][i], seconds[i])
    )
    return [covered["tests"][i] for i in ordered[:MOST_TESTS]]


def top_lines(file, known={}):  # noqa: B006 - a cache
    """Returns the lines of a file that belong to no function."""
    import ast

    if file not in known:
        source = (ROOT / file).read_text()
        inside = {
            line
            for node in ast.walk(ast.parse(source))
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
            for line in range(node.body[0].lineno, node.end_lineno + 1)
        }
        every = range(1, source.count("\n") + 2)
        known[file] = set(every) - inside
    return known[file]


class FirstFailure:
    """A plugin of pytest: keeps which test failed first."""

    name = ""

    def pytest_runtest_logreport(self, report):
        if report.failed and not self.name:
            self.name = report.nodeid


def child(path, source, tests, answer):
    """Runs tests in this process with one file's source replaced."""
    import pytest

    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS + 5))
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.alarm(WALL_SECONDS)
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 1)
    os.dup2(null, 2)
    if source is not None:
        loader = importlib.machinery.SourceFileLoader
        get_code = loader.get_code

        def changed(self, name):
            if self.path == path:
                return compile(source, path, "exec", dont_inherit=True)
            return get_code(self, name)

        loader.get_code = changed
    plugin = FirstFailure()
    code = pytest.main([*QUIETLY, "-x", *tests], plugins=[plugin])
    os.write(answer, json.dumps([int(code), plugin.name]).encode())
    os._exit(0)


def fork(path, source, tests):
    """Starts `child` in a fork.

    Returns:
        Its process id, and a file descriptor with its answer.
    """
    answer, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.close(answer)
            child(path, source, tests, write)
        finally:
            os._exit(9)
    os.close(write)
    return pid, answer


def collect(running):
    """Waits for one of the children.

    Returns:
        What `running` has of it, and the exit code of pytest with the test
        that failed; 9 for a child that died or ran out of time.
    """
    pid, _ = os.wait()
    mutant, answer = running.pop(pid)
    text = os.read(answer, 10_000)
    os.close(answer)
    return mutant, *(json.loads(text) if text else (9, ""))


def passes(test, known):
    """Says whether a test passes alone, with nothing broken."""
    if test not in known:
        pid, answer = fork(None, None, [test])
        _, code, _ = collect({pid: (None, answer)})
        known[test] = code == 0
    return known[test]


def run(mutants, covered, workers):
    """Tries mutants, and writes into each its outcome."""
    tasks = list(reversed(mutants))
    running, caught, done = {}, [], 0
    while tasks or running:
        while tasks and len(running) < workers:
            mutant = tasks.pop()
            place = locate(mutant)
            if place is None:
                mutant["outcome"] = "gone"
                continue
            file, line, source = place
            tests = tests_of(covered, file, line)
            mutant["tests"] = len(tests)
            if not tests:
                mutant["outcome"] = "survived"
                continue
            pid, answer = fork(str(ROOT / file), source, tests)
            running[pid] = mutant, answer
        if running:
            mutant, code, test = collect(running)
            mutant["outcome"] = "survived" if code == 0 else "caught"
            mutant["by"] = test or f"exit {code}"
            done += 1
            print(
                f"{done}/{len(mutants)} {mutant['outcome']:9}"
                f"{mutant['file']}:{mutant['line']} {mutant['by']}",
                flush=True,
            )
            if test:
                caught.append((mutant, test))
    known = {}
    for mutant, test in caught:
        if not passes(test, known):
            mutant["outcome"] = "doubtful"


def preload():
    """Imports what is dear, in the state that the tests want."""
    runpy.run_path(str(ROOT / "tests" / "conftest.py"))
    for name in PRELOADED.split():
        importlib.import_module(name)
    assert not any(name.split(".")[0] == "zoo" for name in sys.modules)


def show(mutant):
    """Prints what a mutant changes."""
    print(f"\n{mutant['file']}:{mutant['line']} ({mutant['outcome']})")
    new = list(mutant["new"])
    for line in mutant["old"]:
        if line in new:
            new.remove(line)
        else:
            print(f"  -{line}")
    for line in new:
        print(f"  +{line}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=300)
    parser.add_argument("--seed", type=int, default=18)
    parser.add_argument("--workers", type=int, default=os.cpu_count())
    parser.add_argument(
        "--map", default="build/covered.json", help="tests by line"
    )
    parser.add_argument("--cover", action="store_true", help="only make it")
    parser.add_argument("--replay", help="mutants to try again, from --out")
    parser.add_argument("--out", default="build/mutants.json")
    parser.add_argument("tests", nargs="*", default=["tests/unit"])
    options = parser.parse_args()
    os.chdir(ROOT)
    sys.path[:0] = [str(ROOT)]
    if options.cover or not Path(options.map).exists():
        if pid := os.fork():
            os.waitpid(pid, 0)
        else:
            cover(options.tests, options.map)
            os._exit(0)
    if options.cover:
        return
    covered = read_json(options.map)
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    preload()
    before = {}
    if options.replay:
        mutants = read_json(options.replay)
        before = {index: m["outcome"] for index, m in enumerate(mutants)}
    else:
        mutants = draw(covered, options.count, options.seed)
    print(f"{len(mutants)} mutants, seed {options.seed}", flush=True)
    run(mutants, covered, options.workers)
    write_json(options.out, mutants)
    outcomes = collections.Counter(mutant["outcome"] for mutant in mutants)
    for mutant in mutants:
        if mutant["outcome"] != "caught":
            show(mutant)
    print(f"\n{dict(outcomes)}, listed in {options.out}")
    lost = [
        mutant
        for index, mutant in enumerate(mutants)
        if before.get(index) == "caught" and mutant["outcome"] == "survived"
    ]
    for mutant in lost:
        print(f"no longer caught: {mutant['file']}:{mutant['line']}")
    sys.exit(bool(lost))


if __name__ == "__main__":
    main()
