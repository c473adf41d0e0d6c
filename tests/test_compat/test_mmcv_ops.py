"""With mmcv-lite nms is right and every other operator says what it needs."""

import importlib.machinery
import os
import subprocess
import sys
import zipfile
from importlib import util
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.conftest import ROOT
from vlpose_mm.compat import mmcv_ops

PYTHON = f'cp{sys.version_info.major}{sys.version_info.minor}'
WHEELS = sorted((ROOT.parent / 'shared' / 'wheels').glob(f'mmcv-*-{PYTHON}-*.whl'))
needs_lite = pytest.mark.skipif(
    not mmcv_ops._compiled_is_missing(),
    reason='Full mmcv is installed, so there is nothing to stand in for.',
)


def _reference(bboxes, scores, threshold: float, offset: int) -> list[int]:
    """Suppress one by one in 32-bit floats; equal scores in the order of the sort."""
    offset, zero = np.float32(offset), np.float32(0)
    bboxes = bboxes.numpy()
    order = scores.sort(0, descending=True)[1].tolist()
    kept = []
    for i in order:
        for j in kept:
            a, b = bboxes[j], bboxes[i]
            w = max(min(a[2], b[2]) - max(a[0], b[0]) + offset, zero)
            h = max(min(a[3], b[3]) - max(a[1], b[1]) + offset, zero)
            areas = [(c[2] - c[0] + offset) * (c[3] - c[1] + offset) for c in (a, b)]
            union = areas[0] + areas[1] - w * h
            if union > 0 and w * h / union > np.float32(threshold):
                break
        else:
            kept.append(i)
    return kept


def _cases() -> list[tuple[torch.Tensor, torch.Tensor, float, int]]:
    random = torch.Generator().manual_seed(0)
    cases = []
    for count in (0, 1, 2, 60, 200):
        corner = torch.rand(count, 2, generator=random) * 60
        bboxes = torch.cat([corner, corner + 1 + corner.flip(1) / 2], 1)
        scores = torch.rand(count, generator=random)
        for offset in (0, 1):
            for threshold in (0.0, 0.3, 0.7, 1.0):
                cases.append((bboxes, scores, threshold, offset))
                # Whole numbers give equal scores, bboxes and overlaps.
                tied = (scores * 4).round() / 4
                cases.append((bboxes.round(), tied, threshold, offset))
    # An overlap of just the threshold stays, and so does a bbox without an area.
    half = torch.tensor([[0.0, 0, 2, 2], [0, 0, 2, 1], [1, 1, 1, 1], [1, 1, 1, 1]])
    cases.append((half, torch.tensor([0.9, 0.8, 0.7, 0.6]), 0.5, 0))
    return cases


def test_nms_keeps_the_bboxes_that_a_one_by_one_search_keeps():
    sizes = []
    for bboxes, scores, threshold, offset in _cases():
        kept = mmcv_ops.nms(bboxes, scores, iou_threshold=threshold, offset=offset)
        assert kept.dtype == torch.int64
        assert kept.tolist() == _reference(bboxes, scores, threshold, offset)
        sizes.append((len(bboxes), len(kept)))
    assert any(0 < kept < count for count, kept in sizes)
    half = torch.tensor([[0.0, 0, 9, 9], [1, 0, 9, 9], [20, 20, 30, 30]]).half()
    scores = torch.tensor([0.5, 0.9, 0.1]).half()
    assert mmcv_ops.nms(half, scores, 0.5, 0).tolist() == [1, 2]


SCRIPT = """
import sys
import torch
import vlpose_mm
import mmcv
from mmcv.ops import batched_nms, nms
loader = sys.modules['mmcv._ext'].__spec__.loader
print(mmcv.__file__, 'compiled' if loader else 'stand-in')
cases, results = torch.load(sys.argv[1]), []
for bboxes, scores, threshold, offset in cases:
    args = dict(offset=offset, iou_threshold=threshold)
    results.append(nms(bboxes, scores, **args))
    results.append(nms(bboxes, scores, score_threshold=0.4, max_num=5, **args))
    if len(bboxes):
        args['type'] = 'nms'
        labels = torch.arange(len(bboxes)) % 3
        results.append(batched_nms(bboxes, scores, labels, dict(args)))
        results.append(batched_nms(bboxes, scores, labels, dict(args, split_thr=9)))
torch.save(results, sys.argv[2])
"""


