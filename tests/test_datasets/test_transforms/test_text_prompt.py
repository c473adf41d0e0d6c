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
from vlpose_mm.datasets.scenarios import DEFAULT_TEXT_PROMPT, SCENARIOS

FOLDER = 'data/HumanArt/images/2D_virtual_human'
MURAL = SCENARIOS['mural'].text_prompt
PRINT_LOG = 'vlpose_mm.datasets.transforms.text_prompt.print_log'


@pytest.fixture
def logged(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    messages = []
    monkeypatch.setattr(PRINT_LOG, lambda text, **_: messages.append(text))
    return messages


def assign(sample: dict, **kwargs) -> tuple:
    transform = TRANSFORMS.build(dict(type='AssignTextPrompt', **kwargs))
    results = transform(dict(sample))
    return results['text_prompt'], results['scenario'], results['group']


@pytest.mark.fast
def test_the_samples_text_prompt_comes_first_then_the_arguments_then_the_scenarios() -> (
    None
):
    path = f'{FOLDER}/sketch/1.jpg'
    sample = dict(img_path=path, category='mural', text_prompt='a bronze statue')
    assert assign(sample, text_prompt='a photo')[0] == 'a bronze statue'
    del sample['text_prompt']
    assert assign(sample, text_prompt='a photo')[0] == 'a photo'
    assert assign(sample) == (MURAL, 'mural', '2D_virtual_human')
    sketch = (SCENARIOS['sketch'].text_prompt, 'sketch', '2D_virtual_human')
    assert assign(dict(img_path=path)) == sketch
    assert assign(dict(img_path='mine/sketch/1.jpg')) == sketch
    for sample in ({}, *(dict(img_path=p) for p in ('coco/val2017/1.jpg', '1.jpg', None))):
        assert assign(sample) == (DEFAULT_TEXT_PROMPT, None, None)


def test_the_description_comes_before_the_arguments_if_it_is_used() -> None:
    sample = dict(category='mural', description=' mural,  two\nmen\ton a wall\n')
    kwargs = dict(use_description=True, text_prompt='a photo')
    text = 'mural, two men on a wall'
    assert assign(sample)[0] == MURAL
    assert assign(sample, **kwargs) == (text, 'mural', '2D_virtual_human')
    assert assign(dict(sample, text_prompt='mine'), **kwargs)[0] == 'mine'
    for description in (None, ' \n'):
        sample['description'] = description
        assert assign(sample, **kwargs)[0] == 'a photo'
        assert assign(sample, use_description=True)[0] == MURAL
    with pytest.raises(ValueError, match='description of a.jpg must be text, got 3'):
        assign(dict(img_path='a.jpg', description=3), **kwargs)


@pytest.mark.parametrize(
    ('sample', 'kwargs', 'source'),
    [
        (dict(), {}, 'none'),
        (dict(category='mural'), {}, 'scenario'),
        (dict(), dict(text_prompts=dict(default='art')), 'none'),
        (dict(text_prompt='a puppet'), {}, 'text_prompt'),
        (dict(), dict(text_prompt='a puppet'), 'text_prompt'),
        (dict(description='a hero', category='mural'), {}, 'scenario'),
        (dict(description='a hero'), dict(use_description=True), 'text_prompt'),
    ],
)
def test_text_source_is_what_the_text_prompt_is_from(
    sample: dict, kwargs: dict, source: str
) -> None:
    assert AssignTextPrompt(**kwargs)(dict(sample))['text_source'] == source


def test_a_category_with_a_space_is_found_and_an_odd_one_is_not_a_scenario() -> None:
    got = assign(dict(img_path='a.jpg', category='garage kits'))
    assert got == (SCENARIOS['garage_kits'].text_prompt, 'garage_kits', '3D_virtual_human')
    for category in (' ', '-', '', None):
        assert assign(dict(category=category)) == (DEFAULT_TEXT_PROMPT, None, None)
    assert assign(dict(img_path=f'{FOLDER}/-/1.jpg'))[1] is None
    with pytest.raises(ValueError, match='category of a.jpg must be text, got 3'):
        assign(dict(category=3, img_path='a.jpg'))


def test_an_unknown_scenario_gets_a_text_prompt_from_its_name_and_one_warning(
    logged: list[str],
) -> None:
    transform = AssignTextPrompt()
    for path in (f'{FOLDER}/pixel_art/1.jpg', f'{FOLDER}/pixel_art/2.jpg'):
        results = transform(dict(img_path=path))
        assert results['text_prompt'] == 'a pixel art picture of a person'
        assert results['scenario'] == 'pixel_art'
        assert results['group'] == '2D_virtual_human'
    assert len(logged) == 1 and "'pixel_art'" in logged[0]


def test_the_workers_of_a_data_loader_warn_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = tmp_path / 'log'

    def write(text: str, **_) -> None:
        with log.open('a') as file:
            file.write(text + '\n')

    monkeypatch.setattr(PRINT_LOG, write)
    transform = AssignTextPrompt()

    class Images(Dataset):
        def __len__(self) -> int:
            return 4

        def __getitem__(self, index: int) -> str:
            # One worker after the other: in real loaders few start in the same instant.
            time.sleep(0.1 * (index % 2))
            return transform(dict(category='pixel art'))['text_prompt']

    texts = list(DataLoader(Images(), batch_size=None, num_workers=2))
    texts += list(DataLoader(Images(), batch_size=None, num_workers=2))
    assert texts == ['a pixel art picture of a person'] * 8
    assert len(log.read_text().splitlines()) == 1


def test_text_prompts_by_scenario_extend_and_replace_ours(
    logged: list[str], tmp_path: Path
) -> None:
    own = {'pixel art': 'pixel art of a hero', 'mural': 'a fresco of a person'}
    got = assign(dict(category='Pixel Art'), text_prompts=own)
    assert got == ('pixel art of a hero', 'pixel_art', None)
    assert assign(dict(category='mural'), text_prompts=own)[0] == 'a fresco of a person'

    table = dict(default='any image', mural=['a fresco', 'a wall'])
    path = tmp_path / 'prompts.json'
    path.write_text(json.dumps(table))
    for kwargs in (dict(file=str(path)), dict(text_prompts=table)):
        assert assign({}, **kwargs) == ('any image', None, None)
        assert assign(dict(category='relief'), **kwargs)[0] == 'any image'
        pixel_art = assign(dict(category='pixel art'), **kwargs)
        assert pixel_art == ('any image', 'pixel_art', None)
        assert assign(dict(category='mural'), **kwargs)[0] == ['a fresco', 'a wall']
    assert not logged

    path.write_text(json.dumps({name: f'one {name}' for name in SCENARIOS}))
    kwargs = dict(file=str(path))
    assert assign(dict(category='mural'), **kwargs)[0] == 'one mural'
    assert assign({}, **kwargs)[0] == DEFAULT_TEXT_PROMPT
    pixel_art = assign(dict(category='pixel art'), **kwargs)
    assert pixel_art[0] == 'a pixel art picture of a person' and len(logged) == 1


def test_a_text_prompt_may_be_several_texts() -> None:
    texts = ['a bronze', 'a statue']
    sample = dict(category='mural', text_prompt=texts)
    assert assign(sample, text_prompt='a photo')[0] == texts
    assert assign({}, text_prompt=texts)[0] == texts
    for invalid in (3, ['a', ''], [None], ' '):
        with pytest.raises(ValueError, match='The text_prompt of a.jpg'):
            assign(dict(img_path='a.jpg', text_prompt=invalid))


def test_per_keypoint_makes_a_text_for_each_keypoint_of_the_dataset() -> None:
    dataset = CocoDataset(lazy_init=True)
    sample = dict(category='oil painting', dataset=dataset, keypoints=np.ones((2, 17, 2)))
    texts = assign(sample, per_keypoint=True)[0]
    assert len(texts) == 17
    assert texts[0] == 'the nose in an oil painting of a person'
    assert texts[13] == 'the left knee in an oil painting of a person'
    sample['description'] = 'a man'
    texts = assign(sample, per_keypoint=True, use_description=True)[0]
    assert texts[-1] == 'the right ankle in a man'
    # As in MMPose's inference.
    sample = dict(keypoint_id2name={1: 'tail', 0: 'snout_tip'}, text_prompt='a fox')
    texts = assign(sample, per_keypoint=True)[0]
    assert texts == ['the snout tip in a fox', 'the tail in a fox']


@pytest.mark.parametrize(
    ('sample', 'message'),
    [
        (dict(keypoints=np.ones((1, 17, 2))), 'a.jpg.*add keypoint_id2name'),
        (
            dict(dataset=CocoDataset(lazy_init=True), keypoints=np.ones((1, 21, 2))),
            'has 21 keypoints, but its dataset names 17',
        ),
        (dict(text_prompt=['a', 'b']), "a.jpg: 'text_prompt' has 2 texts"),
    ],
)
def test_per_keypoint_needs_names_and_a_single_text(sample: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        assign(dict(sample, img_path='a.jpg'), per_keypoint=True)


@pytest.mark.parametrize(
    ('kwargs', 'message'),
    [
        (dict(text_prompt=' '), 'is blank'),
        (dict(text_prompts=dict(mural='')), 'is blank'),
        (dict(text_prompt='a', text_prompts=dict(mural='b')), 'text_prompts by scenario, '),
        (dict(file='a.yml', text_prompt='a'), 'in the config, not in both'),
        (dict(file='a.yml', text_prompts=dict(mural='a')), 'in the config, not in both'),
        (dict(text_prompt=['a', 'b'], per_keypoint=True), 'has 2 texts'),
        (dict(text_prompts=dict(mural=['a', 'b']), per_keypoint=True), 'has 2 texts'),
    ],
)
def test_refuses_blank_and_conflicting_arguments(kwargs: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        AssignTextPrompt(**kwargs)
