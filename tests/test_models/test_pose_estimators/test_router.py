"""Which samples go which way, and that going together changes nothing."""

import copy
from collections.abc import Callable

import numpy as np
import pytest
import torch
from mmpose.registry import MODELS
from mmpose.structures import PoseDataSample

from tests.test_models.estimators import build
from vlpose_mm.models import VLPoseEstimator
from vlpose_mm.models.classifiers.scenario_classifier import ScenarioClass
from vlpose_mm.models.pose_estimators.router import Router

PHOTO = dict(text_prompt='a photo of a person', text_source='none', scenario=None)
MURAL = dict(text_prompt='a mural of a person', text_source='scenario', scenario='mural')
MURAL['group'] = '2D_virtual_human'
DANCE = dict(MURAL, scenario='dance', group='real_human')
TOLD = dict(
    text_prompt='a photo of a sculpture of a person',
    text_source='text_prompt',
    scenario=None,
)


def route(info: dict, **table: str) -> str | None:
    return Router(table).by_annotation(PoseDataSample(metainfo=info))


def test_by_default_what_is_told_nothing_is_original_and_the_rest_is_tuned() -> None:
    assert route(PHOTO) == 'original'
    assert route(MURAL) == route(DANCE) == route(TOLD) == 'tuned'


def test_the_first_row_of_the_table_that_applies_counts() -> None:
    assert route(DANCE, real_human='original') == 'original'
    assert route(DANCE, real_human='original', dance='tuned') == 'tuned'
    assert route(MURAL, real_human='original') == 'tuned'
    assert route(MURAL, scenario='original') == 'original'
    assert route(TOLD, text_prompt='original') == 'original'
    assert route(PHOTO, none='tuned') == 'tuned'
    # A scenario of somebody's own that is called like a row.
    assert route(dict(MURAL, scenario='natural')) == 'tuned'
    # Spelled as in an annotation file.
    assert route(dict(MURAL, scenario='digital_art'), **{'Digital art': 'original'})


def test_a_sample_may_choose_for_itself() -> None:
    assert route(dict(PHOTO, route='tuned')) == 'tuned'
    assert route(dict(MURAL, route='original')) == 'original'
    with pytest.raises(ValueError, match="route of x.jpg is 'auto'"):
        route(dict(MURAL, route='auto', img_path='x.jpg'))


def test_samples_without_our_transform_are_told_something_if_they_have_a_prompt() -> None:
    assert route({}) == Router().by_annotation(None) == 'original'
    assert route(dict(text_prompt='a puppet')) == 'tuned'
    with pytest.raises(ValueError, match="add 'text_source' to the meta_keys"):
        route(dict(text_prompt='a photo', scenario=None))


def test_the_table_is_checked() -> None:
    with pytest.raises(ValueError, match="'mural' has the route 'auto'"):
        Router(dict(mural='auto'))
    with pytest.raises(ValueError, match='1 must be a name'):
        Router({1: 'tuned'})
    for given in ('tuned', ['mural']):
        with pytest.raises(ValueError, match='routes must be a table'):
            Router(given)


def test_a_row_that_looks_misspelled_is_warned_of(monkeypatch: pytest.MonkeyPatch) -> None:
    said = []
    name = 'vlpose_mm.models.pose_estimators.router.print_log'
    monkeypatch.setattr(name, lambda text, **_: said.append(text))
    Router(dict(scenaro='original', pixel_art='tuned', murals='tuned'))
    assert len(said) == 2 and "'scenaro'" in said[0] and "'scenario'" in said[0]


@pytest.fixture
def mixed(make_sample: Callable) -> tuple[torch.Tensor, list[PoseDataSample]]:
    """Two photos and three artworks in a row."""
    samples = []
    for info in (MURAL, PHOTO, TOLD, PHOTO, MURAL):
        samples.append(make_sample())
        samples[-1].set_metainfo(info)
    return torch.randn(5, 3, 128, 96), samples


def predict(model: torch.nn.Module, images: torch.Tensor, samples: list) -> list:
    with torch.no_grad():
        return model.predict(images, copy.deepcopy(samples))


def test_a_mixed_batch_equals_its_groups_run_alone_in_the_order_of_the_batch(
    vlpose_cfg: dict, mixed: tuple
) -> None:
    images, samples = mixed
    vlpose_cfg['test_cfg'].update(route='auto', output_heatmaps=True)
    model = build(vlpose_cfg).eval()
    together = predict(model, images, samples)
    for name, rows in (('tuned', [0, 2, 4]), ('original', [1, 3])):
        model.set_route(name)
        alone = predict(model, images[rows], [samples[row] for row in rows])
        for row, expected in zip(rows, alone, strict=True):
            got = together[row]
            assert got.metainfo['pred_route'] == expected.metainfo['pred_route'] == name
            assert torch.equal(got.pred_fields.heatmaps, expected.pred_fields.heatmaps)
            assert np.array_equal(
                got.pred_instances.keypoints, expected.pred_instances.keypoints
            )
    model.set_route('auto')
    with torch.no_grad():
        heatmaps = model(images, samples)
        model.set_route('original')
        assert torch.equal(heatmaps[[1, 3]], model(images[[1, 3]], None))
        model.set_route('tuned')
        rows = [0, 2, 4]
        expected = model(images[rows], [samples[row] for row in rows])
        assert torch.equal(heatmaps[rows], expected)


