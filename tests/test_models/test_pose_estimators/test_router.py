"""The route of each sample, and batches of both routes."""

import copy
from collections.abc import Callable

import numpy as np
import pytest
import torch
from mmpose.structures import PoseDataSample
from torch import Tensor

from tests.test_models.estimators import build
from vlpose_mm.models import VLPoseEstimator
from vlpose_mm.models.classifiers.scenario_classifier import ScenarioClass
from vlpose_mm.models.pose_estimators.router import Router

PHOTO = dict(text_prompt='a photo of a person', text_source='none', scenario=None)
MURAL = dict(text_prompt='a mural of a person', text_source='scenario', scenario='mural')
MURAL['group'] = '2D_virtual_human'
DANCE = dict(MURAL, scenario='dance', group='real_human')
SCULPTURE = 'a photo of a sculpture of a person'
PROMPTED = dict(PHOTO, text_prompt=SCULPTURE, text_source='text_prompt')
Batch = tuple[Tensor, list[PoseDataSample]]


@pytest.mark.fast
@pytest.mark.parametrize(
    ('info', 'table', 'route'),
    [
        (PHOTO, {}, 'original'),
        (MURAL, {}, 'tuned'),
        (DANCE, {}, 'tuned'),
        (PROMPTED, {}, 'tuned'),
        (DANCE, dict(real_human='original'), 'original'),
        (DANCE, dict(real_human='original', dance='tuned'), 'tuned'),
        (MURAL, dict(real_human='original'), 'tuned'),
        (MURAL, dict(scenario='original'), 'original'),
        (PROMPTED, dict(text_prompt='original'), 'original'),
        (PHOTO, dict(none='tuned'), 'tuned'),
        # A scenario of the user's own that is named like a row.
        (dict(MURAL, scenario='natural'), {}, 'tuned'),
        # Spelled as in an annotation file.
        (dict(MURAL, scenario='digital_art'), {'Digital art': 'original'}, 'original'),
        (dict(PHOTO, route='tuned'), {}, 'tuned'),
        (dict(MURAL, route='original'), {}, 'original'),
        # Without AssignTextPrompt.
        ({}, {}, 'original'),
        (dict(text_prompt='a puppet'), {}, 'tuned'),
    ],
)
def test_the_first_rule_that_applies_counts(info: dict, table: dict, route: str) -> None:
    assert Router(table).by_annotation(PoseDataSample(metainfo=info)) == route


@pytest.mark.parametrize(
    ('table', 'info', 'error'),
    [
        (dict(mural='auto'), {}, "'mural' has the route 'auto'"),
        ({1: 'tuned'}, {}, '1 must be a name'),
        ('tuned', {}, 'routes must be a table'),
        (['mural'], {}, 'routes must be a table'),
        ({}, dict(route='auto', img_path='x.jpg'), "route of x.jpg is 'auto'"),
        ({}, dict(text_prompt='a', scenario=None), "add 'text_source' to the meta_keys"),
    ],
)
def test_refuses_bad_tables_and_samples(table: object, info: dict, error: str) -> None:
    with pytest.raises(ValueError, match=error):
        Router(table).by_annotation(PoseDataSample(metainfo=info))


def test_warns_of_a_name_that_looks_misspelled(warned: list[str]) -> None:
    Router(dict(scenaro='original', pixel_art='tuned', murals='tuned'))
    assert len(warned) == 2 and "'scenaro'" in warned[0] and "'scenario'" in warned[0]


@pytest.fixture
def auto_cfg(vlpose_cfg: dict) -> dict:
    """A small VLPose that routes each sample."""
    vlpose_cfg['test_cfg'].update(route='auto', output_heatmaps=True)
    return vlpose_cfg


@pytest.fixture
def mixed(make_batch: Callable) -> Batch:
    """Two photos and three artworks in a row."""
    images, samples = make_batch(*[None] * 5)
    for sample, info in zip(samples, (MURAL, PHOTO, PROMPTED, PHOTO, MURAL), strict=True):
        sample.set_metainfo(info)
    return images, samples


