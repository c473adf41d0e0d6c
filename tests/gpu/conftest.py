"""A ViT-B at its real size on CUDA; with ``--device cpu`` a small one."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmpose.registry import MODELS

from projects.benchmark.conditions import Conditions
from projects.benchmark.model_pair import ModelPair, build_pair
from vlpose_mm.analysis.base_model import base_config

ROOT = Path(__file__).parents[2]
HUMANART = ROOT / 'configs/body_2d_keypoint/vlpose/humanart'
CONFIGS = dict(
    lora='td-hm_VLPose-lora-base_8xb64-210e_humanart-256x192.py',
    paper='td-hm_VLPose-base_8xb64-210e_humanart-256x192.py',
)
# Synthetic text features: no language model has to be there.
CONFIG = """
_base_ = '{base}'
data_root = '{data}/'
load_from = '{weights}'
model = dict(
    text_encoder=dict(
        _delete_=True, type='RandomTextEncoder', embed_dims=768, num_tokens=7
    ),
)
loader = dict(batch_size={batch_size}, num_workers=2)
train_dataloader = dict(dataset=dict(data_root=data_root), **loader)
val_dataloader = dict(
    dataset=dict(
        data_root=data_root,
        bbox_file=data_root + 'HumanArt/person_detection_results/'
        'HumanArt_validation_detections_AP_H_56_person.json',
    ),
    **loader
)
test_dataloader = val_dataloader
val_evaluator = dict(
    ann_file=data_root + 'HumanArt/annotations/validation_humanart.json'
)
test_evaluator = val_evaluator
train_cfg = dict(max_epochs=1, val_interval=1)
default_hooks = dict(logger=dict(interval=1))
"""
SMALL = """
model.update(
    backbone=dict(
        arch=dict(
            _delete_=True,
            embed_dims=32,
            num_layers=3,
            num_heads=4,
            feedforward_channels=64,
        ),
    ),
    matcher=dict(num_heads=4),
    head=dict(deconv_out_channels=(16, 16)),
)
# Their layer decay counts ViT-B's layers.
optim_wrapper = dict(
    constructor='DefaultOptimWrapperConstructor', paramwise_cfg=dict(_delete_=True)
)
"""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption('--device', choices=('cuda', 'cpu'), default='cuda')


@pytest.fixture(scope='session')
def device(request: pytest.FixtureRequest) -> torch.device:
    """The device, on which float32 is computed as exactly as on the CPU."""
    torch.backends.cudnn.allow_tf32 = False
    torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.deterministic = True
    device = torch.device(request.config.getoption('device'))
    torch.zeros(1, device=device)
    return device


@pytest.fixture(scope='session')
def data(device: torch.device, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Drawn photos and images of every scenario, in the real layout."""
    folder = tmp_path_factory.mktemp('mini')
    per_scenario = 10 if device.type == 'cuda' else 1
    sizes = (
        *('--photos-train', '4', '--photos-val', '4', '--workers', str(os.cpu_count())),
        *('--art-train', str(per_scenario), '--art-val', str(per_scenario)),
    )
    command = [sys.executable, '-m', 'projects.mini_humanart.generate', '--out', folder]
    subprocess.run([*command, *sizes], cwd=ROOT, check=True)
    return folder


@pytest.fixture(scope='session', params=CONFIGS)
def config(
    request: pytest.FixtureRequest,
    device: torch.device,
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    """A config with one of ours as ``_base_``; its base weights and data are not there."""
    folder = tmp_path_factory.mktemp(request.param)
    text = CONFIG.format(
        base=HUMANART / CONFIGS[request.param],
        data=folder / 'data',
        weights=folder / 'base.pth',
        batch_size=64 if device.type == 'cuda' else 4,
    )
    path = folder / 'config.py'
    path.write_text(text + SMALL * (device.type == 'cpu'))
    return path


@pytest.fixture(scope='session')
def runnable_config(config: Path, data: Path) -> Path:
    """The same config with data and synthetic base weights."""
    (config.parent / 'data').symlink_to(data)
    init_default_scope('mmpose')
    torch.manual_seed(0)
    base = MODELS.build(base_config(Config.fromfile(config).model.to_dict()))
    base.init_weights()
    torch.save(dict(state_dict=base.state_dict()), config.parent / 'base.pth')
    return config


@pytest.fixture
def pair(config: Path, device: torch.device) -> ModelPair:
    """MMPose's model and ours on the device, with an adapter that changes something."""
    torch.manual_seed(0)
    pair = build_pair(Config.fromfile(config), Conditions(device))
    with torch.no_grad():
        for param in pair.vlpose.parameters():
            if param.requires_grad:
                param += 0.02 * torch.randn_like(param)
    return pair
