"""TensorFlow without its messages, which a notebook would show in red."""

from __future__ import annotations

import logging
import os
import sys


def quiet() -> None:
    """Imports Keras and TensorFlow, and turns their messages away.

    Those of its start come from C++ code, which writes to file descriptor 2
    whatever is asked of it: that descriptor leads nowhere meanwhile. Hints
    that TensorFlow logs later are silenced too; errors are not.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    sys.stderr.flush()
    kept = os.dup(2)
    try:
        with open(os.devnull, "w") as nowhere:
            os.dup2(nowhere.fileno(), 2)
            import keras  # noqa: F401
            import tensorflow  # noqa: F401
    finally:
        os.dup2(kept, 2)
        os.close(kept)
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
