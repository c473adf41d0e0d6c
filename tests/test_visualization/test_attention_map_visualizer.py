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


def sample(with_maps: bool = True) -> PoseDataSample:
    """A prediction of the tuned route."""
    made = PoseDataSample(metainfo=dict(pred_route='tuned'))
    made.pred_instances = InstanceData(
        keypoints=np.full((1, 17, 2), 50.0), keypoint_scores=np.ones((1, 17))
    )
    if with_maps:
        words = (Word('a', 1), Word('mural', 1))
        place = np.array([50.0, 60.0]), np.array([60.0, 80.0])
        maps = AttentionMaps('a mural', words, torch.rand(2, 2, 8, 6), 50, *place)
        made.set_metainfo(dict(pred_attention_maps=maps))
    return made


def visualizer(tmp_path: Path, **settings) -> AttentionMapVisualizer:
    backends = [dict(type='LocalVisBackend')]
    return VISUALIZERS.build(
        dict(
            type='AttentionMapVisualizer',
            name=f'visualizer_{tmp_path.name}',
            vis_backends=backends,
            save_dir=str(tmp_path),
            **settings,
        )
    )


@pytest.mark.parametrize('per_head', [False, True])
def test_writes_a_sheet_for_each_image(per_head: bool, tmp_path: Path) -> None:
    out, made = tmp_path / 'person_0.jpg', sample()
    drawer = visualizer(tmp_path, per_head=per_head)
    drawn = drawer.add_datasample('x', IMAGE, made, draw_gt=False, out_file=str(out))
    assert drawn.shape == IMAGE.shape and (drawn != IMAGE).any() and out.exists()
    sheet = mmcv.imread(str(tmp_path / 'attention_maps/person_0.png'))[..., ::-1]
    maps = made.metainfo['pred_attention_maps']
    assert (sheet == draw_attention_maps(IMAGE, [maps], per_head=per_head)).all()


def test_backends_get_the_sheet_under_a_name_of_its_own(tmp_path: Path) -> None:
    visualizer(tmp_path).add_datasample('val_img', IMAGE, sample(), draw_gt=False, step=4)
    written = {file.name for file in tmp_path.rglob('*.png')}
    assert written == {'val_img_4.png', 'val_img_attention_maps_4.png'}


def test_without_maps_it_equals_mmposes_visualizer_and_says_why_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    messages = []
    monkeypatch.setattr(
        'vlpose_mm.visualization.attention_map_visualizer.print_log',
        lambda text, **_: messages.append(text),
    )
    drawer, out = visualizer(tmp_path), tmp_path / 'person_0.jpg'
    plain = sample(with_maps=False)
    for _ in range(2):
        drawer.add_datasample('x', IMAGE, plain, draw_gt=False, out_file=str(out))
    assert [file.name for file in tmp_path.rglob('*.*g')] == ['person_0.jpg']
    assert len(messages) == 1 and 'model.test_cfg.output_attention_maps=True' in messages[0]
    plain.set_metainfo(dict(pred_route='original'))
    fresh = visualizer(tmp_path / 'other')
    fresh.add_datasample('x', IMAGE, plain, draw_gt=False, out_file=str(out))
    assert len(messages) == 1