@torch.no_grad()
def predict(
    model: VLPoseEstimator, batch: Batch, rows: list[int] | None = None
) -> list[PoseDataSample]:
    """Predict copies of the samples in these rows."""
    images, samples = batch
    rows = list(range(len(samples))) if rows is None else rows
    return model.predict(images[rows], [copy.deepcopy(samples[row]) for row in rows])


def predicted(samples: list[PoseDataSample], key: str = 'route') -> list:
    return [sample.metainfo[f'pred_{key}'] for sample in samples]


def test_a_mixed_batch_equals_its_groups_run_alone(auto_cfg: dict, mixed: Batch) -> None:
    images, samples = mixed
    model = build(auto_cfg).eval()
    together = predict(model, mixed)
    with torch.no_grad():
        heatmaps = model(images, samples)
    with pytest.raises(ValueError, match='take different routes'):
        model.extract_feat(images, samples)
    assert len(model.extract_feat(images[:1], samples[:1])) == 2
    for route, rows in (('tuned', [0, 2, 4]), ('original', [1, 3])):
        model.set_route(route)
        alone = predict(model, mixed, rows)
        assert predicted(alone) == predicted([together[row] for row in rows])
        for row, want in zip(rows, alone, strict=True):
            got = together[row]
            assert torch.equal(got.pred_fields.heatmaps, want.pred_fields.heatmaps)
            keypoints = got.pred_instances.keypoints
            assert np.array_equal(keypoints, want.pred_instances.keypoints)
        with torch.no_grad():
            want = model(images[rows], [samples[row] for row in rows])
        assert torch.equal(heatmaps[rows], want)


def test_photos_alone_run_neither_text_encoder_nor_matcher(
    auto_cfg: dict, mixed: Batch
) -> None:
    model, ran = build(auto_cfg).eval(), []
    for part in (model.text_encoder, model.matcher):
        part.register_forward_pre_hook(lambda module, args: ran.append(module))
    assert predicted(predict(model, mixed, [1, 3])) == ['original'] * 2 and not ran
    assert predicted(predict(model, mixed, [0])) == ['tuned'] and len(ran) == 2


def test_training_by_the_table_omits_photos_and_reaches_every_parameter(
    vlpose_cfg: dict, mixed: Batch
) -> None:
    images, samples = mixed
    vlpose_cfg['matcher']['attn_drop_rate'] = 0.0
    vlpose_cfg['train_cfg'] = dict(route='auto')
    model = build(vlpose_cfg)
    total, _ = model.parse_losses(model.loss(images[[1]], [samples[1]]))
    total.backward()
    trained = [param for param in model.parameters() if param.requires_grad]
    assert total == 0 and all((param.grad == 0).all() for param in trained)
    rows = [0, 2, 4]
    got = model.loss(images, samples)['loss_kpt']
    model.train_cfg['route'] = 'tuned'
    art = model.loss(images[rows], [samples[row] for row in rows])['loss_kpt']
    torch.testing.assert_close(got, art * 3 / 5)
    assert not torch.equal(model.loss(images, samples)['loss_kpt'], got)


@pytest.fixture
def deciding(auto_cfg: dict) -> VLPoseEstimator:
    """A model whose classifier takes one half of random images for murals."""
    auto_cfg['scenario_classifier'] = dict(type='ScenarioClassifier')
    auto_cfg['test_cfg']['flip_test'] = False
    model = build(auto_cfg).eval()
    weight = torch.zeros(2, 32)
    weight[1, 0] = 10.0
    with torch.no_grad():
        (feature_map,) = model.backbone(torch.randn(8, 3, 128, 96), tuned=False)
    middle = feature_map.mean(dim=(2, 3))[:, 0].median()
    classes = [
        ScenarioClass(None, None, 'a photo of a person'),
        ScenarioClass('mural', '2D_virtual_human', 'a mural of a person'),
    ]
    model.scenario_classifier.assign(classes, weight, torch.tensor([0.0, -10 * middle]))
    return model


