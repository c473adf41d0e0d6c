"""Which text prompts a graph holds."""

from pathlib import Path

import pytest
from mmengine.config import Config

from tests.test_models.test_classifiers.test_scenario_classifier import CLASSES
from vlpose_mm.datasets.scenarios import SCENARIOS
from vlpose_mm.export.text_prompts import collect_text_prompts
from vlpose_mm.models import ScenarioClassifier

NAMES = ['nose', 'left_knee']


@pytest.fixture
def cfg(small_config: Path) -> Config:
    return Config.fromfile(small_config)


def assign(cfg: Config, **settings: object) -> None:
    """Change the test pipeline's AssignTextPrompt."""
    (transform,) = (
        t for t in cfg.test_dataloader.dataset.pipeline if t['type'] == 'AssignTextPrompt'
    )
    transform.update(settings)


def test_the_scenario_table_by_default(cfg: Config) -> None:
    prompts = collect_text_prompts(cfg, None, NAMES, None)
    assert {*prompts.scenarios} == {'default', *SCENARIOS}
    assert prompts.encoded[prompts.scenarios['mural']] == SCENARIOS['mural'].text_prompt
    assert prompts.groups['mural'] == '2D_virtual_human'
    assert len(prompts.encoded) == len({*prompts.encoded}) == 20


def test_the_text_prompts_of_the_test_pipeline(cfg: Config) -> None:
    assign(cfg, text_prompts={'default': 'any image', 'pixel art': 'pixels'})
    prompts = collect_text_prompts(cfg, None, NAMES, None)
    assert prompts.encoded == ['any image', 'pixels']
    assert prompts.scenarios['mural'] == 0 and prompts.scenarios['pixel_art'] == 1


def test_one_text_prompt_for_all_images(cfg: Config) -> None:
    assign(cfg, text_prompt='a photo of a human')
    prompts = collect_text_prompts(cfg, None, NAMES, None)
    assert prompts.encoded == ['a photo of a human'] and prompts.scenarios == {'default': 0}


def test_a_text_prompt_per_keypoint(cfg: Config, tmp_path: Path) -> None:
    assign(cfg, per_keypoint=True)
    path = tmp_path / 'one.txt'
    path.write_text('a mural of a person\n')
    prompts = collect_text_prompts(cfg, str(path), NAMES, None)
    assert prompts.named == ['a mural of a person']
    assert prompts.encoded == [
        ['the nose in a mural of a person', 'the left knee in a mural of a person']
    ]
    assert prompts.scenarios == {'mural': 0}


def test_a_table_in_yaml(cfg: Config, tmp_path: Path) -> None:
    path = tmp_path / 'table.yml'
    path.write_text('default: an image\nmural: [a wall, a person]\n')
    prompts = collect_text_prompts(cfg, str(path), NAMES, None)
    assert prompts.encoded == ['an image', ['a wall', 'a person']]
    assert prompts.scenarios['mural'] == 1 and prompts.scenarios['sketch'] == 0


def test_a_text_prompt_a_line(cfg: Config, tmp_path: Path) -> None:
    path = tmp_path / 'lines.txt'
    path.write_text('a  bronze statue\n\na sketch of a person\na bronze statue\n')
    prompts = collect_text_prompts(cfg, str(path), NAMES, None)
    assert prompts.encoded == ['a bronze statue', 'a sketch of a person']
    assert prompts.scenarios == {'sketch': 1}


def test_the_classifier_s_text_prompts_are_there(cfg: Config, tmp_path: Path) -> None:
    classifier = ScenarioClassifier()
    classifier.classes = CLASSES
    path = tmp_path / 'lines.txt'
    path.write_text('a bronze statue\n')
    prompts = collect_text_prompts(cfg, str(path), NAMES, classifier)
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
def test_bad_files_are_refused(
    name: str,
    content: bytes | None,
    error: type,
    message: str,
    cfg: Config,
    tmp_path: Path,
) -> None:
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(error, match=message):
        collect_text_prompts(cfg, str(path), NAMES, None)
