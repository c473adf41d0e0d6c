"""Run rows with several seeds, each result once."""

import json
import os
import time
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path

from mmengine.config import Config

from projects.ablations.experiment import run as run_experiment
from projects.ablations.rows import Places, Row, fingerprint, load
from projects.ablations.stand_ins import missing_base, text_model, train_base
from projects.ablations.table import format_tables

CAPTION = """\
# Ablations on mini Human-Art

AP in points with detected boxes, mean ± standard deviation over the seeds; the best mean
is bold. Epochs: {epochs}. Seeds: {seeds}.
"""


class Ablations:
    """Rows to run, and their results so far.

    A result lies in a folder named after the :func:`fingerprint` of the row's config, so
    rows whose configs are equal share it, and one whose config has changed has none.

    Args:
        rows (Sequence[Row]): The rows.
        num_seeds (int): Runs of every row.
        epochs (int, optional): Number of epochs; that of the configs by default.
        places (Places): Where the data and the results are.
    """

    def __init__(
        self, rows: Sequence[Row], num_seeds: int, epochs: int | None, places: Places
    ) -> None:
        self.rows = rows
        self.seeds = range(num_seeds)
        self.epochs = epochs
        self.places = places
        self.failures: list[str] = []
        self.configs: dict[Row, Config] = {}
        for row in rows:
            with self._reported(str(row)), _quiet():
                cfg = load(row, epochs, text_model(row, places))
                # A row without a folder fails here, not when others run.
                self._folder(cfg, 0)
                self.configs[row] = cfg

    def run(self) -> None:
        """Run what is not done yet, by seed; report a run that fails and go on."""
        left = self._left()
        num_all = len(self.rows) * len(self.seeds)
        print(f'{num_all} runs: {len(left)} to do, the others are done or equal to these.')
        start = time.time()
        for number, (row, seed) in enumerate(left, 1):
            name = f'{row} seed {seed}'
            print(f'[{number}/{len(left)}] {name} ...', end=' ', flush=True)
            if self._folder(self.configs[row], seed) is None:
                print('first its base weights ...', end=' ', flush=True)
            begin = time.time()
            with self._reported(name):
                with _quiet():
                    result = self._run(row, seed)
                now = time.time()
                rest = (now - start) / number * (len(left) - number) / 60
                print(
                    f'AP {100 * result["artificial"]:.1f} ({now - begin:.0f} s, '
                    f'about {rest:.0f} min left)',
                    flush=True,
                )

    def write(self) -> str:
        """Write ``table.md`` and ``results.json``; return the tables."""
        results = {row: self._results(row) for row in self.rows}
        tables = format_tables(results)
        epochs = max((c.train_cfg.max_epochs for c in self.configs.values()), default=0)
        caption = CAPTION.format(epochs=epochs, seeds=len(self.seeds))
        (self.places.out / 'table.md').write_text(f'{caption}\n{tables}')
        (self.places.out / 'results.json').write_text(
            json.dumps({str(row): found for row, found in results.items()}, indent=1) + '\n'
        )
        return tables

    def _left(self) -> list[tuple[Row, int]]:
        """Return the runs to do, of equal ones the first alone."""
        left: dict[object, tuple[Row, int]] = {}
        for seed in self.seeds:
            for row, cfg in self.configs.items():
                folder = self._folder(cfg, seed)
                if folder is None or not (folder / 'result.json').exists():
                    left.setdefault(folder or (row, seed), (row, seed))
        return list(left.values())

    def _run(self, row: Row, seed: int) -> dict:
        """Run a row, its base first where that is missing."""
        cfg = self.configs[row]
        photos = missing_base(cfg, self.places, self.epochs)
        if photos is not None:
            train_base(photos, cfg.load_from, self.places)
        return run_experiment(cfg, seed, self._folder(cfg, seed), self.places)

    def _folder(self, cfg: Config, seed: int) -> Path | None:
        """Return the folder of a run, or ``None`` if its first weights are missing."""
        if missing_base(cfg, self.places, self.epochs) is not None:
            return None
        # Without training, every seed gives the same result.
        seed = seed if cfg.train_cfg.max_epochs else 0
        return self.places.out / 'runs' / fingerprint(cfg, self.places) / f'seed_{seed}'

    def _results(self, row: Row) -> list[dict]:
        """Return the results of a row, one for each seed that is done."""
        if row not in self.configs:
            return []
        folders = [self._folder(self.configs[row], seed) for seed in self.seeds]
        files = [f / 'result.json' for f in dict.fromkeys(folders) if f is not None]
        return [
            dict(json.loads(file.read_text()), folder=str(file.parent))
            for file in files
            if file.exists()
        ]

    @contextmanager
    def _reported(self, name: str) -> Iterator[None]:
        """Report what fails inside a ``with`` block, and go on."""
        try:
            yield
        except (Exception, SystemExit) as error:
            is_command = isinstance(error, SystemExit)
            text = str(error) if is_command else traceback.format_exc()
            end = '\n'.join(text.splitlines()[-15:])
            print(f'{name} FAILED:\n{end}', flush=True)
            self.failures.append(f'{name} failed')


@contextmanager
def _quiet() -> Iterator[None]:
    """Print nothing inside a ``with`` block."""
    with open(os.devnull, 'w') as null, redirect_stdout(null), redirect_stderr(null):
        yield
