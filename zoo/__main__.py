"""`python -m zoo COMMAND`, installed as the command `zoo`.

An unsupported Python is reported before anything that it could not import, so
this file keeps to syntax that every Python 3 reads.
"""

import sys

from zoo import interrupts

OLDEST_PYTHON = (3, 11)
NEWEST_PYTHON = (3, 13)  # TensorFlow has no wheels for 3.14


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
        interrupts.catch()
        arguments = sys.argv[1:]
    error = unsupported_python_error(version)
    if error:
        print(f"zoo: {error}", file=sys.stderr)
        return 2
    from zoo.cli.main import main as run_command

    return run_command(arguments)


if __name__ == "__main__":
    sys.exit(main())
