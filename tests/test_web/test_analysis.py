"""What the page shows of an image."""

import json
import re
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from mmdet.registry import MODELS as DETECTORS
from mmengine.registry import DefaultScope

from vlpose_mm.apis import VLPoseInferencer
from vlpose_mm.apis.detectors import find_detector
from vlpose_mm.datasets.image_io import read_image
from vlpose_mm.web.analysis import (
    FIND_OUT,
    NOTHING,
    SHOWN,
    analyze,
    drawings,
    save_json,
    score_table,
    told_line,
    word_sheet,
)


@pytest.fixture(scope='module')
def detecting(tmp_path_factory: pytest.TempPathFactory) -> VLPoseInferencer:
    """The small model with a published detector, whose weights are random."""
    path = tmp_path_factory.mktemp('detector') / 'detector.pth'
    path.touch()
    cfg = find_detector('rtmdet-nano', path).cfg
    with DefaultScope.overwrite_default_scope('mmdet'):
        torch.manual_seed(0)
        state = DETECTORS.build(cfg.model).state_dict()
    meta = dict(dataset_meta=dict(classes=['person']))
    torch.save(dict(state_dict=state, meta=meta), path)
    return VLPoseInferencer('demo', device='cpu', det_model='rtmdet-nano', det_weights=path)


def set_sureness(inferencer: VLPoseInferencer, bias: float) -> None:
    """Make the detector see people, who are large, everywhere or nowhere."""
    for name, parameter in inferencer.detector.model.named_parameters():
        if name.endswith('bias') and ('rtm_cls' in name or 'rtm_reg' in name):
            parameter.data.fill_(bias if 'rtm_cls' in name else 2.5)


