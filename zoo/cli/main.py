"""`zoo COMMAND ...`: runs a command, and turns its errors into exit codes."""

from __future__ import annotations

import errno
import importlib
import os
import sys
import traceback

import zoo
from zoo import backend, errors
from zoo.cli.output import (
    RealStderr,
    ignore_closed_readers,
    open_closed_streams,
    print_error,
)
from zoo.console import escape, expand_commands, redirect_status
from zoo.errors import (
    DASHES,
    Diverged,
    Interrupted,
    Lost,
    UserError,
    close_matches,
    is_full_disk,
    is_out_of_memory,
)

DONE, MISTAKE, DIVERGED, LOST, INTERRUPTED = 0, 2, 3, 4, 130
# What a system refuses for reasons of its own: rights, disks, limits.
REFUSALS = (
    *(errno.EACCES, errno.EPERM, errno.EROFS, errno.EIO, errno.EBUSY),
    *(errno.EMFILE, errno.ENFILE, errno.ENAMETOOLONG, errno.ELOOP),
    *(errno.ENOTDIR, errno.EISDIR, errno.ENOLCK, errno.ENODEV, errno.ENXIO),
    *(getattr(errno, "ESTALE", errno.EIO), errno.ETIMEDOUT, errno.ENOSYS),
)

VERBS = {
    "train": "train a model",
    "sweep": "search hyperparameters",
    "vary": "train once for each of several values of one option",
    "resume": "resume a run, a group of runs or a sweep",
    "evaluate": "evaluate runs on validation or test examples",
    "compare": "compare settings and scores of runs, with significance tests",
    "predict": "classify your own images",
    "export": "export a run: Keras, TensorFlow, ONNX, LiteRT, Python",
    "report": "write an HTML report about runs",
    "diagnose": "diagnose a run: findings and what to try next",
    "misclassified": "list the most confident errors, to find wrong labels",
    "check": "check data and model before training, in 20 seconds",
    "landscape": "plot the loss surface around a run's weights",
    "models": "list the models",
    "describe": "describe a model layer by layer: shapes, parameters, MACs",
    "datasets": "list the datasets",
    "inspect": "inspect a dataset before training: duplicates, wrong labels",
    "download": "download a dataset, for training offline",
    "recipes": "list the recipes",
    "reproduce": "run the recipes of an experiment suite",
    "lecture": "go through a lecture: questions, experiments, answers",
    "play": "train small networks on a page in the browser",
    "runs": "list the runs, with status and best score",
    "doctor": "check the installation",
}

# Files of the commands that share one; others have a file of their own.
FILES = {
    "check": "train",
    "datasets": "list",
    "download": "list",
    "inspect": "list",
    "models": "list",
    "describe": "list",
    "recipes": "list",
    "runs": "list",
    "evaluate": "trained_runs",
    "compare": "trained_runs",
    "diagnose": "trained_runs",
    "misclassified": "trained_runs",
    "landscape": "trained_runs",
    "report": "trained_runs",
    "predict": "trained_runs",
    "export": "trained_runs",
    "lecture": "lecture",
    "play": "lecture",
    "reproduce": "lecture",
    "train": "train",
    "vary": "train",
}
# Commands that work where Keras or its backend is not installed.
WITHOUT_BACKEND = (
    *("diagnose", "models", "datasets", "inspect", "download", "recipes"),
    *("runs", "doctor"),
)
# Commands that take the options of training.
TRAINING = ("train", "check", "sweep", "vary")
HELP = ("-h", "-help", "--help", "--helpfull")


def main(argv: list[str] | None = None) -> int:
    """Runs one command and returns its exit code.

    Args:
        argv: the words after `zoo`; `None` takes those of the process.

    Returns:
        0 done; 2 an error that the user can fix; 3 training diverged; 4 a
        process of a distributed run was lost; 129, 130, 143 interrupted by
        SIGHUP, Ctrl-C or SIGTERM, and saved.
    """
    argv = list(sys.argv[1:] if argv is None else argv)
    open_closed_streams()
    with ignore_closed_readers():
        return _answered(argv)


