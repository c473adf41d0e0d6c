"""Attention maps of an image."""

import json
from pathlib import Path

import mmcv
import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.runner import Runner
from mmpose.apis import init_model

from tests.test_models.estimators import build
from vlpose_mm.apis.attention_maps import annotated_bboxes, find_attention_maps
from vlpose_mm.datasets.scenarios import SCENARIOS
from vlpose_mm.models.pose_estimators.vlpose import VLPoseEstimator

ANN = 'HumanArt/annotations/validation_humanart.json'

FLIP_INDICES = [0, 2, 1, 4, 3, 6, 5, 8, 7, 10, 9, 12, 11, 14, 13, 16, 15]


@pytest.fixture(scope='session')
def cartoon(mini_data: Path) -> Path:
    """A drawn cartoon."""
    (path,) = mini_data.glob('HumanArt/images/2D_virtual_human/cartoon/*5*.jpg')
    return path


@pytest.fixture
def model(small_config: Path) -> VLPoseEstimator:
    """A model with random weights, as ``init_model`` makes it."""
    cfg = Config.fromfile(small_config)
    model = build(cfg.model).eval()
    model.cfg, model.dataset_meta = cfg, dict(flip_indices=FLIP_INDICES)
    return model


def test_maps_of_annotated_bboxes_equal_those_of_testing(
    model: VLPoseEstimator, cartoon: Path, mini_data: Path
) -> None:
    bboxes, annotations = annotated_bboxes(str(mini_data / ANN), str(cartoon))
    found = find_attention_maps(model, str(cartoon), bboxes, annotations)
    assert len(found) == len(bboxes) > 0 and 'output_attention_maps' not in model.test_cfg

    cfg = model.cfg
    cfg.val_dataloader.dataset.bbox_file = None
    model.test_cfg['output_attention_maps'] = True
    tested = []
    for batch in Runner.build_dataloader(cfg.val_dataloader):
        with torch.no_grad():
            samples = model.test_step(batch)
        tested += [
            s for s in samples if s.metainfo['img_path'].endswith(str(cartoon)[-30:])
        ]
    for maps, sample in zip(found, tested, strict=True):
        expected = sample.metainfo['pred_attention_maps']
        assert maps.text_prompt == expected.text_prompt == SCENARIOS['cartoon'].text_prompt
        np.testing.assert_allclose(maps.center, expected.center)
        np.testing.assert_allclose(maps.scale, expected.scale)
        torch.testing.assert_close(maps.weights, expected.weights, atol=1e-5, rtol=1e-3)


def test_defaults_are_the_whole_image_and_the_scenario_of_its_folder(
    model: VLPoseEstimator, cartoon: Path
) -> None:
    image = mmcv.imread(str(cartoon))
    (maps,) = find_attention_maps(model, str(cartoon))
    assert maps.text_prompt == SCENARIOS['cartoon'].text_prompt
    np.testing.assert_allclose(maps.center, [image.shape[1] / 2, image.shape[0] / 2])
    annotations = dict(text_prompt=SCENARIOS['cartoon'].text_prompt)
    (same,) = find_attention_maps(model, image, annotations=annotations)
    torch.testing.assert_close(same.weights, maps.weights)
    (other,) = find_attention_maps(model, image, annotations=dict(category='Stained glass'))
    assert other.text_prompt == SCENARIOS['stained_glass'].text_prompt


def test_takes_a_model_of_init_model(
    small_config: Path, cartoon: Path, tmp_path: Path
) -> None:
    made = init_model(str(small_config), device='cpu')
    weights = build(made.cfg.model).state_dict()
    made.load_state_dict(weights)
    (maps,) = find_attention_maps(made, str(cartoon))
    assert sum(maps.shares.values()) == pytest.approx(1)


@pytest.mark.parametrize(
    'bbox', [(-30, 0, -10, 20), (5000, 0, 5020, 20), (0, 0, 0, 9), (9, 0, 3, 9)]
)
def test_refuses_an_empty_or_outside_bbox(
    bbox: tuple, model: VLPoseEstimator, cartoon: Path
) -> None:
    with pytest.raises(ValueError, match='is empty or outside of .*cartoon.* pixels'):
        find_attention_maps(model, str(cartoon), [bbox])


