"""Which text prompts a graph holds."""

from pathlib import Path

import pytest
from mmengine.config import Config

from tests.test_models.test_classifiers.test_scenario_classifier import CLASSES
from vlpose_mm.datasets.scenarios import SCENARIOS
from vlpose_mm.export.text_prompts import TextPrompts, collect_text_prompts
from vlpose_mm.models import ScenarioClassifier

NAMES = ['nose', 'left_knee']


@pytest.fixture
def cfg(small_config: Path) -> Config:
    return Config.fromfile(small_config)


def assign(cfg: Config, **settings: object) -> Config:
    """Change the test pipeline's AssignTextPrompt."""
    (transform,) = (
        t for t in cfg.test_dataloader.dataset.pipeline if t['type'] == 'AssignTextPrompt'
    )
    transform.update(settings)
    return cfg


def of_file(cfg: Config, path: Path, content: str, classifier=None) -> TextPrompts:
    path.write_text(content)
    return collect_text_prompts(cfg, str(path), NAMES, classifier)


def test_those_of_the_test_pipeline_by_default(cfg: Config) -> None:
    prompts = collect_text_prompts(cfg, None, NAMES, None)
    assert {*prompts.scenarios} == {'default', *SCENARIOS}
    assert prompts.encoded[prompts.scenarios['mural']] == SCENARIOS['mural'].text_prompt
    assert prompts.groups['mural'] == '2D_virtual_human'
    assert len(prompts.encoded) == len({*prompts.encoded}) == 20
    table = {'default': 'any image', 'pixel art': 'pixels'}
    prompts = collect_text_prompts(assign(cfg, text_prompts=table), None, NAMES, None)
    assert prompts.encoded == ['any image', 'pixels']
    assert prompts.scenarios['mural'] == 0 and prompts.scenarios['pixel_art'] == 1
    assign(cfg, text_prompts=None, text_prompt='a photo')
    prompts = collect_text_prompts(cfg, None, NAMES, None)
    assert prompts == TextPrompts(['a photo'], ['a photo'], {'default': 0})


def test_a_text_prompt_per_keypoint(cfg: Config, tmp_path: Path) -> None:
    mural = 'a mural of a person'
    prompts = of_file(assign(cfg, per_keypoint=True), tmp_path / 'one.txt', f'{mural}\n')
    assert prompts.named == [mural] and prompts.scenarios == {'mural': 0}
    assert prompts.encoded == [[f'the nose in {mural}', f'the left knee in {mural}']]


def test_those_of_a_file(cfg: Config, tmp_path: Path) -> None:
    yml = 'default: an image\nmural: [a wall, a person]\n'
    prompts = of_file(cfg, tmp_path / 'table.yml', yml)
    assert prompts.encoded == ['an image', ['a wall', 'a person']]
    assert prompts.scenarios['mural'] == 1 and prompts.scenarios['sketch'] == 0
    lines = 'a  bronze statue\n\na sketch of a person\na bronze statue\n'
    prompts = of_file(cfg, tmp_path / 'lines.txt', lines)
    assert prompts.encoded == ['a bronze statue', 'a sketch of a person']
    assert prompts.scenarios == {'sketch': 1}


def test_those_of_the_classifier_as_well(cfg: Config, tmp_path: Path) -> None:
    classifier = ScenarioClassifier()
    classifier.classes = CLASSES
    prompts = of_file(cfg, tmp_path / 'lines.txt', 'a bronze statue\n', classifier)
    assert prompts.encoded == ['a bronze statue', *(kind.text_prompt for kind in CLASSES)]
    assert prompts.scenarios == {'dance': 1, 'mural': 2, 'pixel_art': 3}


@pytest.mark.parametrize(
    ('name', 'content', 'error', 'message'),
    [
        ('missing.txt', None, OSError, 'missing.txt'),
        ('missing.yml', None, OSError, 'missing.yml'),
        ('empty.txt', b'\n \n', ValueError, 'holds no text prompt; write one a line'),
        ('broken.txt', b'\xff\xfe\x00', ValueError, 'not text in UTF-8'),
        ('part.yml', b'mural: a wall', ValueError, 'has no text prompt for'),
    ],
)
def test_bad_files_are_refused(name, content, error, message, cfg, tmp_path) -> None:
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(error, match=message):
        collect_text_prompts(cfg, str(path), NAMES, None)
