"""A config of every kind, at reduced size, makes a training step and a prediction."""

import re
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.optim import build_optim_wrapper
from mmengine.runner import Runner
from mmpose.registry import MODELS

from tests.conftest import ROOT

OURS = 'configs/body_2d_keypoint/vlpose'
# The other configs differ from these in sizes (test_resolved.py), and the other rows of the
# ablations train what their base trains (test_ablation_rows.py).
NAMES = {
    OURS + '/humanart/td-hm_VLPose-{}_8xb64-210e_humanart-256x192.py': (
        'base lora-base swin-t pvt-s pvtv2-b2 hrformer-small'
    ),
    OURS + '/coco/td-hm_VLPose-{}_8xb64-210e_coco-256x192.py': 'base',
    OURS
    + '/humanart_coco/td-hm_VLPose-{}_8xb64-210e_humanart-coco-256x192.py': 'lora-base',
    'projects/mini_humanart/configs/{}.py': (
        'vitpose_mini_photos vlpose_mini_photos vlpose_mini_auto vlpose_mini_humanart_paper'
    ),
    'projects/ablations/configs/matcher/{}.py': 'cosine cross',
    'projects/ablations/configs/text_prompt/{}.py': (
        'description learned_context none random_fresh scenario_keypoint'
    ),
    'projects/ablations/configs/tuning/{}.py': (
        'full head_only last_layer shallow_prompts '
        'vitpose_deep_prompts vitpose_full vitpose_head_only vitpose_last_layer'
    ),
    'projects/ablations/configs/wiring/{}.py': 'extractor_injector injector',
}
PATHS = [path.format(name) for path, names in NAMES.items() for name in names.split()]

SIZES = dict(input_size=(96, 128), heatmap_size=(24, 32))
# Few and narrow layers; everything else is the config's own.
SMALL = dict(
    VisionTransformer=dict(
        arch=dict(embed_dims=32, num_layers=4, num_heads=4, feedforward_channels=64),
        img_size=(128, 96),
    ),
    SwinTransformer=dict(embed_dims=16, depths=[1, 1, 2, 1], num_heads=[1, 2, 4, 8]),
    PyramidVisionTransformer=dict(embed_dims=8, num_layers=[1, 1, 1, 1]),
    PyramidVisionTransformerV2=dict(embed_dims=8, num_layers=[1, 1, 1, 1]),
    HRFormer=dict(
        extra={
            f'stage{branches}': dict(
                num_modules=1,
                num_blocks=(1,) * branches,
                num_channels=tuple(24 * 2**i for i in range(branches)),
                num_heads=[2**i for i in range(branches)],
            )
            for branches in (2, 3, 4)
        }
    ),
)


def reduced(path: str, data: Path, minilm: str) -> Config:
    """The config with few and narrow layers, small images, and the mini data."""
    cfg = Config.fromfile(ROOT / path)
    backbone = cfg.model.backbone.type.removeprefix('Prompted')
    small = Config(SMALL)[backbone]
    if 'arch' in small:
        cfg.model.backbone.pop('arch', None)
    cfg.merge_from_dict(dict(model=dict(backbone=small)))
    _shrink_images(cfg._cfg_dict)
    head = cfg.model.head
    num_blocks = len(head.get('deconv_out_channels', (256, 256, 256)) or ())
    head.deconv_out_channels = (16,) * num_blocks or None
    head.pop('in_channels', None)
    if head.type == 'HeatmapHead':
        head.in_channels = 32
    text = cfg.model.get('text_encoder')
    if text and text.type == 'TransformersTextEncoder':
        text.pretrained = minilm
    for split in ('train', 'val'):
        loader = cfg[f'{split}_dataloader']
        loader.update(batch_size=2, num_workers=0, persistent_workers=False)
        dataset = loader.dataset
        is_coco = dataset.type == 'CocoVLDataset'
        dataset.update(data_root=f'{data}/coco/' if is_coco else f'{data}/', indices=4)
        # Serialized, every dataset waits for a full garbage collection.
        dataset.serialize_data = False
        if split == 'val':
            dataset.bbox_file = None
    return cfg


def _shrink_images(node: object) -> None:
    """Set the sizes of all codecs and crops below a node of a config."""
    if isinstance(node, dict):
        node |= {key: size for key, size in SIZES.items() if key in node}
        node = list(node.values())
    if isinstance(node, list | tuple):
        for child in node:
            _shrink_images(child)


def intended(model: dict) -> str:
    """A pattern of the names that a config means to train."""
    is_vlpose = model.type == 'VLPoseEstimator'
    ours = r'matcher\.|text_encoder\.context|head\.(aux_|tuned_|\w+_gate)'
    parts = [ours if is_vlpose else r'head\.']
    if model.backbone.get('lora'):
        parts.append(r'backbone\.lora|backbone\.layers\.\d\..*\.lora_')
    if model.backbone.get('visual_prompt'):
        parts.append(r'backbone\.visual_prompt')
    elif not model.backbone.get('lora'):
        layers = {None: r'backbone\.', 0: 'nothing', 1: r'backbone\.(layers\.3|ln1)\.'}
        parts.append(layers[model.backbone.get('trained_layers')])
    return '|'.join(parts)


@pytest.mark.parametrize('path', PATHS, ids=lambda path: Path(path).stem)
def test_trains_exactly_what_it_means_to(path: str, mini_data: Path, minilm: str) -> None:
    cfg = reduced(path, mini_data, minilm)
    model = MODELS.build(cfg.model)
    model.init_weights()
    optim_wrapper = build_optim_wrapper(model, cfg.optim_wrapper)

    data = next(iter(Runner.build_dataloader(cfg.train_dataloader)))
    model.train()
    losses = model(**model.data_preprocessor(data, training=True), mode='loss')
    loss, _ = model.parse_losses(losses)
    optim_wrapper.backward(loss)
    got = {name for name, param in model.named_parameters() if param.grad is not None}
    expected = re.compile(intended(cfg.model))
    assert got == {n for n, _ in model.named_parameters() if expected.match(n)}
    assert got == {n for n, p in model.named_parameters() if p.requires_grad}
    optimized = {id(p) for group in optim_wrapper.param_groups for p in group['params']}
    assert optimized >= {id(p) for p in model.parameters() if p.requires_grad}
    optim_wrapper.step()

    data = next(iter(Runner.build_dataloader(cfg.val_dataloader)))
    with torch.no_grad():
        samples = model.eval().val_step(data)
    assert len(samples) == 2
    for sample in samples:
        assert sample.pred_instances.keypoints.shape == (1, 17, 2)
        assert np.isfinite(sample.pred_instances.keypoints).all()
