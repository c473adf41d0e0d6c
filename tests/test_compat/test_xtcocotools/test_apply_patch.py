"""MMPose evaluates where xtcocotools cannot be imported."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.test_evaluation import synthetic
from vlpose_mm.compat import xtcocotools as patched

OTHER_NUMPY = "raise ValueError('numpy.dtype size changed')"
METRICS = """
import json, sys
sys.modules['xtcocotools'] = None
import vlpose_mm
from mmpose.datasets.transforms import bottomup_transforms
from xtcocotools.coco import COCO
from tests.test_evaluation import synthetic

content = json.load(open(sys.argv[1]))
metrics = {}
for cls, cfg in json.loads(sys.argv[2]):
    for detected in (False, True):
        samples = synthetic.samples(content, detected)
        metrics[f'{cls} {cfg} {detected}'] = synthetic.evaluate(
            cls, sys.argv[1], samples, **cfg
        )
print(json.dumps([COCO.__module__, bottomup_transforms.cocomask.__name__, metrics]))
"""


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Replace a package by one whose ``mask`` holds this source, or by none."""
    monkeypatch.syspath_prepend(tmp_path)

    def replace(name: str, source: str | None) -> None:
        for key in [key for key in sys.modules if key.partition('.')[0] == name]:
            monkeypatch.delitem(sys.modules, key)
        if source is None:
            monkeypatch.setitem(sys.modules, name, None)
        else:
            (tmp_path / name).mkdir()
            (tmp_path / name / '__init__.py').touch()
            (tmp_path / name / 'mask.py').write_text(source)

    yield replace
    for key in [key for key in sys.modules if key.partition('.')[0] == 'xtcocotools']:
        del sys.modules[key]


@pytest.mark.parametrize('source', [None, OTHER_NUMPY, "raise ImportError('no libm')"])
def test_pycocotools_takes_the_place_once_of_one_that_fails(source, install):
    install('xtcocotools', source)
    assert 'pycocotools takes its place' in patched.apply_patch()
    assert patched.apply_patch() is None
    import pycocotools.mask
    import xtcocotools.mask
    from xtcocotools.coco import COCO
    from xtcocotools.cocoeval import COCOeval, Params

    assert xtcocotools.mask is pycocotools.mask
    modules = {cls.__module__ for cls in (COCO, COCOeval, Params)}
    assert modules == {f'{patched.__name__}.{name}' for name in ('coco', 'cocoeval')}


def test_one_that_works_is_left_alone(install):
    install('xtcocotools', '')
    assert patched.apply_patch() is None
    import xtcocotools

    assert xtcocotools is not patched and not hasattr(xtcocotools, 'coco')


@pytest.mark.parametrize('source', [None, OTHER_NUMPY])
def test_without_either_the_remedy_is_named(source, install):
    install('xtcocotools', None)
    install('pycocotools', source)
    with pytest.raises(ImportError, match='xtcocotools .*"pip install .*pycocotools"'):
        patched.apply_patch()


def test_all_metrics_are_the_same_without_xtcocotools(tmp_path: Path):
    content = synthetic.annotations()
    path = synthetic.write(content, tmp_path / 'ann.json')
    metrics = [
        ('CocoMetric', {}),
        ('CocoMetric', dict(iou_type='keypoints_crowd', use_area=False)),
        ('ScenarioCocoMetric', {}),
    ]
    result = subprocess.run(
        [sys.executable, '-W', 'ignore', '-c', METRICS, path, json.dumps(metrics)],
        env=dict(os.environ, PYTHONPATH=str(ROOT)),
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stderr
    coco, mask, without = json.loads(result.stdout.splitlines()[-1])
    assert (coco, mask) == (f'{patched.__name__}.coco', 'pycocotools.mask')
    for cls, cfg in metrics:
        for detected in (False, True):
            samples = synthetic.samples(content, detected)
            given = synthetic.evaluate(cls, path, samples, **cfg)
            assert without.pop(f'{cls} {cfg} {detected}') == given != {}
    assert not without
