"""AssignTextPrompt: which words win, and what unknown names do."""

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


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    texts = []
    monkeypatch.setattr(
        'vlpose_mm.datasets.transforms.text_prompt.print_log',
        lambda text, **_: texts.append(text),
    )
    return texts


def assign(results: dict, **kwargs) -> tuple:
    results = TRANSFORMS.build(dict(type='AssignTextPrompt', **kwargs))(results)
    return results['text_prompt'], results['scenario'], results['group']


def test_own_text_prompt_then_given_one_then_category_then_folder_then_default() -> None:
    folder = f'{FOLDER}/sketch/1.jpg'
    mural = SCENARIOS['mural'].text_prompt
    sample = dict(img_path=folder, category='mural', text_prompt='a bronze statue')
    assert assign(dict(sample), text_prompt='a photo')[0] == 'a bronze statue'
    del sample['text_prompt']
    assert assign(dict(sample), text_prompt='a photo')[0] == 'a photo'
    assert assign(dict(sample)) == (mural, 'mural', '2D_virtual_human')
    del sample['category']
    sketch = (SCENARIOS['sketch'].text_prompt, 'sketch', '2D_virtual_human')
    assert assign(dict(sample)) == sketch
    assert assign(dict(img_path='mine/sketch/1.jpg')) == sketch
    for path in ('data/coco/val2017/1.jpg', '1.jpg', None):
        assert assign(dict(img_path=path)) == (DEFAULT_TEXT_PROMPT, None, None)
    assert assign({}) == (DEFAULT_TEXT_PROMPT, None, None)


def test_category_is_found_with_its_blank() -> None:
    got = assign(dict(img_path='a.jpg', category='garage kits'))
    assert got == (SCENARIOS['garage_kits'].text_prompt, 'garage_kits', '3D_virtual_human')


def test_unknown_scenario_gets_a_text_prompt_of_its_name_and_one_warning(
    said: list[str],
) -> None:
    transform = AssignTextPrompt()
    for path in (f'{FOLDER}/pixel_art/1.jpg', f'{FOLDER}/pixel_art/2.jpg'):
        results = transform(dict(img_path=path))
        assert results['text_prompt'] == 'a pixel art picture of a person'
        assert results['scenario'] == 'pixel_art'
        assert results['group'] == '2D_virtual_human'
    assert len(said) == 1 and "'pixel_art'" in said[0]


def test_the_workers_of_a_loader_warn_once_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = tmp_path / 'log'

    def write(text: str, **_) -> None:
        with log.open('a') as file:
            file.write(text + '\n')

    monkeypatch.setattr('vlpose_mm.datasets.transforms.text_prompt.print_log', write)
    transform = AssignTextPrompt()

    class Images(Dataset):
        def __len__(self) -> int:
            return 8

        def __getitem__(self, index: int) -> str:
            # One worker at a time, as in a real loader few meet in the same instant.
            time.sleep(0.1 * (index % 2))
            return transform(dict(category='pixel art'))['text_prompt']

    for _ in range(2):
        text_prompts = list(DataLoader(Images(), batch_size=None, num_workers=2))
        assert text_prompts == ['a pixel art picture of a person'] * 8
    assert len(log.read_text().splitlines()) == 1


def test_a_new_scenario_takes_the_text_prompt_it_is_given(said: list[str]) -> None:
    text_prompts = {'pixel art': 'pixel art of a hero', 'mural': 'a fresco of a person'}
    got = assign(dict(category='Pixel Art'), text_prompts=text_prompts)
    assert got == ('pixel art of a hero', 'pixel_art', None)
    assert assign(dict(category='mural'), text_prompts=text_prompts)[0] == (
        'a fresco of a person'
    )
    assert not said


def test_a_default_is_read_where_nothing_else_is_given(
    said: list[str], tmp_path: Path
) -> None:
    path = tmp_path / 'prompts.yml'
    path.write_text('default: any image\nmural: [a fresco, a wall]\n')
    for given in (
        dict(file=str(path)),
        dict(text_prompts=dict(default='any image', mural=['a fresco', 'a wall'])),
    ):
        assert assign({}, **given) == ('any image', None, None)
        assert assign(dict(category='relief'), **given)[0] == 'any image'
        assert assign(dict(category='pixel art'), **given)[:2] == (
            'any image',
            'pixel_art',
        )
        assert assign(dict(category='mural'), **given)[0] == ['a fresco', 'a wall']
    assert not said


def test_a_whole_file_leaves_the_rest_as_without_it(
    said: list[str], tmp_path: Path
) -> None:
    path = tmp_path / 'prompts.json'
    path.write_text(json.dumps({name: f'one {name}' for name in SCENARIOS}))
    given = dict(file=str(path))
    assert assign(dict(category='mural'), **given)[0] == 'one mural'
    assert assign({}, **given)[0] == DEFAULT_TEXT_PROMPT
    assert not said
    got = assign(dict(category='pixel art'), **given)
    assert got[0] == 'a pixel art picture of a person'
    assert len(said) == 1


def test_text_prompts_come_from_one_place(tmp_path: Path) -> None:
    path = tmp_path / 'prompts.yml'
    path.write_text('default: any image')
    for other in (dict(text_prompt='a'), dict(text_prompts=dict(mural='a'))):
        with pytest.raises(ValueError, match='in the config, not in both'):
            AssignTextPrompt(file=str(path), **other)


