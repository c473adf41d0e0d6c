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

from vlpose_mm import compat
from vlpose_mm.compat import mmcv_ops

compat.apply_patches()
ROOT = Path(__file__).parents[2]
PYTHON = f'cp{sys.version_info.major}{sys.version_info.minor}'
WHEELS = sorted((ROOT.parent / 'shared' / 'wheels').glob(f'mmcv-*-{PYTHON}-*.whl'))
needs_lite = pytest.mark.skipif(
    not mmcv_ops._compiled_is_missing(),
    reason='Full mmcv is installed, so there is nothing to stand in for.',
)


def _reference(boxes, scores, threshold: float, offset: int) -> list[int]:
    """Suppress box by box in 32-bit floats; equal scores in the order of the sort."""
    offset, zero = np.float32(offset), np.float32(0)
    boxes = boxes.numpy()
    order = scores.sort(0, descending=True)[1].tolist()
    kept = []
    for i in order:
        for j in kept:
            a, b = boxes[j], boxes[i]
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
        boxes = torch.cat([corner, corner + 1 + corner.flip(1) / 2], 1)
        scores = torch.rand(count, generator=random)
        for offset in (0, 1):
            for threshold in (0.0, 0.3, 0.7, 1.0):
                cases.append((boxes, scores, threshold, offset))
                # Whole numbers give equal scores, boxes and overlaps.
                tied = (scores * 4).round() / 4
                cases.append((boxes.round(), tied, threshold, offset))
    # An overlap of just the threshold stays, and so does a box without an area.
    half = torch.tensor([[0.0, 0, 2, 2], [0, 0, 2, 1], [1, 1, 1, 1], [1, 1, 1, 1]])
    cases.append((half, torch.tensor([0.9, 0.8, 0.7, 0.6]), 0.5, 0))
    return cases


def test_nms_keeps_the_boxes_that_a_box_by_box_search_keeps():
    sizes = []
    for boxes, scores, threshold, offset in _cases():
        kept = mmcv_ops.nms(boxes, scores, iou_threshold=threshold, offset=offset)
        assert kept.dtype == torch.int64
        assert kept.tolist() == _reference(boxes, scores, threshold, offset)
        sizes.append((len(boxes), len(kept)))
    assert any(0 < kept < count for count, kept in sizes)


def test_nms_takes_half_precision():
    boxes = torch.tensor([[0.0, 0, 9, 9], [1, 0, 9, 9], [20, 20, 30, 30]]).half()
    kept = mmcv_ops.nms(boxes, torch.tensor([0.5, 0.9, 0.1]).half(), 0.5, 0)
    assert kept.tolist() == [1, 2]


SCRIPT = """
import sys
import torch
import vlpose_mm.compat
vlpose_mm.compat.apply_patches()
import mmcv
from mmcv.ops import batched_nms, nms
loader = sys.modules['mmcv._ext'].__spec__.loader
print(mmcv.__file__, 'compiled' if loader else 'stand-in')
cases, results = torch.load(sys.argv[1]), []
for boxes, scores, threshold, offset in cases:
    args = dict(offset=offset, iou_threshold=threshold)
    results.append(nms(boxes, scores, **args))
    results.append(nms(boxes, scores, score_threshold=0.4, max_num=5, **args))
    if len(boxes):
        args['type'] = 'nms'
        labels = torch.arange(len(boxes)) % 3
        results.append(batched_nms(boxes, scores, labels, dict(args)))
        results.append(batched_nms(boxes, scores, labels, dict(args, split_thr=9)))
torch.save(results, sys.argv[2])
"""


def _run(code: str, *args, path: Path | None = None) -> str:
    """Run code in a process of its own and return what it prints."""
    paths = [str(item) for item in (path, ROOT) if item]
    result = subprocess.run(
        [sys.executable, '-W', 'ignore', '-c', code, *map(str, args)],
        env=dict(os.environ, PYTHONPATH=os.pathsep.join(paths)),
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout + result.stderr


@needs_lite
@pytest.mark.skipif(not WHEELS, reason='There is no compiled mmcv to compare with.')
def test_nms_agrees_with_full_mmcv_and_full_mmcv_is_left_alone(tmp_path):
    with zipfile.ZipFile(WHEELS[-1]) as wheel:
        wheel.extractall(tmp_path / 'full')
    torch.save(_cases(), tmp_path / 'cases')
    output = _run(SCRIPT, tmp_path / 'cases', tmp_path / 'theirs', path=tmp_path / 'full')
    assert str(tmp_path / 'full') in output and 'compiled' in output.split()
    assert 'compat: mmcv-lite' not in output
    output = _run(SCRIPT, tmp_path / 'cases', tmp_path / 'ours')
    assert 'stand-in' in output.split()
    assert output.count('compat: mmcv-lite') == 1
    ours, theirs = torch.load(tmp_path / 'ours'), torch.load(tmp_path / 'theirs')
    assert len(ours) == len(theirs) > 200
    for (our_boxes, our_kept), (their_boxes, their_kept) in zip(ours, theirs, strict=True):
        assert torch.equal(our_kept, their_kept)
        assert torch.equal(our_boxes, their_boxes)


@needs_lite
def test_any_other_operator_is_named_when_it_is_called():
    from mmcv.ops import DeformConv2d, RoIAlign, soft_nms

    boxes = torch.tensor([[0.0, 0.0, 0.0, 2.0, 2.0]])
    image = torch.zeros(1, 3, 4, 4)
    layer = DeformConv2d(3, 3, 3, padding=1)
    calls = {
        'roi_align_forward': lambda: RoIAlign((2, 2))(image, boxes),
        'softnms': lambda: soft_nms(boxes[:, 1:], boxes[:, 4], 0.5),
        'deform_conv_forward': lambda: layer(image, torch.zeros(1, 18, 4, 4)),
    }
    for name, call in calls.items():
        with pytest.raises(RuntimeError, match=f'"{name}".*install full mmcv'):
            call()


@needs_lite
def test_nobody_takes_the_stand_in_for_compiled_operators():
    from mmcv.ops import get_compiler_version, get_compiling_cuda_version
    from mmcv.utils.ext_loader import check_ops_exist
    from mmengine.utils.dl_utils.misc import mmcv_full_available

    assert not mmcv_full_available()
    assert not check_ops_exist()
    assert get_compiler_version() == get_compiling_cuda_version() == 'not available'
    assert not hasattr(sys.modules['mmcv._ext'], '__path__')


def test_without_mmcv_nothing_is_installed(monkeypatch):
    monkeypatch.delitem(sys.modules, 'mmcv._ext', raising=False)
    monkeypatch.setattr(util, 'find_spec', lambda name: None)
    mmcv_ops.apply_patch()
    assert 'mmcv._ext' not in sys.modules


def test_a_compiled_half_is_found_without_importing_it(tmp_path, monkeypatch):
    (tmp_path / 'mmcv').mkdir()
    (tmp_path / 'mmcv' / '__init__.py').write_text('raise ImportError')
    suffix = importlib.machinery.EXTENSION_SUFFIXES[0]
    (tmp_path / 'mmcv' / f'_ext{suffix}').write_bytes(b'')
    for name in [key for key in sys.modules if key.partition('.')[0] == 'mmcv']:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.syspath_prepend(tmp_path)
    mmcv_ops.apply_patch()
    assert 'mmcv._ext' not in sys.modules
    (tmp_path / 'mmcv' / f'_ext{suffix}').unlink()
    mmcv_ops.apply_patch()
    assert isinstance(sys.modules.pop('mmcv._ext'), mmcv_ops._StandIn)
