"""Train and test one config with one seed, with MMPose's own commands."""

import json
import os
import time
from pathlib import Path

from mmengine.config import Config
from mmpose.registry import MODELS

from projects.ablations.rows import Places
from projects.mini_humanart.runs import Results, mmpose_tool


def train(cfg: Config, seed: int, folder: Path, places: Places) -> Path:
    """Train, or resume what an earlier call began.

    Args:
        cfg (Config): What to train.
        seed (int): Seed of the training.
        folder (Path): Folder for this config and seed alone.
        places (Places): Where the data and the first weights are.

    Returns:
        Path: The last checkpoint.

    Raises:
        SystemExit: If the training fails; holds the end of its log.
    """
    last, spent = folder / 'train/last_checkpoint', folder / 'seconds'
    resumes = last.exists() and Path(last.read_text()).exists()
    before = seconds(folder) if resumes else 0.0
    start = time.time()
    try:
        mmpose_tool(
            'train',
            _write_config(cfg, seed, folder, places),
            *('--work-dir', folder / 'train', '--no-validate'),
            *['--resume'] * resumes,
        )
    finally:
        spent.write_text(str(before + time.time() - start))
    return Path(last.read_text())


def seconds(folder: Path) -> float:
    """Return the seconds that the training in a folder took so far, over all calls."""
    spent = folder / 'seconds'
    return float(spent.read_text()) if spent.exists() else 0.0


def run(cfg: Config, seed: int, folder: Path, places: Places) -> dict:
    """Train a row, and test its last checkpoint on mini Human-Art.

    A row that trains no epoch is tested with the weights that it starts from.

    Args:
        cfg (Config): The row's config.
        seed (int): Seed of the training.
        folder (Path): Folder for this config and seed alone; gets ``result.json`` last.
        places (Places): Where the data and the first weights are.

    Returns:
        dict: ``artificial`` and ``all``: AP on the artificial images and on all, in
        [0, 1]; ``trained`` and ``total``: numbers of parameters; ``seconds`` of training.

    Raises:
        SystemExit: If a command fails; holds the end of its log.
    """
    trains = cfg.train_cfg.max_epochs > 0
    checkpoint = train(cfg, seed, folder, places) if trains else places.path(cfg.load_from)
    found = folder / 'found'
    mmpose_tool(
        'test',
        _write_config(cfg, seed, folder, places),
        checkpoint,
        *('--work-dir', folder / 'test'),
        *('--cfg-options', f'test_evaluator.outfile_prefix={found}'),
    )
    results = Results(
        places.path(cfg.test_evaluator.ann_file), Path(f'{found}.keypoints.json')
    )
    params = list(MODELS.build(places.of(cfg.model.to_dict())).parameters())
    result = dict(
        artificial=results.ap('artificial'),
        all=results.ap(),
        trained=sum(p.numel() for p in params if p.requires_grad and trains),
        total=sum(p.numel() for p in params),
        seconds=round(seconds(folder), 1),
    )
    unfinished = folder / 'result.json.unfinished'
    unfinished.write_text(json.dumps(result))
    os.replace(unfinished, folder / 'result.json')
    return result


def _write_config(cfg: Config, seed: int, folder: Path, places: Places) -> Path:
    """Write the config that MMPose's command reads."""
    folder.mkdir(parents=True, exist_ok=True)
    ready = Config(places.of(cfg.to_dict()))
    ready.randomness = dict(seed=seed)
    ready.dump(folder / 'config.py')
    return folder / 'config.py'