def test_detected_people_are_the_same_on_both_routes(
    detecting: VLPoseInferencer, glass: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_sureness(detecting, 2.5)
    looks, look = [], detecting.detector.__call__

    def counted(*args: object, **kwargs: object) -> dict:
        looks.append(1)
        return look(*args, **kwargs)

    monkeypatch.setattr(detecting, 'detector', counted)
    found = analyze(detecting, glass, 'stained_glass')
    assert len(looks) == 1
    assert len(found.tuned) == len(found.original) > 0
    np.testing.assert_array_equal(found.tuned.boxes, found.original.boxes)
    np.testing.assert_allclose(found.tuned.box_scores, found.original.box_scores)
    (wanted,) = detecting([dict(image=read_image(glass), route='original')])
    np.testing.assert_allclose(found.original.keypoints, wanted.keypoints, atol=1e-3)
    assert score_table(found).count('<table') == len(found.tuned)


def test_image_without_people_is_shown_as_it_is(
    detecting: VLPoseInferencer, glass: Path, tmp_path: Path
) -> None:
    set_sureness(detecting, -20.0)
    found = analyze(detecting, glass, 'stained_glass')
    assert len(found.tuned) == len(found.original) == 0
    assert told_line(found) == '<p>Nobody was found on this image.</p>'
    np.testing.assert_array_equal(*drawings(found))
    assert word_sheet(found) is None and score_table(found) == ''
    assert found.original.route == 'original' and found.tuned.route == 'tuned'
    assert (
        json.loads(Path(save_json(found.tuned, tmp_path)).read_text())['annotations'] == []
    )


def test_both_routes_are_those_of_the_inferencer(
    inferencer: VLPoseInferencer, glass: Path
) -> None:
    found = analyze(inferencer, glass, 'stained_glass')
    image = read_image(glass)
    for route in ('original', 'tuned'):
        item = dict(image=image, scenario='stained glass', route=route)
        (wanted,) = inferencer([item])
        result = getattr(found, route)
        assert result.route == route
        np.testing.assert_allclose(result.keypoints, wanted.keypoints, atol=1e-3)
        np.testing.assert_allclose(result.scores, wanted.scores, atol=1e-5)
    assert found.tuned.prompt == 'a stained glass picture of a person'
    assert found.auto == 'tuned' and found.told


def test_text_prompt_goes_before_the_scenario(
    inferencer: VLPoseInferencer, glass: Path
) -> None:
    found = analyze(inferencer, glass, 'oil_painting', 'a mural of a person')
    assert found.tuned.prompt == 'a mural of a person'
    assert found.told


def test_model_finds_out_what_nobody_says(
    inferencer: VLPoseInferencer, glass: Path
) -> None:
    (wanted,) = inferencer([read_image(glass)])
    found = analyze(inferencer, glass, FIND_OUT)
    assert found.auto == wanted.route
    assert found.tuned.scenario == wanted.scenario
    assert not found.told
    shown = (found.tuned.scenario or 'nothing').replace('_', ' ')
    assert shown in told_line(found)


def test_model_that_is_told_nothing_does_not_classify(
    inferencer: VLPoseInferencer, glass: Path
) -> None:
    found = analyze(inferencer, glass, NOTHING)
    assert found.auto == inferencer.model.router.table['none']
    assert found.tuned.prompt == 'a photo of a person'
    assert 'Told nothing' in told_line(found)


def test_drawings_are_large_enough_for_their_lines(
    inferencer: VLPoseInferencer, glass: Path, tmp_path: Path
) -> None:
    image = cv2.imread(str(glass))
    large = tmp_path / 'large.png'
    cv2.imwrite(str(large), cv2.resize(image, None, fx=6, fy=6))
    for path in (glass, large):
        found = analyze(inferencer, path, 'stained_glass')
        original, tuned = drawings(found)
        assert original.shape == tuned.shape and max(original.shape) == SHOWN
        # RGB, with skeletons that differ from the image and from each other.
        plain = cv2.resize(image, original.shape[1::-1])[..., ::-1]
        assert np.abs(original.astype(int) - plain).mean() < 30
        for one, other in ((original, tuned), (original, plain), (tuned, plain)):
            assert (np.abs(one.astype(int) - other).max(-1) > 60).sum() > 100


def test_drawn_keypoints_lie_where_they_were_found(
    inferencer: VLPoseInferencer, glass: Path
) -> None:
    found = analyze(inferencer, glass, 'stained_glass')
    factor = SHOWN / max(found.tuned.image.shape[:2])
    _, tuned = drawings(found)
    colors = found.tuned.meta['keypoint_colors']  # K, 3
    hits = [
        np.abs(tuned[round(y * factor), round(x * factor)].astype(int) - color).max() < 40
        for (x, y), color in zip(found.tuned.keypoints[0], colors, strict=True)
    ]
    # Some lie below those of another one, or below a limb.
    assert sum(hits) > 8


def test_attention_maps_are_of_the_text_prompt(
    inferencer: VLPoseInferencer, glass: Path
) -> None:
    found = analyze(inferencer, glass, 'stained_glass')
    (maps,) = found.tuned.attention_maps
    assert maps.prompt == 'a stained glass picture of a person'
    sheet = word_sheet(found)
    assert sheet.dtype == np.uint8 and sheet.shape[2] == 3


def test_table_has_every_keypoint_of_both_routes(
    inferencer: VLPoseInferencer, glass: Path
) -> None:
    found = analyze(inferencer, glass, 'stained_glass')
    table = score_table(found)
    for index, name in found.tuned.meta['keypoint_id2name'].items():
        row = table.split(f'>{name.replace("_", " ")}</th>')[1].split('</tr>')[0]
        for result in (found.original, found.tuned):
            assert f'>{result.scores[0, index]:.2f}</td>' in row
    assert '<caption>' not in table


def test_table_numbers_people(inferencer: VLPoseInferencer, glass: Path) -> None:
    found = analyze(inferencer, glass, 'stained_glass')
    for result in (found.original, found.tuned):
        result.scores = np.repeat(result.scores, 2, 0)  # 2, K
        result.keypoints = np.repeat(result.keypoints, 2, 0)  # 2, K, 2
    table = score_table(found)
    assert table.count('<table') == 2
    assert 'Person 1' in table and 'Person 2' in table


def test_words_cannot_become_part_of_the_page(
    inferencer: VLPoseInferencer, glass: Path
) -> None:
    found = analyze(inferencer, glass, NOTHING, '<script>alert(1)</script>')
    assert '&lt;script&gt;' in told_line(found) and '<script' not in told_line(found)


def test_json_is_the_inferencers(
    inferencer: VLPoseInferencer, glass: Path, tmp_path: Path
) -> None:
    found = analyze(inferencer, glass, 'stained_glass')
    for result in (found.original, found.tuned):
        path = Path(save_json(result, tmp_path))
        assert path.name == f'{glass.stem}_{result.route}.json'
        content = json.loads(path.read_text())
        assert content == json.loads(json.dumps(result.coco()))
        assert content['images'][0]['file_name'] == glass.name


@pytest.mark.parametrize(
    ('words', 'reason'),
    [
        (' ', 'blank'),
        ('x' * 501, 'has 501 letters; write one of at most 500'),
    ],
)
def test_words_that_cannot_be_read_are_refused(
    inferencer: VLPoseInferencer, glass: Path, words: str, reason: str
) -> None:
    with pytest.raises(ValueError, match=reason):
        analyze(inferencer, glass, FIND_OUT, words)


def test_what_is_cut_off_a_text_prompt_is_shown(
    inferencer: VLPoseInferencer, glass: Path
) -> None:
    found = analyze(inferencer, glass, FIND_OUT, 'an old word ' * 40)
    read, cut = re.findall('<q>(.*?)</q>', told_line(found))
    assert 'cut off was' in told_line(found)
    assert f'{read} {cut}' == ' '.join(['an old word'] * 40)
    assert 'cut off' not in told_line(analyze(inferencer, glass, FIND_OUT, 'an old word'))


def test_errors_name_the_image_and_not_its_folder(
    inferencer: VLPoseInferencer, tmp_path: Path
) -> None:
    broken = tmp_path / 'broken.jpg'
    broken.write_bytes(b'no image')
    missing = tmp_path / 'missing.jpg'
    for path in (broken, missing):
        with pytest.raises(OSError) as caught:
            analyze(inferencer, path)
        assert path.name in str(caught.value)
        assert str(tmp_path) not in str(caught.value)
