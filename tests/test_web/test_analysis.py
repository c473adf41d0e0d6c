"""Both routes on an uploaded image, and what the page shows of them."""

import json
import re
from pathlib import Path

import numpy as np
import pytest

from tests.test_apis.detector_weights import write_weights
from vlpose_mm import VLPoseInferencer
from vlpose_mm.apis import to_coco
from vlpose_mm.datasets.image_io import read_image
from vlpose_mm.web.analysis import (
    CLASSIFY,
    DRAWING_SIZE,
    NONE,
    Analysis,
    analyze,
    attention_sheet,
    drawings,
    save_json,
)
from vlpose_mm.web.fragments import description, score_tables


@pytest.fixture(scope='module')
def found(inferencer: VLPoseInferencer, glass: Path) -> Analysis:
    """The stained glass image, described as such."""
    return analyze(inferencer, glass, 'stained_glass')


@pytest.mark.parametrize('bias', [2.5, -20.0])
def test_both_routes_have_the_bboxes_of_one_detection(
    bias, glass, tmp_path, monkeypatch
) -> None:
    weights = write_weights(tmp_path, bias=bias)
    inferencer = VLPoseInferencer(
        'mini-drawn', device='cpu', det_model='rtmdet-nano', det_weights=weights
    )
    detector, calls = inferencer.detector, []
    monkeypatch.setattr(
        inferencer._predictor,
        'detector',
        lambda *args, **kwargs: calls.append(args) or detector(*args, **kwargs),
    )
    found = analyze(inferencer, glass, 'stained_glass')
    original, tuned = found.instances
    assert len(calls) == 1 and len(original) == len(tuned)
    assert (len(tuned) > 0) == (bias > 0)
    np.testing.assert_allclose(original.bbox_scores, tuned.bbox_scores)
    assert (found.original['route'], found.tuned['route']) == ('original', 'tuned')
    meta = inferencer.model.dataset_meta
    tables = score_tables(found, meta)
    assert tables.count('<table') == tables.count('<caption>Instance') == len(tuned)
    if not len(tuned):
        assert 'There are no instances on this image.' in description(inferencer, found)
        np.testing.assert_array_equal(*drawings(inferencer, found))
        assert attention_sheet(found) is None
        content = json.loads(Path(save_json(found.tuned, meta, tmp_path)).read_text())
        assert content['annotations'] == []


def test_both_routes_are_those_of_the_inferencer(
    inferencer, found, glass, tmp_path
) -> None:
    image, meta = read_image(glass), inferencer.model.dataset_meta
    for route, instances in zip(('original', 'tuned'), found.instances, strict=True):
        (wanted,) = inferencer(image, True, scenario='stained glass', route=route)
        result = getattr(found, route)
        assert result['route'] == route
        expected = wanted['predictions'][0].pred_instances
        np.testing.assert_allclose(instances.keypoints, expected.keypoints, atol=1e-3)
        path = Path(save_json(result, meta, tmp_path))
        assert path.name == f'{glass.stem}_{route}.json'
        content = json.loads(path.read_text())
        assert content == json.loads(json.dumps(to_coco([result], meta)))
        assert content['images'][0]['file_name'] == glass.name
    assert found.tuned['text_prompt'] == 'a stained glass picture of a person'
    assert found.auto == 'tuned' and found.is_described
    assert re.search(
        r'of a person</q>\.\s+With this description', description(inferencer, found)
    )


def test_a_result_is_drawn_and_its_scores_are_tabled(inferencer, found) -> None:
    original, tuned = drawings(inferencer, found)
    assert original.shape == tuned.shape and max(original.shape) == DRAWING_SIZE
    assert (np.abs(original.astype(int) - tuned).max(-1) > 60).sum() > 100
    (maps,) = found.tuned['attention_maps']
    assert maps.text_prompt == 'a stained glass picture of a person'
    sheet = attention_sheet(found)
    assert sheet.dtype == np.uint8 and sheet.shape[2] == 3
    meta = inferencer.model.dataset_meta
    table = score_tables(found, meta)
    for index, name in meta['keypoint_id2name'].items():
        row = table.split(f'>{name.replace("_", " ")}</th>')[1].split('</tr>')[0]
        for instances in found.instances:
            assert f'>{instances.keypoint_scores[0, index]:.2f}</td>' in row
    assert '<caption>' not in table


def test_the_text_prompt_overrides_the_scenario_and_is_shown(inferencer, glass) -> None:
    found = analyze(inferencer, glass, 'oil_painting', '<i>a mural</i>')
    assert found.tuned['text_prompt'] == '<i>a mural</i>' and found.is_described
    text = description(inferencer, found)
    assert '&lt;i&gt;a mural' in text and '<i>' not in text
    assert 'as <q>a mural of a person</q> (' in text and 'nothing near' not in text
    text = description(
        inferencer, analyze(inferencer, glass, CLASSIFY, 'an old word ' * 40)
    )
    read, *_, cut = re.findall('<q>(.*?)</q>', text)
    assert 'cut off was' in text and f'{read} {cut}' == ' '.join(['an old word'] * 40)
    assert 'The model has learned nothing near it' in text


def test_an_image_without_description_is_classified_or_not(inferencer, glass) -> None:
    (wanted,) = inferencer(read_image(glass))
    found = analyze(inferencer, glass, CLASSIFY)
    assert (found.auto, found.is_described) == (wanted['route'], False)
    assert found.tuned['scenario'] == wanted['scenario']
    scenario = (wanted['scenario'] or 'photo').replace('_', ' ')
    assert f'Without a description, as <b>{scenario}</b>' in description(inferencer, found)
    found = analyze(inferencer, glass, NONE)
    assert found.auto == inferencer.model.router.table['none']
    assert found.tuned['text_prompt'] == 'a photo of a person'
    assert 'Without a description, the model chooses' in description(inferencer, found)


def test_a_model_without_tuned_weights_has_one_route_and_reads_no_text(
    untuned, glass
) -> None:
    found = analyze(untuned, glass, 'stained_glass', 'a church window')
    assert found.tuned is None and found.results == dict(original=found.original)
    (wanted,) = untuned(read_image(glass), return_datasamples=True)
    (instances,) = found.instances
    expected = wanted['predictions'][0].pred_instances
    np.testing.assert_allclose(instances.keypoints, expected.keypoints, atol=1e-3)
    (drawing,) = drawings(untuned, found)
    assert max(drawing.shape) == DRAWING_SIZE and attention_sheet(found) is None
    table = score_tables(found, untuned.model.dataset_meta)
    assert '>original</th>' in table and 'tuned' not in table
    text = ' '.join(description(untuned, found).split())
    assert text == '<p> Answered by <b>vitpose_mini_photos.py</b>. </p>'


def test_the_page_says_which_model_answered(inferencer, found) -> None:
    text = description(inferencer, found)
    assert 'Answered by <b>mini-drawn</b>, which knows drawn figures only.' in text


def test_what_is_wrong_is_named_without_its_folder(inferencer, glass, tmp_path) -> None:
    (tmp_path / 'broken.jpg').write_bytes(b'no image')
    for path, text_prompt, reason in (
        (glass, ' ', 'blank'),
        (glass, 'x' * 501, 'has 501 characters; write at most 500'),
        (tmp_path / 'broken.jpg', '', 'broken.jpg'),
        (tmp_path / 'missing.jpg', '', 'missing.jpg'),
    ):
        with pytest.raises(ValueError if text_prompt else OSError, match=reason) as info:
            analyze(inferencer, path, CLASSIFY, text_prompt)
        assert str(path.parent) not in str(info.value)
