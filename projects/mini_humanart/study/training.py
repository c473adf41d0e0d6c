"""Train one config with one seed, and test it in every way that the study asks for."""

import copy
import hashlib
import json
import os
import tempfile
from pathlib import Path

import torch
from mmengine.config import Config
from mmengine.runner import Runner
from mmengine.runner.loops import TestLoop

from projects.mini_humanart.study.arms import Training
from projects.mini_humanart.study.text_prompts import confuse, leave_out, shuffle
from vlpose_mm.checkpoint.io import replace_file
from vlpose_mm.evaluation import evaluate_file
from vlpose_mm.models import VLPoseEstimator

ART = 'HumanArt/annotations/{}_humanart.json'
PHOTOS = 'coco/annotations/person_keypoints_val2017.json'
PHOTO_BOXES = 'coco/person_detection_results/COCO_val2017_detections_AP_H_56_person.json'


def train_and_test(training: Training, cfg: Config, data: Path, result: Path) -> dict:
    """Train, test, and note the result.

    Return ``art``, ``wrong`` (with wrong text prompts), ``photos`` and, of a VLPose,
    ``photos_tuned`` (on its tuned route): AP of the domain and of every scenario, in [0,
    1]; ``photos_sha256`` of what was found on the photos; ``trained`` and ``total``:
    numbers of parameters.
    """
    with tempfile.TemporaryDirectory() as folder:
        found = _Run(training, cfg, data, Path(folder)).results()
    result.parent.mkdir(parents=True, exist_ok=True)
    with replace_file(str(result)) as file:
        file.write(json.dumps(found).encode())
    return found


class _Run:
    """A training and its tests, in a folder that is thrown away."""

    def __init__(self, training: Training, cfg: Config, data: Path, folder: Path) -> None:
        self.training, self.data, self.folder = training, data, folder
        cfg = Config(_at(cfg.to_dict(), data))
        cfg.work_dir = str(folder)
        # MMEngine shares among runners what has the same name.
        cfg.experiment_name = folder.name
        cfg.visualizer = dict(type='PoseLocalVisualizer', name=folder.name)
        cfg.randomness = dict(seed=training.seed)
        cfg.log_level = 'WARNING'
        # Nothing stays of it but what is tested.
        cfg.default_hooks = dict(timer=None, logger=None, checkpoint=None)
        self.test_dataloader = cfg.pop('test_dataloader').to_dict()
        cfg.pop('test_cfg')
        for loader in (cfg.train_dataloader, self.test_dataloader):
            # There are as many trainings as cores.
            loader.update(num_workers=0, persistent_workers=False)
        ann_file = self._ann_file()
        if ann_file is not None:
            cfg.train_dataloader.dataset.ann_file = str(ann_file)
        self.cfg = cfg

    def _ann_file(self) -> Path | None:
        """The annotations to train with, if they are not those of the config."""
        whole = self.data / ART.format('training')
        out = self.folder / 'training.json'
        if self.training.left_out is not None:
            return leave_out(whole, out, self.training.left_out)
        if self.training.shuffled:
            return shuffle(whole, out, self.training.seed)
        return None

    def results(self) -> dict:
        """Train and test."""
        runner = Runner.from_cfg(self.cfg)
        if self.cfg.train_cfg.max_epochs:
            runner.train()
        else:
            runner.load_or_resume()
        model = runner.model
        params = list(model.parameters())
        trains = self.cfg.train_cfg.max_epochs > 0
        art = self.data / ART.format('validation')
        results = dict(
            trained=sum(p.numel() for p in params if p.requires_grad and trains),
            total=sum(p.numel() for p in params),
            art=self._test(runner, art)[0],
        )
        if self.training.left_out is None:
            if getattr(model, 'text_encoder', None) is not None:
                wrong = confuse(art, self.folder / 'wrong.json')
                results['wrong'] = self._test(runner, wrong)[0]
            if isinstance(model, VLPoseEstimator):
                results['photos_tuned'], _ = self._test(runner, self.data / PHOTOS)
                model.set_route('original')
            photos, digest = self._test(runner, self.data / PHOTOS)
            results |= dict(photos=photos, photos_sha256=digest)
        return results

    def _test(self, runner: Runner, ann_file: Path) -> tuple[dict, str]:
        """Test on an annotation file with detected bboxes."""
        loader = copy.deepcopy(self.test_dataloader)
        dataset = loader['dataset']
        if ann_file == self.data / PHOTOS:
            loader['dataset'] = dict(
                type='CocoVLDataset',
                data_root=str(self.data / 'coco'),
                ann_file=str(ann_file),
                bbox_file=str(self.data / PHOTO_BOXES),
                data_prefix=dict(img='val2017/'),
                test_mode=True,
                pipeline=dataset['pipeline'],
            )
        else:
            dataset['ann_file'] = str(ann_file)
        prefix = self.folder / 'found'
        evaluator = dict(
            type='CocoMetric',
            ann_file=str(ann_file),
            outfile_prefix=str(prefix),
            format_only=True,
        )
        TestLoop(runner, loader, evaluator).run()
        found = Path(f'{prefix}.keypoints.json')
        evaluation = evaluate_file(ann_file, found)
        parts = [part for part in ('natural', 'artificial') if evaluation.images(part)]
        scores = {p: evaluation.scores(p).AP for p in [*parts, *evaluation.scenarios]}
        return scores, hashlib.sha256(found.read_bytes()).hexdigest()


def _at(value: object, data: Path) -> object:
    """Put the folder of the data where a config names ``data/mini/``."""
    if isinstance(value, dict):
        return {k: _at(v, data) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(_at(v, data) for v in value)
    if isinstance(value, str) and value.startswith('data/mini/'):
        return f'{data}/{value.removeprefix("data/mini/")}'
    return value


def prepare(threads: int) -> None:
    """Make a new process ready: the checkout as its folder, few threads."""
    os.chdir(Path(__file__).resolve().parents[3])
    torch.set_num_threads(threads)
