"""MMPose's visualizer with attention maps."""

from pathlib import Path

import mmcv
import numpy as np
import pytest
import torch
from mmengine.structures import InstanceData
from mmpose.registry import VISUALIZERS
from mmpose.structures import PoseDataSample

from vlpose_mm.models.necks.attention_maps import AttentionMaps
from vlpose_mm.models.text_encoders.base import Word
from vlpose_mm.visualization import AttentionMapVisualizer, draw_attention_maps

IMAGE = np.full((120, 100, 3), 90, np.uint8)


@pytest.fixture
def sample() -> PoseDataSample:
    """A prediction of the tuned route."""
    words = (Word('a', 1), Word('mural', 1))
    place = np.array([50.0, 60.0]), np.array([60.0, 80.0])
    maps = AttentionMaps('a mural', words, torch.rand(2, 2, 8, 6), 50, *place)
    sample = PoseDataSample(metainfo=dict(pred_route='tuned', pred_attention_maps=maps))
    sample.pred_instances = InstanceData(
        keypoints=np.full((1, 17, 2), 50.0), keypoint_scores=np.ones((1, 17))
    )
    return sample


def visualizer(folder: Path, **settings) -> AttentionMapVisualizer:
    cfg = dict(type='AttentionMapVisualizer', name=str(folder), save_dir=str(folder))
    return VISUALIZERS.build(
        cfg | dict(vis_backends=[dict(type='LocalVisBackend')]) | settings
    )


@pytest.mark.parametrize('per_head', [False, True])
def test_writes_a_sheet_for_each_image(
    per_head: bool, sample: PoseDataSample, tmp_path: Path
) -> None:
    out = tmp_path / 'person_0.jpg'
    drawer = visualizer(tmp_path, per_head=per_head)
    drawn = drawer.add_datasample('x', IMAGE, sample, draw_gt=False, out_file=str(out))
    assert drawn.shape == IMAGE.shape and (drawn != IMAGE).any() and out.exists()
    sheet = mmcv.imread(str(tmp_path / 'attention_maps/person_0.png'))[..., ::-1]
    maps = sample.metainfo['pred_attention_maps']
    assert (sheet == draw_attention_maps(IMAGE, [maps], per_head=per_head)).all()

    drawer.add_datasample('val_img', IMAGE, sample, draw_gt=False, step=4)
    written = {file.name for file in tmp_path.rglob('vis_image/*.png')}
    assert written == {'val_img_4.png', 'val_img_attention_maps_4.png'}


def test_without_maps_it_equals_mmposes_visualizer_and_says_why_once(
    sample: PoseDataSample, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    messages = []
    print_log = 'vlpose_mm.visualization.attention_map_visualizer.print_log'
    monkeypatch.setattr(print_log, lambda text, **_: messages.append(text))
    sample.set_metainfo(dict(pred_attention_maps=None))
    for folder, route in (('a', 'original'), ('b', 'tuned')):
        sample.set_metainfo(dict(pred_route=route))
        drawer, out = visualizer(tmp_path / folder), tmp_path / folder / 'person_0.jpg'
        for _ in range(2):
            drawer.add_datasample('x', IMAGE, sample, draw_gt=False, out_file=str(out))
        written = [file.name for file in (tmp_path / folder).rglob('*.*g')]
        assert written == ['person_0.jpg'] and len(messages) == (route == 'tuned')
    assert 'model.test_cfg.output_attention_maps=True' in messages[0]
