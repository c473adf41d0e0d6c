"""AssignTextPrompt: which words win, and what unknown names do."""

import time
from pathlib import Path

import pytest
from mmpose.registry import TRANSFORMS
from torch.utils.data import DataLoader, Dataset

from vlpose_mm.datasets import AssignTextPrompt
from vlpose_mm.datasets.scenarios import DEFAULT_SENTENCE, SCENARIOS

FOLDER = 'data/HumanArt/images/2D_virtual_human'


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    texts = []
    monkeypatch.setattr(
        'vlpose_mm.datasets.transforms.print_log', lambda text, **_: texts.append(text)
    )
    return texts


def assign(results: dict, **kwargs) -> tuple:
    results = TRANSFORMS.build(dict(type='AssignTextPrompt', **kwargs))(results)
    return results['text_prompt'], results['scenario'], results['group']


def test_own_sentence_then_given_one_then_category_then_folder_then_default() -> None:
    folder = f'{FOLDER}/sketch/1.jpg'
    mural = SCENARIOS['mural'].sentence
    sample = dict(img_path=folder, category='mural', text_prompt='a bronze statue')
    assert assign(dict(sample), sentence='a photo')[0] == 'a bronze statue'
    del sample['text_prompt']
    assert assign(dict(sample), sentence='a photo')[0] == 'a photo'
    assert assign(dict(sample)) == (mural, 'mural', '2D_virtual_human')
    del sample['category']
    sketch = (SCENARIOS['sketch'].sentence, 'sketch', '2D_virtual_human')
    assert assign(dict(sample)) == sketch
    assert assign(dict(img_path='mine/sketch/1.jpg')) == sketch
    for path in ('data/coco/val2017/1.jpg', '1.jpg', None):
        assert assign(dict(img_path=path)) == (DEFAULT_SENTENCE, None, None)
    assert assign({}) == (DEFAULT_SENTENCE, None, None)


def test_category_is_found_with_its_blank() -> None:
    got = assign(dict(img_path='a.jpg', category='garage kits'))
    assert got == (SCENARIOS['garage_kits'].sentence, 'garage_kits', '3D_virtual_human')


def test_unknown_scenario_gets_a_sentence_of_its_name_and_one_warning(
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

    monkeypatch.setattr('vlpose_mm.datasets.transforms.print_log', write)
    transform = AssignTextPrompt()

    class Pictures(Dataset):
        def __len__(self) -> int:
            return 8

        def __getitem__(self, index: int) -> str:
            # One worker at a time, as in a real loader few meet in the same instant.
            time.sleep(0.1 * (index % 2))
            return transform(dict(category='pixel art'))['text_prompt']

    for _ in range(2):
        sentences = list(DataLoader(Pictures(), batch_size=None, num_workers=2))
        assert sentences == ['a pixel art picture of a person'] * 8
    assert len(log.read_text().splitlines()) == 1


def test_a_new_scenario_takes_the_sentence_it_is_given(said: list[str]) -> None:
    sentences = {'pixel art': 'pixel art of a hero', 'mural': 'a fresco of a person'}
    got = assign(dict(category='Pixel Art'), sentences=sentences)
    assert got == ('pixel art of a hero', 'pixel_art', None)
    assert assign(dict(category='mural'), sentences=sentences)[0] == (
        'a fresco of a person'
    )
    assert not said


@pytest.mark.parametrize('kwargs', [dict(sentence=' '), dict(sentences=dict(mural=''))])
def test_refuses_a_blank_sentence(kwargs: dict) -> None:
    with pytest.raises(ValueError, match='is blank'):
        AssignTextPrompt(**kwargs)


def test_odd_categories_are_no_scenario_or_one_clear_error() -> None:
    for category in (' ', '-', '', None):
        assert assign(dict(category=category)) == (DEFAULT_SENTENCE, None, None)
    assert assign(dict(img_path=f'{FOLDER}/-/1.jpg'))[1] is None
    with pytest.raises(ValueError, match='category of a.jpg must be text, got 3'):
        assign(dict(category=3, img_path='a.jpg'))
