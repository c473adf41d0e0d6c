"""AssignTextPrompt: precedence, unknown scenarios, texts per keypoint."""

import json
import time
from pathlib import Path

import numpy as np
import pytest
from mmpose.datasets.datasets import CocoDataset
from mmpose.registry import TRANSFORMS
from torch.utils.data import DataLoader, Dataset

from vlpose_mm.datasets import AssignTextPrompt
from vlpose_mm.datasets.scenarios import DEFAULT_TEXT_PROMPT as PHOTO
from vlpose_mm.datasets.scenarios import SCENARIOS

ART_2D = '2D_virtual_human'
FOLDER = f'data/HumanArt/images/{ART_2D}'
PRINT_LOG = 'vlpose_mm.datasets.transforms.text_prompt.print_log'
NAMES = ('mural', 'sketch', 'garage_kits')
MURAL, SKETCH, KITS = (SCENARIOS[name].text_prompt for name in NAMES)
PIXEL_ART = 'a pixel art picture of a person'
COCO = CocoDataset(lazy_init=True)
DESCRIPTION = ' mural,  two\nmen\ton a wall\n'
DESCRIBED = dict(category='mural', description=DESCRIPTION)
USED = dict(use_description=True, text_prompt='a photo')
OWN = {'Pixel-Art': 'pixel art of a hero', 'mural': ['a fresco', 'a wall']}
TABLE = dict(text_prompts=OWN)
WITH_DEFAULT = dict(text_prompts=dict(default='any image', mural='a fresco'))


def assign(sample: dict, **kwargs) -> dict:
    return TRANSFORMS.build(dict(type='AssignTextPrompt', **kwargs))(dict(sample))


@pytest.mark.fast
@pytest.mark.parametrize(
    ('sample', 'kwargs', 'text_prompt', 'source'),
    [
        # The sample's text prompt, its description, the argument, then the scenario's.
        (dict(DESCRIBED, text_prompt='a  statue '), USED, 'a statue', 'text_prompt'),
        (dict(text_prompt=['a', ' b']), USED, ['a', 'b'], 'text_prompt'),
        (DESCRIBED, USED, 'mural, two men on a wall', 'text_prompt'),
        (dict(description=' \n'), USED, 'a photo', 'text_prompt'),
        (dict(description=None), USED, 'a photo', 'text_prompt'),
        (DESCRIBED, dict(text_prompt=['a', 'b']), ['a', 'b'], 'text_prompt'),
        (dict(DESCRIBED, img_path=f'{FOLDER}/sketch/1.jpg'), {}, MURAL, 'scenario'),
        (dict(img_path=f'{FOLDER}/sketch/1.jpg'), {}, SKETCH, 'scenario'),
        (dict(img_path='mine/sketch/1.jpg'), {}, SKETCH, 'scenario'),
        (dict(category='garage kits', img_path='a.jpg'), {}, KITS, 'scenario'),
        ({}, {}, PHOTO, 'none'),
        (dict(img_path=None), {}, PHOTO, 'none'),
        (dict(img_path='coco/val2017/1.jpg'), {}, PHOTO, 'none'),
        (dict(img_path=f'{FOLDER}/-/1.jpg'), {}, PHOTO, 'none'),
        *((dict(category=name), {}, PHOTO, 'none') for name in (' ', '-', '', None)),
        # Tables extend and replace ours.
        (dict(category='pixel_art'), TABLE, 'pixel art of a hero', 'scenario'),
        (dict(category='mural'), TABLE, ['a fresco', 'a wall'], 'scenario'),
        (dict(category='sketch'), TABLE, SKETCH, 'scenario'),
        ({}, WITH_DEFAULT, 'any image', 'none'),
        (dict(category='sketch'), WITH_DEFAULT, 'any image', 'scenario'),
        (dict(category='pixel art'), WITH_DEFAULT, 'any image', 'scenario'),
        (dict(category='mural'), WITH_DEFAULT, 'a fresco', 'scenario'),
    ],
)
def test_the_first_text_prompt_in_the_order_of_precedence_is_assigned(
    sample: dict, kwargs: dict, text_prompt: str | list, source: str, tmp_path: Path
) -> None:
    path = tmp_path / 'prompts.json'
    path.write_text(json.dumps(kwargs.get('text_prompts')))
    for settings in (kwargs, dict(file=str(path)))[: 1 + (kwargs is WITH_DEFAULT)]:
        results = assign(sample, **settings)
        assert (results['text_prompt'], results['text_source']) == (text_prompt, source)


