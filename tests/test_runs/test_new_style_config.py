"""A new-style config, with classes in place of names, trains and tests."""

import argparse
import re
import shutil
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import pytest
from mmpose.registry import MODELS, TRANSFORMS

from tests.conftest import ROOT
from vlpose_mm.datasets import AssignTextPrompt
from vlpose_mm.models import VLPoseEstimator
from vlpose_mm.tools.common import load_config

# MMPose's own. Its repository has the same as a module, which its package lacks.
RUNTIME = Path(find_spec('mmpose').origin).parent / '.mim/configs/_base_/default_runtime.py'
CONFIG = """
from mmengine.config import read_base

with read_base():
    from .default_runtime import *

from mmengine.dataset import DefaultSampler
from mmpose.codecs import UDPHeatmap
from mmpose.datasets import GenerateTarget, GetBBoxCenterScale, LoadImage, PackPoseInputs
from mmpose.datasets import TopdownAffine
from mmpose.models import PoseDataPreprocessor
from torch.optim import AdamW
from vlpose_mm.datasets import AssignTextPrompt, HumanArtVLDataset
from vlpose_mm.evaluation import ScenarioCocoMetric
from vlpose_mm.models import DualExtractorInjectorHead, PrecomputedTextEncoder
from vlpose_mm.models import PromptedVisionTransformer, RelationMatcher, VLPoseEstimator

{custom_imports}
codec = dict(type=UDPHeatmap, input_size=(96, 128), heatmap_size=(24, 32), sigma=1.5)
model = dict(
    type=VLPoseEstimator,
    data_preprocessor=dict(type=PoseDataPreprocessor),
    backbone=dict(
        type=PromptedVisionTransformer,
        arch=dict(embed_dims=32, num_layers=3, num_heads=4, feedforward_channels=64),
        img_size=(128, 96),
        patch_cfg=dict(padding=2),
        visual_prompt=dict(num_tokens=4),
    ),
    text_encoder=dict(type=PrecomputedTextEncoder, path='{text}'),
    matcher=dict(type=RelationMatcher, num_heads=4),
    head=dict(
        type=DualExtractorInjectorHead,
        out_channels=17,
        deconv_out_channels=(16, 16),
        deconv_kernel_sizes=(4, 4),
        decoder=codec,
    ),
)
start = [
    dict(type=LoadImage),
    dict(type=GetBBoxCenterScale),
    dict(type=TopdownAffine, input_size=(96, 128), use_udp=True),
]
end = [dict(type=AssignTextPrompt), dict(type=PackPoseInputs)]
dataset = dict(type=HumanArtVLDataset, data_root='{data}/', data_prefix=dict(img=''))
loader = dict(batch_size=4, num_workers=0)
train_dataloader = dict(
    sampler=dict(type=DefaultSampler, shuffle=True),
    dataset=dict(
        ann_file='HumanArt/annotations/training_humanart.json',
        pipeline=[*start, dict(type=GenerateTarget, encoder=codec), *end],
        **dataset,
    ),
    **loader,
)
ann_file = 'HumanArt/annotations/validation_humanart.json'
val_dataloader = dict(
    sampler=dict(type=DefaultSampler, shuffle=False, round_up=False),
    dataset=dict(ann_file=ann_file, pipeline=[*start, *end], test_mode=True, **dataset),
    **loader,
)
test_dataloader = val_dataloader
val_evaluator = dict(type=ScenarioCocoMetric, ann_file='{data}/' + ann_file)
test_evaluator = val_evaluator
optim_wrapper = dict(optimizer=dict(type=AdamW, lr=5e-4))
train_cfg.update(max_epochs=1, val_interval=1)
"""


@pytest.fixture
def config(mini_data: Path, text_file: str, tmp_path: Path) -> Path:
    """The config, with what the page says about one."""
    page = (ROOT / 'configs/README.md').read_text(encoding='utf-8')
    (custom_imports,) = re.findall(r'^custom_imports = dict.*__import__.*', page, re.M)
    shutil.copy(RUNTIME, tmp_path)
    path = tmp_path / 'mine.py'
    path.write_text(
        CONFIG.format(custom_imports=custom_imports, data=mini_data, text=text_file)
    )
    return path


@pytest.mark.slow
def test_it_trains_and_what_mmengine_dumps_of_it_tests(
    config: Path, mmpose_tool: Callable, tmp_path: Path
) -> None:
    # In a new process, where MMPose's classes might come first.
    output = mmpose_tool('train', config, cwd=tmp_path, path=ROOT)
    assert re.search(r'Epoch\(val\) \[1\].*coco/AP: ', output)
    work = tmp_path / 'work_dirs/mine'
    output = mmpose_tool('test', work / 'mine.py', work / 'epoch_1.pth', cwd=tmp_path)
    assert re.search(r'Epoch\(test\).*coco/AP: ', output)


def test_our_tools_read_it_with_names_that_registries_know(config: Path) -> None:
    cfg = load_config(argparse.Namespace(config=str(config), cfg_options=None))
    assert MODELS.get(cfg.model.type) is VLPoseEstimator
    transforms = cfg.test_dataloader.dataset.pipeline
    assert TRANSFORMS.get(transforms[-2].type) is AssignTextPrompt