def _run(*args: Path, path: str = '') -> str:
    """Run the script in a process of its own, and return what it prints."""
    result = subprocess.run(
        [sys.executable, '-W', 'ignore', '-c', SCRIPT, *args],
        env=dict(os.environ, PYTHONPATH=f'{path}{os.pathsep}{ROOT}'),
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout + result.stderr


@needs_lite
@pytest.mark.skipif(
    not (WHEELS and torch.__version__.startswith('2.13.')),
    reason='There is no mmcv that was compiled for this PyTorch to compare with.',
)
def test_nms_agrees_with_full_mmcv_and_full_mmcv_is_left_alone(tmp_path):
    with zipfile.ZipFile(WHEELS[-1]) as wheel:
        wheel.extractall(tmp_path / 'full')
    torch.save(_cases(), tmp_path / 'cases')
    full = str(tmp_path / 'full')
    output = _run(tmp_path / 'cases', tmp_path / 'theirs', path=full)
    assert full in output and 'compiled' in output.split()
    output = _run(tmp_path / 'cases', tmp_path / 'ours')
    assert 'stand-in' in output.split()
    ours, theirs = torch.load(tmp_path / 'ours'), torch.load(tmp_path / 'theirs')
    assert len(ours) == len(theirs) > 200
    torch.testing.assert_close(ours, theirs, rtol=0, atol=0)


@needs_lite
def test_any_other_operator_is_named_when_it_is_called():
    from mmcv.ops import DeformConv2d, RoIAlign, soft_nms

    bboxes = torch.tensor([[0.0, 0.0, 0.0, 2.0, 2.0]])
    image = torch.zeros(1, 3, 4, 4)
    layer = DeformConv2d(3, 3, 3, padding=1)
    calls = {
        'roi_align_forward': lambda: RoIAlign((2, 2))(image, bboxes),
        'softnms': lambda: soft_nms(bboxes[:, 1:], bboxes[:, 4], 0.5),
        'deform_conv_forward': lambda: layer(image, torch.zeros(1, 18, 4, 4)),
    }
    for name, call in calls.items():
        with pytest.raises(RuntimeError, match=f'"{name}".*install full mmcv'):
            call()


@needs_lite
def test_the_stand_in_does_not_pass_for_compiled_operators():
    from mmcv.ops import get_compiler_version, get_compiling_cuda_version
    from mmcv.utils.ext_loader import check_ops_exist
    from mmengine.utils.dl_utils.misc import mmcv_full_available

    assert not mmcv_full_available()
    assert not check_ops_exist()
    assert get_compiler_version() == get_compiling_cuda_version() == 'not available'
    assert not hasattr(sys.modules['mmcv._ext'], '__path__')


def test_a_compiled_half_is_found_without_importing_it(tmp_path, monkeypatch):
    extension = tmp_path / f'mmcv/_ext{importlib.machinery.EXTENSION_SUFFIXES[0]}'
    extension.parent.mkdir()
    extension.touch()
    (extension.parent / '__init__.py').write_text('raise ImportError')
    for name in [key for key in sys.modules if key.partition('.')[0] == 'mmcv']:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.syspath_prepend(tmp_path)
    assert mmcv_ops.apply_patch() is None
    extension.unlink()
    with monkeypatch.context() as patch:
        # As if there were no mmcv at all.
        patch.setattr(util, 'find_spec', lambda name: None)
        assert mmcv_ops.apply_patch() is None
    assert 'mmcv._ext' not in sys.modules
    assert mmcv_ops.apply_patch()
    assert isinstance(sys.modules.pop('mmcv._ext'), mmcv_ops._StandIn)