def test_a_batch_of_photos_alone_asks_nothing_of_the_words(
    vlpose_cfg: dict, mixed: tuple
) -> None:
    vlpose_cfg['test_cfg']['route'] = 'auto'
    model = build(vlpose_cfg).eval()

    def fail(*args: object) -> None:
        raise AssertionError('asked for words')

    model.text_encoder.register_forward_pre_hook(fail)
    model.matcher.register_forward_pre_hook(fail)
    photos = predict(model, mixed[0][[1, 3]], [mixed[1][1], mixed[1][3]])
    assert [photo.metainfo['pred_route'] for photo in photos] == ['original'] * 2


def test_features_of_both_routes_do_not_go_into_one_tensor(
    vlpose_cfg: dict, mixed: tuple
) -> None:
    vlpose_cfg['test_cfg']['route'] = 'auto'
    model = build(vlpose_cfg).eval()
    with pytest.raises(ValueError, match='take different routes'):
        model.extract_feat(*mixed)
    assert len(model.extract_feat(mixed[0][:1], mixed[1][:1])) == 2


def test_training_by_the_table_leaves_photos_out(vlpose_cfg: dict, mixed: tuple) -> None:
    images, samples = mixed
    vlpose_cfg['matcher']['attn_drop_rate'] = 0.0
    vlpose_cfg['train_cfg'] = dict(route='auto')
    model = build(vlpose_cfg)
    rows = [0, 2, 4]
    got = model.loss(images, samples)['loss_kpt']
    model.train_cfg['route'] = 'tuned'
    art = model.loss(images[rows], [samples[row] for row in rows])['loss_kpt']
    torch.testing.assert_close(got, art * 3 / 5)
    everything = model.loss(images, samples)['loss_kpt']
    assert not torch.equal(everything, got)


def test_a_training_batch_of_photos_alone_changes_nothing_and_reaches_every_parameter(
    vlpose_cfg: dict, mixed: tuple
) -> None:
    vlpose_cfg['train_cfg'] = dict(route='auto')
    model = build(vlpose_cfg)
    losses = model.loss(mixed[0][[1]], [mixed[1][1]])
    total, _ = model.parse_losses(losses)
    total.backward()
    trained = [param for param in model.parameters() if param.requires_grad]
    assert total == 0 and all((param.grad == 0).all() for param in trained)
    vlpose_cfg['train_cfg'] = dict(route='original')
    with pytest.raises(ValueError, match="'tuned' or 'auto', got 'original'"):
        MODELS.build(vlpose_cfg)


CLASSES = [
    ScenarioClass(None, None, 'a photo of a person'),
    ScenarioClass('mural', '2D_virtual_human', 'a mural of a person'),
]


@pytest.fixture
def deciding(vlpose_cfg: dict) -> VLPoseEstimator:
    """A model whose classifier takes one half of random images for murals."""
    vlpose_cfg['scenario_classifier'] = dict(type='ScenarioClassifier')
    vlpose_cfg['test_cfg'].update(route='auto', flip_test=False, output_heatmaps=True)
    model = build(vlpose_cfg).eval()
    weight = torch.zeros(2, 32)
    weight[1, 0] = 10.0
    with torch.no_grad():
        model.set_route('original')
        (feature_map,) = model.extract_feat(torch.randn(8, 3, 128, 96))
        model.set_route('auto')
    middle = feature_map.mean(dim=(2, 3))[:, 0].median()
    model.scenario_classifier.assign(CLASSES, weight, torch.tensor([0.0, -10 * middle]))
    return model


@pytest.fixture
def photos(make_sample: Callable) -> tuple[torch.Tensor, list[PoseDataSample]]:
    """Eight people that nobody says anything about, each on an image of their own."""
    samples = [make_sample() for _ in range(8)]
    for i, sample in enumerate(samples):
        sample.set_metainfo(dict(PHOTO, img_path=f'{i}.jpg', img_id=i))
    return torch.randn(8, 3, 128, 96), samples