def test_one_text_prompt_for_all_and_text_prompts_by_scenario_exclude_each_other() -> None:
    with pytest.raises(
        ValueError, match='one text prompt for all images or text prompts by'
    ):
        AssignTextPrompt(text_prompt='a', text_prompts={'mural': 'b'})


def test_own_prompts_may_be_several_text_prompts() -> None:
    prompt = ['a bronze', 'a statue']
    sample = dict(category='mural', text_prompt=prompt)
    assert assign(sample, text_prompt='a photo')[0] == prompt
    assert assign({}, text_prompt=prompt)[0] == prompt
    for bad in (3, ['a', ''], [None], ' '):
        with pytest.raises(ValueError, match='The text_prompt of a.jpg'):
            assign(dict(img_path='a.jpg', text_prompt=bad))


def test_descriptions_go_before_text_prompts_if_wanted() -> None:
    sample = dict(category='mural', description=' mural,  two\nmen\ton a wall\n')
    words = 'mural, two men on a wall'
    kwargs = dict(use_description=True, text_prompt='a photo')
    assert assign(dict(sample))[0] == SCENARIOS['mural'].text_prompt
    assert assign(dict(sample), **kwargs) == (words, 'mural', '2D_virtual_human')
    assert assign(dict(sample, text_prompt='mine'), **kwargs)[0] == 'mine'
    for none in ({}, dict(description=None), dict(description=' \n')):
        assert assign(dict(category='mural', **none), **kwargs)[0] == 'a photo'
        got = assign(dict(category='mural', **none), use_description=True)
        assert got[0] == SCENARIOS['mural'].text_prompt
    with pytest.raises(ValueError, match='description of a.jpg must be text, got 3'):
        assign(dict(img_path='a.jpg', description=3), **kwargs)


def test_every_keypoint_of_the_dataset_gets_a_text_prompt() -> None:
    dataset = CocoDataset(lazy_init=True)
    sample = dict(category='oil painting', dataset=dataset, keypoints=np.ones((1, 17, 2)))
    prompt = assign(dict(sample), per_keypoint=True)[0]
    assert len(prompt) == 17
    assert prompt[0] == 'the nose in an oil painting of a person'
    assert prompt[13] == 'the left knee in an oil painting of a person'
    # MMPose's inference merges the metainfo into the sample.
    metainfo = dict(keypoint_id2name={1: 'tail', 0: 'snout_tip'})
    got = assign(dict(metainfo, text_prompt='a fox'), per_keypoint=True)[0]
    assert got == ['the snout tip in a fox', 'the tail in a fox']
    sample |= dict(description='a man', keypoints=np.ones((2, 17, 2)))
    got = assign(dict(sample), per_keypoint=True, use_description=True)[0]
    assert got[-1] == 'the right ankle in a man'


def test_no_text_prompt_is_made_for_a_wrong_keypoint() -> None:
    with pytest.raises(ValueError, match='a.jpg.*give it keypoint_id2name'):
        assign(dict(img_path='a.jpg', keypoints=np.ones((1, 17, 2))), per_keypoint=True)
    sample = dict(dataset=CocoDataset(lazy_init=True), keypoints=np.ones((1, 21, 2)))
    with pytest.raises(ValueError, match='has 21 keypoints, but its dataset names 17'):
        assign(sample, per_keypoint=True)


def test_a_text_prompt_per_keypoint_is_made_of_one_text_prompt() -> None:
    several = ['a', 'b']
    for kwargs in (dict(text_prompt=several), dict(text_prompts=dict(mural=several))):
        with pytest.raises(ValueError, match='has 2 text prompts'):
            AssignTextPrompt(per_keypoint=True, **kwargs)
    with pytest.raises(ValueError, match="a.jpg: 'text_prompt' has 2 text prompts"):
        assign(dict(img_path='a.jpg', text_prompt=several), per_keypoint=True)


@pytest.mark.parametrize(
    'kwargs', [dict(text_prompt=' '), dict(text_prompts=dict(mural=''))]
)
def test_refuses_a_blank_text_prompt(kwargs: dict) -> None:
    with pytest.raises(ValueError, match='is blank'):
        AssignTextPrompt(**kwargs)


def test_odd_categories_are_no_scenario_or_one_clear_error() -> None:
    for category in (' ', '-', '', None):
        assert assign(dict(category=category)) == (DEFAULT_TEXT_PROMPT, None, None)
    assert assign(dict(img_path=f'{FOLDER}/-/1.jpg'))[1] is None
    with pytest.raises(ValueError, match='category of a.jpg must be text, got 3'):
        assign(dict(category=3, img_path='a.jpg'))


def test_the_transform_tells_where_a_prompt_is_from() -> None:
    def source(results: dict, **kwargs) -> str:
        return AssignTextPrompt(**kwargs)(results)['text_source']

    assert source(dict(img_path='coco/val2017/1.jpg')) == 'none'
    assert source(dict(img_path='x.jpg', category='mural')) == 'scenario'
    assert source(dict(img_path='x.jpg'), text_prompts=dict(default='art')) == 'none'
    assert source(dict(img_path='x.jpg', text_prompt='a puppet')) == 'text_prompt'
    assert source(dict(img_path='x.jpg'), text_prompt='a puppet') == 'text_prompt'
    described = dict(img_path='x.jpg', description='a hero', category='mural')
    assert source(described) == 'scenario'
    assert source(described, use_description=True) == 'text_prompt'