def test_refuses_images_and_bboxes_of_other_shapes(
    model: VLPoseEstimator, cartoon: Path
) -> None:
    for image in (np.zeros((9, 9), np.uint8), np.zeros((9, 9, 4), np.uint8)):
        with pytest.raises(ValueError, match='The image must be H x W x 3'):
            find_attention_maps(model, image)
    for bboxes in ([(0, 0, 9)], [(0, 0, 9, 9), (0, 0, 9)], np.zeros((4, 3)), [5]):
        with pytest.raises(ValueError, match='must be lists of x1, y1, x2 and y2'):
            find_attention_maps(model, str(cartoon), bboxes)


def test_no_bboxes_have_no_maps_and_an_image_may_be_a_path(
    model: VLPoseEstimator, cartoon: Path
) -> None:
    assert find_attention_maps(model, cartoon, []) == []
    assert find_attention_maps(model, cartoon, np.zeros((0, 4))) == []
    (maps,), (same,) = (
        find_attention_maps(model, cartoon),
        find_attention_maps(model, str(cartoon)),
    )
    torch.testing.assert_close(maps.weights, same.weights)


def test_refuses_models_and_routes_without_text(
    model: VLPoseEstimator, cartoon: Path
) -> None:
    with pytest.raises(ValueError, match='Linear reads no text prompts'):
        find_attention_maps(torch.nn.Linear(1, 1), str(cartoon))
    with (
        model.disable_adapter(),
        pytest.raises(
            ValueError, match='takes the original route, which reads no text prompt'
        ),
    ):
        find_attention_maps(model, str(cartoon))
    pipeline = model.cfg.test_dataloader.dataset.pipeline
    model.cfg.test_dataloader.dataset.pipeline = [
        step for step in pipeline if step.type != 'AssignTextPrompt'
    ]
    with pytest.raises(ValueError, match='add AssignTextPrompt'):
        find_attention_maps(model, str(cartoon))


def test_refuses_a_pipeline_that_does_not_pack_the_crop(
    model: VLPoseEstimator, cartoon: Path
) -> None:
    pack = model.cfg.test_dataloader.dataset.pipeline[-1]
    pack.meta_keys = ('text_prompt', 'input_center', 'input_size', 'flip_indices')
    with pytest.raises(ValueError, match='input_scale; add it to meta_keys of its Pack'):
        find_attention_maps(model, str(cartoon))


@pytest.mark.parametrize(
    ('content', 'message'),
    [
        ('no json', 'is not an annotation file'),
        ('[]', 'is not an annotation file'),
        ('{"images": []}', 'is not an annotation file'),
        ('{"images": [], "annotations": []}', 'has no image'),
    ],
)
def test_refuses_a_broken_annotation_file(
    content: str, message: str, tmp_path: Path
) -> None:
    path = tmp_path / 'ann.json'
    path.write_text(content)
    with pytest.raises(ValueError, match=message):
        annotated_bboxes(str(path), 'image.jpg')


def test_instances_without_keypoints_are_omitted(tmp_path: Path) -> None:
    images = [dict(id=7, file_name='a/b.jpg', category='mural')]
    instances = [
        dict(image_id=7, bbox=[1, 2, 3, 4], keypoints=[0, 0, 0]),
        dict(image_id=7, bbox=[5, 6, 7, 8], keypoints=[1, 1, 2]),
        dict(image_id=8, bbox=[0, 0, 1, 1], keypoints=[1, 1, 2]),
    ]
    path = tmp_path / 'ann.json'
    path.write_text(json.dumps(dict(images=images, annotations=instances)))
    bboxes, annotations = annotated_bboxes(str(path), '/data/a/b.jpg')
    assert bboxes.tolist() == [[5, 6, 12, 14]] and annotations == dict(category='mural')
    path.write_text(json.dumps(dict(images=images, annotations=instances[:1])))
    with pytest.raises(ValueError, match='no instance with keypoints on'):
        annotated_bboxes(str(path), '/data/a/b.jpg')
    with pytest.raises(ValueError, match='no image /data/c/b.jpg'):
        annotated_bboxes(str(path), '/data/c/b.jpg')
