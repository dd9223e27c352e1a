"""The Pythons that the zoo runs on.

Read by every Python that meets the zoo, right or wrong: plain syntax only.
"""

OLDEST = (3, 11)
NEWEST = (3, 13)  # TensorFlow has no wheels for 3.14


def describe(version):
    """Writes a version tuple as people do: "3.12"."""
    return ".".join(str(part) for part in version)


SUITABLE = f"Python {describe(OLDEST)} to {describe(NEWEST)}"


def complaint(version):
    """Says in a sentence why a Python cannot run the zoo; "" if it can.

    Args:
        version: (major, minor, ...), as in `sys.version_info`.
    """
    version = tuple(version[:2])
    if OLDEST <= version <= NEWEST:
        return ""
    why = (
        "for which TensorFlow has no wheels yet"
        if version > NEWEST
        else "which is too old"
    )
    return (
        f"this is Python {describe(version)}, {why}; the zoo runs on "
        f"{SUITABLE}: `python -m zoo setup` finds one and makes .venv with it."
    )
