"""Train one config with one seed, and test it in every way that the study asks for."""

import json
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path

import torch
from mmengine.config import Config
from mmengine.runner import Runner

from projects.mini_humanart.study.arms import Training
from projects.mini_humanart.study.test_set import TestSet
from projects.mini_humanart.study.text_prompts import (
    confuse,
    forget,
    leave_out,
    shuffle,
    text_prompts_of,
)
from vlpose_mm.checkpoint.io import replace_file
from vlpose_mm.models import VLPoseEstimator

ART = 'HumanArt/annotations/{}_humanart.json'
PHOTOS = 'coco/annotations/person_keypoints_val2017.json'
PHOTO_BOXES = 'coco/person_detection_results/COCO_val2017_detections_AP_H_56_person.json'


def train_and_test(training: Training, epochs: int, data: Path, result: Path) -> float:
    """Train, test, and note the result; return the artificial AP.

    The result has ``art``, ``wrong`` (with wrong text prompts), ``photos`` and, of a
    VLPose, ``photos_tuned`` (on its tuned route): AP of the domain and of every scenario,
    in [0, 1]; ``photos_sha256`` of what was found on the photos; ``trained`` and ``total``:
    numbers of parameters.
    """
    with tempfile.TemporaryDirectory() as folder:
        prepared = Prepared(training, epochs, dict(mini=data), Path(folder))
        found = _results(prepared, data, Path(folder))
    write_json(found, result)
    return found['art']['artificial']


def write_json(content: object, path: Path) -> None:
    """Write a file that is whole or not there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with replace_file(str(path)) as file:
        file.write(json.dumps(content).encode())


def make_temporary(cfg: Config, folder: Path, seed: int) -> None:
    """Let a training write to a folder that is thrown away, with a seed."""
    cfg.work_dir = str(folder)
    # MMEngine shares among runners what has the same name.
    cfg.experiment_name = folder.name
    cfg.visualizer = dict(type='PoseLocalVisualizer', name=folder.name)
    cfg.randomness = dict(seed=seed)
    cfg.log_level = 'WARNING'
    # Nothing stays of it but what is tested.
    cfg.default_hooks = dict(timer=None, logger=None, checkpoint=None)


class Prepared:
    """A training whose files are in a folder that is thrown away.

    Args:
        training (Training): What is trained.
        epochs (int): How long.
        data (Mapping[str, Path]): Folders of the data that configs call ``data/NAME``.
        folder (Path): An empty folder.

    Attributes:
        runner (Runner): MMEngine's.
        test_dataloader (dict): Config of the loader of the artworks to test on.
    """

    def __init__(
        self, training: Training, epochs: int, data: Mapping[str, Path], folder: Path
    ) -> None:
        self.training = training
        cfg = Config(_at(training.load(epochs).to_dict(), data))
        make_temporary(cfg, folder, training.seed)
        self.test_dataloader = cfg.pop('test_dataloader').to_dict()
        cfg.pop('test_cfg')
        # There are as many trainings as cores.
        cfg.train_dataloader.update(num_workers=0, persistent_workers=False)
        dataset = cfg.train_dataloader.dataset
        dataset.ann_file = str(
            _ann_file(training, Path(dataset.data_root, ART.format('training')), folder)
        )
        self.trains = cfg.train_cfg.max_epochs > 0
        self.runner = Runner.from_cfg(cfg)

    def train(self) -> None:
        """Train, or load what is not trained."""
        if self.trains:
            self.runner.train()
        else:
            self.runner.load_or_resume()


def _ann_file(training: Training, whole: Path, folder: Path) -> Path:
    """The annotations to train with."""
    out = folder / 'training.json'
    if training.left_out is not None:
        return leave_out(whole, out, training.left_out)
    if training.shuffled:
        return shuffle(whole, out, training.seed)
    if training.data == 'styles' and training.config == 'lora_random':
        # One embedding for each style, whatever the descriptions of its images.
        return forget(whole, out)
    return whole


def _results(prepared: Prepared, data: Path, folder: Path) -> dict:
    """Train and test."""
    prepared.train()
    model = prepared.runner.model
    params = list(model.parameters())
    loader = prepared.test_dataloader
    art = TestSet(loader, data / ART.format('validation'))
    results = dict(
        trained=sum(p.numel() for p in params if p.requires_grad and prepared.trains),
        total=sum(p.numel() for p in params),
        art=art.test(model)[0],
    )
    if prepared.training.left_out is None:
        if getattr(model, 'text_encoder', None) is not None:
            wrong = text_prompts_of(confuse(art.ann_file, folder / 'wrong.json'))
            results['wrong'], _ = art.test(model, wrong)
        dataset = dict(
            type='CocoVLDataset',
            data_root=str(data / 'coco'),
            bbox_file=str(data / PHOTO_BOXES),
            data_prefix=dict(img='val2017/'),
            test_mode=True,
            pipeline=loader['dataset']['pipeline'],
        )
        on_photos = TestSet({**loader, 'dataset': dataset}, data / PHOTOS)
        if isinstance(model, VLPoseEstimator):
            results['photos_tuned'], _ = on_photos.test(model)
            model.set_route('original')
        photos, digest = on_photos.test(model)
        results |= dict(photos=photos, photos_sha256=digest)
    return results


def _at(value: object, data: Mapping[str, Path]) -> object:
    """Put the folders of the data where a config names ``data/NAME/``."""
    if isinstance(value, dict):
        return {k: _at(v, data) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(_at(v, data) for v in value)
    for name, folder in data.items() if isinstance(value, str) else ():
        if value.startswith(f'data/{name}/'):
            return f'{folder}/{value.removeprefix(f"data/{name}/")}'
    return value


def prepare(threads: int) -> None:
    """Make a new process ready: the checkout as its folder, few threads."""
    os.chdir(Path(__file__).resolve().parents[3])
    torch.set_num_threads(threads)
