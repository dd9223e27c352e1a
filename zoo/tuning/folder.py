"""The folder of a sweep: made whole, and opened again for the same sweep.

runs/mlp-digits-random/
    sweep.json        what was asked, written before the first trial
    flags.txt       the same as a flagfile
    trials.jsonl      a line for each finished training
    proposals.jsonl   a line for each proposal of the tuner
    trial-003/        an ordinary run; with several seeds, trial-003/seed1/
    result.json       that it has ended, and the best trial
    log.txt           what was printed
    workers.log       what libraries print while trials run
"""

from __future__ import annotations

import pathlib

import zoo
from zoo.errors import UserError
from zoo.run_store import RunStore, check_backend, default_name, new_id
from zoo.runs import SWEEP_FILE, SweepFolder
from zoo.tuning.oracles import version
from zoo.tuning.settings import SweepConfig


def open_folder(settings: SweepConfig, name: str | None) -> SweepFolder:
    """Makes the folder of a sweep, or finds that of the same one.

    Args:
        settings: of the sweep.
        name: that was asked for; `None` makes a new folder in any case.

    Raises:
        UserError: the name is that of something else, or nothing can be
            written.
    """
    runs_dir = settings.config.runs_dir
    if name is not None:
        path = pathlib.Path(runs_dir, name)
        if (path / SWEEP_FILE).is_file():
            return _same(SweepFolder(path, name), settings)
        if path.exists():
            raise UserError(
                f"--sweep_name={name} is taken in {runs_dir}, by something "
                "that is no sweep; choose another name."
            )
    default = f"{default_name(settings.config)}-{settings.tuner}"
    facts = {"run_id": new_id(), "zoo": zoo.__version__}
    facts["keras_tuner"] = version()
    made = RunStore(runs_dir).create(
        name,
        default,
        {SWEEP_FILE: settings.to_json(**facts), "flags.txt": settings.flags()},
    )
    return SweepFolder(made.path, made.name)


def read_settings(folder: SweepFolder) -> SweepConfig:
    """Returns what a sweep was asked to do.

    Raises:
        UserError: its `sweep.json` is damaged or of another version.
    """
    try:
        return SweepConfig.from_json((folder.path / SWEEP_FILE).read_text())
    except UserError:
        raise
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise UserError(
            f"{folder.path} is damaged: {SWEEP_FILE} cannot be read."
        ) from error


def _same(folder: SweepFolder, settings: SweepConfig) -> SweepFolder:
    difference = read_settings(folder).difference(settings)
    if difference:
        raise UserError(
            f"{folder.name} is another sweep, in which {difference}; choose "
            "another --sweep_name."
        )
    check_backend(folder.path, folder.name)
    return folder