def test_a_classifier_chooses_route_and_text_prompt_for_what_is_told_nothing(
    deciding: VLPoseEstimator, photos: tuple
) -> None:
    images, samples = photos
    passes = []
    deciding.backbone.register_forward_hook(lambda *args: passes.append(len(args[1][0])))
    got = predict(deciding, images, samples)
    tuned = [i for i in range(8) if got[i].metainfo['pred_route'] == 'tuned']
    assert 0 < len(tuned) < 8 and passes == [8, len(tuned)]
    for i, sample in enumerate(got):
        info = sample.metainfo
        assert info['pred_scenario'] == ('mural' if i in tuned else None)
        assert (info['pred_artificial_prob'] > 0.5) == (i in tuned)
        sure = max(info['pred_artificial_prob'], 1 - info['pred_artificial_prob'])
        assert info['pred_scenario_prob'] == pytest.approx(sure)
        told = copy.deepcopy(samples[i])
        told.set_metainfo(dict(MURAL if i in tuned else dict(PHOTO, route='original')))
        (expected,) = predict(deciding, images[[i]], [told])
        assert info['text_prompt'] == expected.metainfo['text_prompt']
        torch.testing.assert_close(
            sample.pred_fields.heatmaps, expected.pred_fields.heatmaps
        )
        assert 'pred_scenario' not in expected.metainfo


def test_a_person_overrides_the_classifier(
    deciding: VLPoseEstimator, photos: tuple
) -> None:
    images, samples = photos
    for told, expected in ((TOLD, 'tuned'), (dict(route='original'), 'original')):
        for sample in samples:
            sample.set_metainfo(told)
        routes = {s.metainfo['pred_route'] for s in predict(deciding, images, samples)}
        assert routes == {expected}


def test_people_of_one_image_share_a_decision(
    deciding: VLPoseEstimator, photos: tuple
) -> None:
    images, samples = photos
    apart = predict(deciding, images, samples)
    artificial = [s.metainfo['pred_artificial_prob'] for s in apart]
    for sample in samples:
        sample.set_metainfo(dict(img_path='one.jpg', img_id=1))
    together = predict(deciding, images, samples)
    assert len({s.metainfo['pred_route'] for s in together}) == 1
    logits = torch.tensor(artificial, dtype=torch.float64).logit()
    expected = logits.mean().sigmoid().item()
    assert together[0].metainfo['pred_artificial_prob'] == pytest.approx(expected, abs=1e-4)


def test_while_decisions_are_remembered_later_batches_follow_the_first(
    deciding: VLPoseEstimator, photos: tuple
) -> None:
    images, samples = photos
    artificial = [
        s.metainfo['pred_artificial_prob'] for s in predict(deciding, images, samples)
    ]
    first, second = int(np.argmin(artificial)), int(np.argmax(artificial))
    for row in (first, second):
        samples[row].set_metainfo(dict(img_path='one.jpg', img_id=1))

    def routes() -> list[str]:
        return [
            predict(deciding, images[[row]], [samples[row]])[0].metainfo['pred_route']
            for row in (first, second)
        ]

    assert routes() == ['original', 'tuned']
    deciding.router.decisions = {}
    assert routes() == ['original', 'original']
    deciding.router.decisions = None
    assert routes() == ['original', 'tuned']


def test_asking_a_classifier_that_was_never_fitted_names_the_remedy(
    vlpose_cfg: dict, photos: tuple
) -> None:
    vlpose_cfg['scenario_classifier'] = dict(type='ScenarioClassifier')
    vlpose_cfg['test_cfg']['route'] = 'auto'
    with pytest.raises(ValueError, match='not fitted.*tools.fit_scenario_classifier'):
        predict(build(vlpose_cfg).eval(), *photos)


def test_people_who_do_not_tell_their_image_decide_together_but_are_not_remembered(
    deciding: VLPoseEstimator, photos: tuple
) -> None:
    images, samples = photos
    for sample in samples:
        sample.set_metainfo(dict(img_path=None, img_id=None))
    deciding.router.decisions = {}
    together = predict(deciding, images, samples)
    assert len({s.metainfo['pred_artificial_prob'] for s in together}) == 1
    alone = [
        predict(deciding, images[[i]], [samples[i]])[0].metainfo['pred_artificial_prob']
        for i in range(8)
    ]
    assert len(set(alone)) == 8


def test_training_by_the_table_takes_its_row_for_photos_whatever_classifies_them(
    deciding: VLPoseEstimator, photos: tuple
) -> None:
    deciding.train_cfg = dict(route='auto')
    assert deciding.loss(*photos)['loss_kpt'] == 0
    deciding.router.table['none'] = 'tuned'
    assert deciding.loss(*photos)['loss_kpt'] > 0


def test_a_batch_needs_a_sample_for_each_image(
    vlpose_cfg: dict, make_sample: Callable
) -> None:
    model = build(vlpose_cfg).eval()
    images = torch.randn(2, 3, 128, 96)
    for count, samples in ((2, [make_sample()]), (0, []), (0, None)):
        with pytest.raises(ValueError, match=f'There are {count} images'):
            model(images[:count], samples)