@pytest.fixture
def photos(make_batch: Callable) -> Batch:
    """Eight images without annotation, with an instance each."""
    images, samples = make_batch(*[None] * 8)
    for i, sample in enumerate(samples):
        sample.set_metainfo(dict(PHOTO, img_path=f'{i}.jpg', img_id=i))
    return images, samples


def test_a_classifier_chooses_route_and_text_prompt_and_its_features_are_used_again(
    deciding: VLPoseEstimator, photos: Batch
) -> None:
    images, samples = photos
    passes = []
    deciding.backbone.register_forward_hook(lambda *args: passes.append(len(args[1][0])))
    got = predict(deciding, photos)
    tuned = [i for i, route in enumerate(predicted(got)) if route == 'tuned']
    assert 0 < len(tuned) < 8 and passes == [8, len(tuned)]
    for i, sample in enumerate(got):
        info = sample.metainfo
        assert info['pred_scenario'] == ('mural' if i in tuned else None)
        assert (info['pred_artificial_prob'] > 0.5) == (i in tuned)
        prob = max(info['pred_artificial_prob'], 1 - info['pred_artificial_prob'])
        assert info['pred_scenario_prob'] == pytest.approx(prob)
        annotated = copy.deepcopy(samples[i])
        annotated.set_metainfo(MURAL if i in tuned else dict(PHOTO, route='original'))
        (want,) = predict(deciding, (images[[i]], [annotated]))
        assert info['text_prompt'] == want.metainfo['text_prompt']
        torch.testing.assert_close(sample.pred_fields.heatmaps, want.pred_fields.heatmaps)
        assert 'pred_scenario' not in want.metainfo


def test_annotations_override_the_classifier_and_training_asks_the_table_alone(
    deciding: VLPoseEstimator, photos: Batch
) -> None:
    deciding.train_cfg = dict(route='auto')
    assert deciding.loss(*photos)['loss_kpt'] == 0
    deciding.router.table['none'] = 'tuned'
    assert deciding.loss(*photos)['loss_kpt'] > 0
    for info, route in ((PROMPTED, 'tuned'), (dict(route='original'), 'original')):
        for sample in photos[1]:
            sample.set_metainfo(info)
        assert set(predicted(predict(deciding.eval(), photos))) == {route}


def test_instances_of_one_image_share_a_decision_and_later_batches_follow_if_cached(
    deciding: VLPoseEstimator, photos: Batch
) -> None:
    probs = predicted(predict(deciding, photos), 'artificial_prob')
    rows = int(np.argmin(probs)), int(np.argmax(probs))
    for sample in photos[1]:
        sample.set_metainfo(dict(img_path='one.jpg', img_id=1))
    together = predict(deciding, photos)
    assert len(set(predicted(together))) == 1
    want = torch.tensor(probs, dtype=torch.float64).logit().mean().sigmoid().item()
    got = predicted(together, 'artificial_prob')[0]
    assert got == pytest.approx(want, abs=1e-4)
    for decisions, second in ((None, 'tuned'), ({}, 'original'), (None, 'tuned')):
        deciding.router.decisions = decisions
        routes = [predicted(predict(deciding, photos, [row])) for row in rows]
        assert routes == [['original'], [second]]
    # Samples without image count as one image, which is not cached.
    for sample in photos[1]:
        sample.set_metainfo(dict(img_path=None, img_id=None))
    deciding.router.decisions = {}
    assert len({*predicted(predict(deciding, photos), 'artificial_prob')}) == 1
    alone = [predict(deciding, photos, [row])[0] for row in range(8)]
    assert len({*predicted(alone, 'artificial_prob')}) == 8


def test_refuses_an_unfitted_classifier_and_batches_without_samples(
    auto_cfg: dict, photos: Batch
) -> None:
    auto_cfg['scenario_classifier'] = dict(type='ScenarioClassifier')
    model, (images, samples) = build(auto_cfg).eval(), photos
    with pytest.raises(ValueError, match='not fitted.*tools.fit_scenario_classifier'):
        predict(model, photos)
    for count, some in ((2, samples[:1]), (0, []), (0, None)):
        with pytest.raises(ValueError, match=f'There are {count} images'):
            model(images[:count], some)
