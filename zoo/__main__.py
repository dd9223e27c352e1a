"""`python -m zoo COMMAND`, installed as the command `zoo`.

An unsupported Python is reported before anything that it could not import, so
this file keeps to syntax that every Python 3 reads.
"""

import os
import signal
import sys
import threading

OLDEST_PYTHON = (3, 11)
NEWEST_PYTHON = (3, 13)  # TensorFlow has no wheels for 3.14
INTERRUPTED = 130  # exit status
EXCEPTION_TIMEOUT_S = 5.0
IMPORTING = "<frozen importlib._bootstrap>"


def unsupported_python_error(version):
    """Returns why a Python cannot run zoo, in a sentence; "" if it can.

    Args:
        version: (major, minor, ...), as in `sys.version_info`.
    """
    version = tuple(version[:2])
    if OLDEST_PYTHON <= version <= NEWEST_PYTHON:
        return ""
    reason = "is too old"
    if version > NEWEST_PYTHON:
        reason = "has no TensorFlow wheels yet"
    return (
        f"Python {version[0]}.{version[1]} {reason}; zoo needs Python 3.11 to "
        "3.13. Install Python 3.13, then run `make setup`."
    )


def main(arguments=None, version=sys.version_info):
    """Runs one command and returns the exit status of the process.

    Args:
        arguments: The command and its arguments; `None` reads those of the
            process.
        version: (major, minor, ...) of the Python that runs this.
    """
    if arguments is None:
        catch_interrupts()
        arguments = sys.argv[1:]
    error = unsupported_python_error(version)
    if error:
        print(f"zoo: {error}", file=sys.stderr)
        return 2
    from zoo.cli.main import main as run_command

    return run_command(arguments)


def catch_interrupts():
    """Handles Ctrl-C while training does not, unless the process ignores it.

    Python raises KeyboardInterrupt wherever it happens to be. During an import,
    C++ code of TensorFlow may swallow it, or abort; so there the process ends
    at once. Elsewhere the exception is raised, so that temporary files are
    removed; should it be swallowed all the same, the process ends a little
    later.
    """
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _interrupt)


def _interrupt(number, frame):
    if _is_importing(frame):
        _leave()
    # A second one need not wait.
    signal.signal(signal.SIGINT, lambda number, frame: _leave())
    late = threading.Timer(EXCEPTION_TIMEOUT_S, _leave)
    late.daemon = True
    late.start()
    raise KeyboardInterrupt


def _is_importing(frame):
    while frame is not None:
        if frame.f_code.co_filename == IMPORTING:
            return True
        frame = frame.f_back
    return False


def _leave():
    """Prints a sentence, and ends the process."""
    output = sys.modules.get("zoo.cli.output")
    print_error = getattr(output, "print_error", None)
    text = "zoo: interrupted.\n"
    try:
        if print_error is None:
            os.write(2, text.encode())
        else:
            print_error(text)
    finally:
        os._exit(INTERRUPTED)


if __name__ == "__main__":
    sys.exit(main())
