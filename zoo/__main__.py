"""`python -m zoo VERB`, installed as the command `zoo`.

A wrong Python is told so before anything that it could not import; only
`setup` goes on under one, since it looks for a better one.
"""

import sys

from zoo import interrupts
from zoo.pythons import complaint


def main(arguments=None, version=sys.version_info):
    """Runs one verb and returns the exit status of the process.

    Args:
        arguments: the verb and what follows it; `None` reads the command line.
        version: (major, minor, ...) of the Python that runs this.
    """
    if arguments is None:
        interrupts.catch()
        arguments = sys.argv[1:]
    trouble = complaint(version)
    if not trouble:
        from zoo.cli.main import main as run_verb

        return run_verb(arguments)
    if arguments[:1] == ["setup"]:
        from zoo.cli.setup import run

        return run(arguments[1:])
    print(f"zoo: {trouble}", file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main())