def test_an_unknown_scenario_gets_a_text_prompt_from_its_name_and_one_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log, file = tmp_path / 'log', tmp_path / 'prompts.json'

    def write(text: str, **_) -> None:
        with log.open('a') as opened:
            opened.write(text + '\n')

    monkeypatch.setattr(PRINT_LOG, write)
    # A file without default.
    file.write_text(json.dumps({name: f'one {name}' for name in SCENARIOS}))
    transform = AssignTextPrompt(file=str(file))
    assert transform(dict(category='mural'))['text_prompt'] == 'one mural'
    assert transform({})['text_prompt'] == PHOTO
    assert not log.exists()

    class Images(Dataset):
        def __len__(self) -> int:
            return 4

        def __getitem__(self, index: int) -> dict:
            # One worker after the other: in real loaders few start in the same instant.
            time.sleep(0.1 * (index % 2))
            return transform(dict(img_path=f'{FOLDER}/pixel_art/{index}.jpg'))

    # As MMEngine starts workers.
    settings = dict(batch_size=None, num_workers=2, multiprocessing_context='fork')
    results = [*DataLoader(Images(), **settings)]
    results += DataLoader(Images(), **settings)
    for result in (*results, Images()[0]):
        assert result['text_prompt'] == PIXEL_ART
        assert (result['scenario'], result['group']) == ('pixel_art', ART_2D)
    (line,) = log.read_text().splitlines()
    assert "Unknown scenario 'pixel_art'" in line


def test_per_keypoint_makes_a_text_for_each_keypoint_of_the_dataset() -> None:
    sample = dict(category='oil painting', dataset=COCO, keypoints=np.ones((2, 17, 2)))
    texts = assign(sample, per_keypoint=True)['text_prompt']
    assert len(texts) == 17
    assert texts[0] == 'the nose in an oil painting of a person'
    assert texts[13] == 'the left knee in an oil painting of a person'
    sample['description'] = 'a man'
    texts = assign(sample, per_keypoint=True, use_description=True)['text_prompt']
    assert texts[-1] == 'the right ankle in a man'
    # As in MMPose's inference.
    sample = dict(keypoint_id2name={1: 'tail', 0: 'snout_tip'}, text_prompt='a fox')
    texts = assign(sample, per_keypoint=True)['text_prompt']
    assert texts == ['the snout tip in a fox', 'the tail in a fox']


PER_KEYPOINT = dict(per_keypoint=True)
OTHER = dict(dataset=COCO, keypoints=np.ones((1, 21, 2)))


@pytest.mark.parametrize(
    ('sample', 'kwargs', 'message'),
    [
        *(
            (dict(text_prompt=v), {}, 'The text_prompt of a.jpg')
            for v in (3, ['a', ''], ' ')
        ),
        (dict(description=3), USED, 'The description of a.jpg must be text, got 3'),
        (dict(category=3), {}, 'The category of a.jpg must be text, got 3'),
        (dict(keypoints=np.ones((1, 17, 2))), PER_KEYPOINT, 'a.jpg.*add keypoint_id2name'),
        (OTHER, PER_KEYPOINT, 'a.jpg has 21 keypoints, but its dataset names 17'),
        (dict(text_prompt=['a']), PER_KEYPOINT, "a.jpg: 'text_prompt' has 1 texts"),
        # Arguments.
        ({}, dict(text_prompt=' '), 'is blank'),
        ({}, dict(text_prompts=dict(mural='')), 'is blank'),
        ({}, dict(text_prompt='a', text_prompts=OWN), 'text_prompts by scenario, not both'),
        ({}, dict(file='a.yml', text_prompt='a'), 'in the config, not in both'),
        ({}, dict(file='a.yml', text_prompts=OWN), 'in the config, not in both'),
        ({}, dict(text_prompt=['a', 'b'], per_keypoint=True), 'has 2 texts'),
        ({}, dict(text_prompts=OWN, per_keypoint=True), 'has 2 texts'),
    ],
)
def test_refuses_blank_and_conflicting_input(
    sample: dict, kwargs: dict, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        assign(dict(sample, img_path='a.jpg'), **kwargs)
