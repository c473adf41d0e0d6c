"""Synthetic batches that a model can train on and predict."""

from collections.abc import Mapping

import numpy as np
from mmengine.dataset import Compose, pseudo_collate
from mmpose.datasets.datasets import CocoDataset
from mmpose.registry import TRANSFORMS

from vlpose_mm.analysis.complexity import input_size
from vlpose_mm.datasets.scenarios import SCENARIOS

META_KEYS = (
    'input_size',
    'input_center',
    'input_scale',
    'flip_indices',
    'text_prompt',
    'text_source',
    'wording_of',
    'scenario',
    'group',
    'route',
)


def make_batch(cfg: Mapping, size: int, every_second: dict | None = None) -> dict:
    """Make a batch as a data loader yields it.

    Its training pipeline assigns the text prompts, to each sample those of the next
    scenario; ``every_second`` holds more fields of every second sample. The ``inputs`` are
    images of 3 x H x W bytes, and ``data_samples`` have targets.
    """
    w, h = input_size(cfg)
    num_keypoints = cfg['model']['head']['out_channels']
    pack = Compose(
        [
            dict(type='GenerateTarget', encoder=cfg['model']['head']['decoder']),
            dict(type='PackPoseInputs', meta_keys=META_KEYS),
        ]
    )
    prompts = scenario_text_prompts(cfg)
    rng = np.random.default_rng(0)
    samples = []
    for index in range(size):
        inside = rng.uniform(0.1, 0.9, (1, num_keypoints, 2)) * (w, h)
        sample = dict(
            img=rng.integers(0, 256, (h, w, 3), dtype=np.uint8),
            input_size=(w, h),
            input_center=np.array([w / 2, h / 2], np.float32),
            input_scale=np.array([w, h], np.float32),
            flip_indices=_flip_indices(num_keypoints),
            bbox=np.array([[0, 0, w, h]], np.float32),
            bbox_score=np.ones(1, np.float32),
            keypoints=inside.astype(np.float32),
            keypoints_visible=np.ones((1, num_keypoints), np.float32),
            dataset_keypoint_weights=np.ones(num_keypoints, np.float32),
            **prompts[index % len(prompts)],
        )
        if index % 2:
            sample.update(every_second or {})
        samples.append(pack(sample))
    return pseudo_collate(samples)


def scenario_text_prompts(cfg: Mapping) -> list[dict]:
    """Return what the config's pipeline assigns to an image of each scenario, and of none.

    Without :class:`AssignTextPrompt` in the pipeline of the ``train_dataloader``, that
    transform's defaults count.
    """
    dataset = (cfg.get('train_dataloader') or {}).get('dataset') or {}
    own = [t for t in dataset.get('pipeline', []) if t['type'] == 'AssignTextPrompt']
    assign = TRANSFORMS.build((own or [dict(type='AssignTextPrompt')])[0])
    names = CocoDataset(lazy_init=True).metainfo['keypoint_id2name']
    samples = [
        assign(dict(category=scenario, keypoint_id2name=names))
        for scenario in (*SCENARIOS, None)
    ]
    return [
        {k: v for k, v in s.items() if k not in ('category', 'keypoint_id2name')}
        for s in samples
    ]


def _flip_indices(num_keypoints: int) -> list[int]:
    """Return the flip indices of COCO; other keypoints stay where they are."""
    coco = CocoDataset(lazy_init=True).metainfo['flip_indices']
    return coco if len(coco) == num_keypoints else [*range(num_keypoints)]