def _answered(argv: list[str]) -> int:
    """Runs a command; errors become an exit code and a sentence."""
    try:
        if set(argv) <= {"help", *HELP}:
            print(overview())
            return DONE
        if argv[0] in ("--version", "-V", "version"):
            print(f"zoo {zoo.__version__}")
            return DONE
        _check_current_folder()
        code = _run(argv[0], argv[1:])
        sys.stdout.flush()  # here a full disk can still be reported
        return code
    except UserError as error:
        return _complain(error, MISTAKE)
    except Diverged as error:
        return _complain(error, DIVERGED)
    except Lost as error:
        return _complain(error, LOST)
    except Interrupted as error:
        return _complain(error, error.code)
    except KeyboardInterrupt:
        return _complain("interrupted.", INTERRUPTED)
    except Exception as error:
        if is_out_of_memory(error):
            return _complain(_out_of_memory(argv[0]), MISTAKE)
        if is_full_disk(error):
            number = getattr(error, "errno", errno.ENOSPC)
            return _complain(
                f"nothing more can be written: {os.strerror(number)}; free "
                "some space; a run that has started can be resumed.",
                MISTAKE,
            )
        if isinstance(error, OSError) and error.errno in REFUSALS:
            return _complain(_refusal(error), MISTAKE)
        # A bug of ours: everything that a user can fix is caught above.
        print_error(traceback.format_exc())
        return 1


def _check_current_folder() -> None:
    """Raises `UserError` if the current folder was removed."""
    try:
        os.getcwd()
    except FileNotFoundError as error:
        raise UserError(
            "the current folder was removed; change to another one."
        ) from error


def _refusal(error: OSError) -> str:
    """Returns the sentence about what the system refuses to do."""
    reason = os.strerror(error.errno)
    if error.filename is None:
        return f"the system refuses what is needed here: {reason}."
    return f"{error.filename} cannot be used: {reason}."


def _with_underscores(argv: list[str]) -> list[str]:
    """Returns words with `--learning-rate` as `--learning_rate`."""
    words, is_flag = [], True
    for word in argv:
        is_flag = is_flag and word != "--"
        if is_flag and word.startswith("--"):
            name, equals, value = word[2:].partition("=")
            word = f"--{name.replace('-', '_')}{equals}{value}"
        words.append(word)
    return words


def _run(verb: str, argv: list[str]) -> int:
    argv = _with_underscores(argv)
    if verb.startswith(tuple(DASHES)):
        verb = f"--{verb.lstrip(DASHES)}"
    if verb == "help" and argv:
        verb, argv = argv[0], ["--help"]
    word = verb.lstrip("-").lower()
    is_verb = word in VERBS or word in errors.COMMAND_SYNONYMS
    if verb.startswith("-") and not is_verb:
        raise UserError(
            f"the command comes first: zoo COMMAND {verb}; `zoo --help` lists "
            "the commands."
        )
    if verb not in VERBS:
        meant = errors.COMMAND_SYNONYMS.get(word)
        close = [meant] if meant else close_matches(verb, VERBS, 1)
        hint = f"did you mean {close[0]}?" if close else ""
        raise UserError(
            f"there is no command {verb!r}; "
            f"{hint or 'choose one of ' + ', '.join(VERBS) + '.'}"
        )
    if verb not in WITHOUT_BACKEND and not set(HELP) & set(argv):
        backend.check()
    module = importlib.import_module(f"zoo.cli.{FILES.get(verb, verb)}")
    run = getattr(module, f"run_{verb}" if verb in FILES else "run")
    if "--json" not in argv:
        return run(argv)
    with redirect_status(RealStderr()):  # standard output is JSON
        return run(argv)


def _out_of_memory(verb: str) -> str:
    """Returns what to do where memory is used up, before or after training."""
    if verb in TRAINING:
        return (
            "there is not enough memory; a smaller model, a smaller "
            "--batch_size, --image_size or --train_examples, or "
            "--precision=bfloat16 needs less."
        )
    return (
        "there is not enough memory; close other programs, or use fewer or "
        "smaller images."
    )


def _complain(error, code: int) -> int:
    sentence = escape(expand_commands(str(error)), one_line=True)
    print_error(f"zoo: {sentence}\n")
    return code


def overview() -> str:
    """Returns the text of `zoo --help`."""
    width = max(map(len, VERBS))
    lines = [f"  {verb:<{width}}  {what}" for verb, what in VERBS.items()]
    return "\n".join(
        [
            "zoo COMMAND [RUN] [--flags]    Keras image classifiers",
            "",
            *lines,
            "",
            "zoo COMMAND --help describes a command. Start with:  zoo train",
        ]
    )
