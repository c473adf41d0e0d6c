"""The rows of the ablations: which there are, and the config that each resolves to."""

import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from mmengine.config import Config

from projects.mini_humanart.fingerprint import sum_up
from projects.mini_humanart.runs import ROOT

CONFIGS = ROOT / 'projects/ablations/configs'
# How the configs begin the paths of the data, and of what is made on the way.
DATA, OUT = 'data/mini/', 'work_dirs/ablations/'


class Row(NamedTuple):
    """A row of a table.

    Attributes:
        study (str): The table, a folder of configs.
        name (str): The row, a config in it.
    """

    study: str
    name: str

    def __str__(self) -> str:
        return f'{self.study}/{self.name}'

    @property
    def config(self) -> Path:
        """Path: The config of the row."""
        return CONFIGS / self.study / f'{self.name}.py'

    @property
    def base(self) -> Path:
        """Path: The config that the row changes, on mini data."""
        own = CONFIGS / f'mini_{self.name}.py'
        return own if own.exists() else CONFIGS / 'mini.py'


def find_rows() -> dict[str, list[Row]]:
    """Find the rows of every study; numbers are in their own order."""

    def order(row: Row) -> list:
        return [int(p) if p.isdigit() else p for p in re.split(r'(\d+)', row.name)]

    rows: dict[str, list[Row]] = {}
    for path in sorted(CONFIGS.glob('*/*.py')):
        rows.setdefault(path.parent.name, []).append(Row(path.parent.name, path.stem))
    return {study: sorted(rows[study], key=order) for study in rows}


def choose_rows(names: Sequence[str]) -> list[Row]:
    """Find the rows that names stand for.

    Args:
        names (Sequence[str]): Each ``STUDY`` or ``STUDY/ROW``; all rows if empty.

    Returns:
        list[Row]: Each once, in the order of the names.

    Raises:
        ValueError: If a study or row is unknown.
    """
    known = find_rows()
    chosen: list[Row] = []
    for name in names or known:
        study, _, row = name.partition('/')
        if study not in known:
            raise ValueError(f'Unknown study {study!r}; choose among {", ".join(known)}.')
        rows = [r for r in known[study] if row in ('', r.name)]
        if not rows:
            listed = ', '.join(r.name for r in known[study])
            raise ValueError(f'Unknown row {row!r} of {study}; choose among {listed}.')
        chosen += rows
    return list(dict.fromkeys(chosen))


class Places(NamedTuple):
    """Where things are.

    Attributes:
        data (Path): The mini data, ``data/mini`` in the configs.
        out (Path): What is made, ``work_dirs/ablations`` in the configs.
    """

    data: Path
    out: Path

    def of(self, value: object) -> object:
        """Put the real folders into the strings of a value of a config."""
        if isinstance(value, dict):
            return {k: self.of(v) for k, v in value.items()}
        if isinstance(value, list | tuple):
            return type(value)(map(self.of, value))
        if isinstance(value, str):
            for start, folder in ((DATA, self.data), (OUT, self.out)):
                if value.startswith(start):
                    return f'{folder}/{value.removeprefix(start)}'
        return value

    def path(self, name: str) -> Path:
        """Return the path of a file that a config names."""
        return ROOT / self.of(name)


def load(row: Row, epochs: int | None = None, text_model: str | None = None) -> Config:
    """Resolve a row over its base on mini data.

    Args:
        row (Row): The row.
        epochs (int, optional): Number of epochs; the base's own by default.
        text_model (str, optional): The text model; the row's own by default.

    Returns:
        Config: The config, its paths as the files name them.
    """
    variables = dict(BASE=str(row.base))
    if text_model is not None:
        variables['TEXT_MODEL'] = text_model
    before = dict(os.environ)
    os.environ.update(variables)
    try:
        return set_epochs(Config.fromfile(row.config), epochs)
    finally:
        os.environ.clear()
        os.environ.update(before)


def set_epochs(cfg: Config, epochs: int | None) -> Config:
    """Set how long a config trains, and let it resume at every epoch.

    Args:
        cfg (Config): The config, changed in place. One that trains nothing stays so.
        epochs (int, optional): Number of epochs; the config's own by default.

    Returns:
        Config: The same config.
    """
    if epochs is not None and cfg.train_cfg.max_epochs:
        cfg.train_cfg.max_epochs = epochs
        for scheduler in cfg.param_scheduler:
            if 'T_max' in scheduler:
                scheduler.T_max = epochs
    # The first is whole while the second is being written.
    cfg.default_hooks.checkpoint.update(interval=1, max_keep_ckpts=2, save_best=None)
    return cfg


def fingerprint(cfg: Config, places: Places) -> str:
    """Sum up the config, data and weights that a result depends on, but not the seed."""
    base = places.path(cfg.load_from) if cfg.load_from else None
    return sum_up(cfg, places.data, base)
