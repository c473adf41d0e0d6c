"""VLPoseEstimator reads text prompts that it was not tuned with as those that it was."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from mmpose.registry import MODELS
from mmpose.structures import PoseDataSample

from vlpose_mm.checkpoint.adapter import extract
from vlpose_mm.checkpoint.io import write_file
from vlpose_mm.checkpoint.text_features import read_tuned_with
from vlpose_mm.datasets.scenarios import DEFAULT_TEXT_PROMPT as PHOTO
from vlpose_mm.datasets.scenarios import SCENARIOS
from vlpose_mm.models import VLPoseEstimator

OIL, GLASS = (SCENARIOS[name].text_prompt for name in ('oil_painting', 'stained_glass'))
OTHER = 'oil on canvas, 17th century'
KNOWN = dict(text_reading='known')


@pytest.fixture
def make(vlpose_cfg: dict, minilm: str) -> Callable:
    """Build a model that reads any text and that every text prompt steers."""

    def build(**test_cfg: object) -> VLPoseEstimator:
        encoder = dict(type='TransformersTextEncoder', pretrained=minilm)
        vlpose_cfg['test_cfg'] |= test_cfg
        torch.manual_seed(0)
        model = MODELS.build({**vlpose_cfg, 'text_encoder': encoder})
        for param in model.backbone.lora.parameters():
            torch.nn.init.normal_(param, std=0.1)
        return model.eval()

    return build


@pytest.fixture
def predict(make_sample: Callable) -> Callable:
    """Predict one image with a text prompt."""
    torch.manual_seed(1)
    image = torch.randn(1, 3, 128, 96)

    @torch.no_grad()
    def run(model: VLPoseEstimator, text_prompt: str | list[str]) -> PoseDataSample:
        (sample,) = model.predict(image, [make_sample(text_prompt)])
        return sample

    return run


def scores(sample: PoseDataSample) -> list:
    return sample.pred_instances.keypoint_scores.tolist()


def test_other_words_are_read_as_a_known_text_prompt(
    make: Callable, predict: Callable
) -> None:
    model = make(**KNOWN)
    own, other = predict(model, OIL), predict(model, OTHER)
    assert 'read_as' not in own and [*other.read_as.shares] == [OIL]
    assert scores(other) == scores(own) != scores(predict(model, GLASS))
    model.test_cfg['text_reading'] = 'literal'
    literal = predict(model, OTHER)
    assert 'read_as' not in literal and scores(literal) != scores(own)
    assert scores(predict(model, OIL)) == scores(own)


@pytest.mark.parametrize('text', [PHOTO, 'a photo of a car', [OTHER, GLASS]])
def test_what_says_nothing_or_is_near_nothing_and_several_texts_are_read_as_they_are(
    make: Callable, predict: Callable, text: str | list[str]
) -> None:
    model = make(**KNOWN)
    found = predict(model, text)
    assert 'read_as' not in found
    model.test_cfg['text_reading'] = 'literal'
    assert scores(found) == scores(predict(model, text))


def test_words_between_two_are_read_as_a_mixture_of_both(
    make: Callable, predict: Callable
) -> None:
    model = make(**KNOWN, output_attention_maps=True)
    known = ['a drawing in pencil', 'a drawing in ink']
    model.adapter_text.tuned_with = dict.fromkeys(known)
    found = predict(model, 'a drawing')
    shares = found.read_as.shares
    assert {*shares} == {*known}
    maps = found.pred_attention_maps
    assert {'pencil', 'ink'} <= {word.text for word in maps.words}
    assert maps.text_prompt == ' / '.join(shares)


def test_a_model_knows_what_it_is_tuned_with_and_tells_its_adapter(
    make: Callable, predict: Callable, make_sample: Callable, tmp_path: Path
) -> None:
    model = make(**KNOWN).train()
    samples = [make_sample(text) for text in (GLASS, 'my style', 'a wording')]
    samples[2].set_metainfo(dict(wording_of=GLASS))
    model.loss(torch.randn(3, 3, 128, 96), samples)
    model.eval()
    assert 'read_as' not in predict(model, 'my style')
    assert {*predict(model, OIL).read_as.shares} <= {GLASS, 'my style', PHOTO}
    path = str(tmp_path / 'tuned.pth')
    features = model.adapter_text_features()
    content = dict(state_dict=extract(model.state_dict()), text_features=features)
    write_file(content, path)
    assert read_tuned_with(content) == [GLASS, 'my style']
    assert 'a wording' not in features['text_prompts']

    other = make(**KNOWN)
    other.load_state_dict(model.state_dict())
    other.load_adapter(path, 'glass')
    assert 'read_as' not in predict(other, 'my style')
    other.set_adapter('default')
    assert 'read_as' in predict(other, 'my style')
    other.set_adapter('glass')
    assert 'read_as' not in predict(other, 'my style')
    del features['tuned_with']
    assert read_tuned_with(content) == features['text_prompts']


def test_merged_updates_are_those_of_what_a_text_prompt_is_read_as(
    make: Callable, predict: Callable
) -> None:
    model = make(**KNOWN)
    expected = predict(model, OTHER).pred_instances.keypoint_scores
    model.merge_adapter(OTHER)
    assert model.backbone.lora.is_merged
    merged = predict(model, OTHER).pred_instances.keypoint_scores
    torch.testing.assert_close(torch.tensor(merged), torch.tensor(expected))


def test_a_text_encoder_without_language_reads_literally(
    vlpose_cfg: dict, predict: Callable
) -> None:
    random = dict(type='RandomTextEncoder', embed_dims=384)
    for encoder in (random, vlpose_cfg['text_encoder']):
        cfg = {**vlpose_cfg, 'text_encoder': encoder}
        model = MODELS.build(cfg).eval()
        model.test_cfg |= KNOWN
        model.adapter_text.tuned_with = dict.fromkeys([GLASS])
        assert 'read_as' not in predict(model, OIL)


def test_an_unknown_reading_is_refused(make: Callable) -> None:
    with pytest.raises(ValueError, match="Unknown test_cfg.text_reading 'nearest'"):
        make(text_reading='nearest')
