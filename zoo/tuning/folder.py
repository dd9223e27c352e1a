"""The folder of a sweep: made whole, and opened again for the same sweep.

runs/mlp-digits-random/
    sweep.json        what was asked, written before the first trial
    flags.txt       the same as a flagfile
    ledger.jsonl      a line for each finished training
    proposals.jsonl   a line for each proposal of the tuner
    trial-003/        an ordinary run; with several seeds, trial-003/seed1/
    result.json       that it has ended, and the best trial
    log.txt           what was printed
    workers.log       what libraries print while trials run
"""

from __future__ import annotations

import pathlib

import zoo
from zoo import run_names, runs
from zoo.errors import UserError
from zoo.sweeps import CONFIG, Folder
from zoo.tuning.oracles import version
from zoo.tuning.settings import SweepConfig


def open_folder(settings: SweepConfig, name: str | None) -> Folder:
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
        if (path / CONFIG).is_file():
            return _same(Folder(path, name), settings)
        if path.exists():
            raise UserError(
                f"--sweep_name={name} is taken in {runs_dir}, by something "
                "that is no sweep; choose another name."
            )
    default = f"{run_names.default_name(settings.config)}-{settings.tuner}"
    facts = {"run_id": runs.new_id(), "zoo": zoo.__version__}
    facts["keras_tuner"] = version()
    made = runs.create(
        runs_dir,
        name,
        default,
        {CONFIG: settings.to_json(**facts), "flags.txt": settings.flags()},
    )
    return Folder(made.path, made.name)


def read_settings(folder: Folder) -> SweepConfig:
    """Returns what a sweep was asked to do.

    Raises:
        UserError: its `sweep.json` is damaged or of another version.
    """
    try:
        return SweepConfig.from_json((folder.path / CONFIG).read_text())
    except UserError:
        raise
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise UserError(
            f"{folder.path} is damaged: {CONFIG} cannot be read."
        ) from error


def _same(folder: Folder, settings: SweepConfig) -> Folder:
    difference = read_settings(folder).difference(settings)
    if difference:
        raise UserError(
            f"{folder.name} is another sweep, in which {difference}; choose "
            "another --sweep_name."
        )
    runs.check_engine(folder.path, folder.name)
    return folder
