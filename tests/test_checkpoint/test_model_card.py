"""The page of an adapter on the hub."""

import pytest
from huggingface_hub import ModelCard, constants

from vlpose_mm.checkpoint.model_card import command, model_card


@pytest.fixture
def config() -> dict:
    """What the JSON of an adapter says."""
    natural, mural = dict(AP=0.5, instances=8), dict(AP=0.25, instances=3)
    return dict(
        vlpose_mm_version='0.1.0',
        base_model_name_or_path='real-small',
        license='cc-by-nc-4.0',
        data_license='Human-Art: non-commercial',
        meta=dict(cfg='', dataset_meta=dict(num_keypoints=17, dataset_name='coco')),
        adapter=dict(base=dict(sha256='abc')),
        text=dict(tuned_with=['a mural of a person'], text_prompts=['a photo']),
        scenario_classes=[dict(scenario=None), dict(scenario='mural')],
        metrics=[
            dict(
                name='tuned|1',
                ann_file='val.json',
                subsets=dict(natural=natural, mural=mural),
                gap=0.25,
            ),
            dict(name='base', ann_file='val.json', subsets=dict(natural=natural), gap=0.5),
        ],
    )


@pytest.mark.fast
def test_it_says_what_the_adapter_is_and_how_to_load_it(config: dict) -> None:
    card = ModelCard(model_card(config, 'me/toon'))
    assert card.data.to_dict() == dict(
        library_name='vlpose_mm',
        license='cc-by-nc-4.0',
        pipeline_tag='keypoint-detection',
        tags=['adapter', 'art', 'human-pose-estimation', 'mmpose', 'vlpose'],
    )
    for line in (
        '# toon',
        'vlpose images/ --model hf://me/toon',
        '- a mural of a person',
        '- photo',
        '- mural',
        '- Adapter: cc-by-nc-4.0',
        '- Data that it was tuned on: Human-Art: non-commercial',
    ):
        assert line in card.text.splitlines(), line
    assert 'the 17 keypoints of coco' in card.text
    assert '`real-small`, with weights of the hash `abc`' in card.text


def test_its_table_has_the_scores_of_each_result(config: dict) -> None:
    rows = [
        r for r in model_card(config, 'me/toon').splitlines() if r.startswith(('| ', '|-'))
    ]
    assert rows == [
        '| AP, in points | instances | tuned\\|1 | base |',
        '| --- | ---: | ---: | ---: |',
        '| natural | 8 | 50.0 | 50.0 |',
        '| mural | 3 | 25.0 | - |',
        '| gap: natural - artificial |  | 25.0 | 50.0 |',
    ]


def test_what_is_not_known_is_not_on_it() -> None:
    config = dict(vlpose_mm_version='0', meta={}, adapter=dict(base=dict(sha256='abc')))
    text = model_card(config, 'me/toon')
    assert 'license:' not in text and 'Scores' not in text and 'Text prompts' not in text
    assert 'its author names no license' in text and 'Its base is another file' in text


def test_a_base_on_the_hub_is_linked(config: dict) -> None:
    base = f'{constants.ENDPOINT}/you/vitpose/resolve/main/vitpose.pth'
    card = ModelCard(model_card({**config, 'base_model_name_or_path': base}, 'me/toon'))
    assert card.data.base_model == 'you/vitpose'


@pytest.mark.parametrize(
    ('has_config', 'base', 'options'),
    [
        (True, 'real-small', '--model F'),
        (True, 'https://x/vitpose.pth', '--model F'),
        (True, 'vitpose.pth', '--model F --base-weights vitpose.pth'),
        (True, None, '--model F --base-weights BASE.pth'),
        (False, 'real-small', '--model real-small --weights F'),
        (False, 'vitpose.pth', '--model CONFIG.py --weights F'),
    ],
)
def test_the_command_names_what_others_must_add(has_config, base, options) -> None:
    config = dict(meta=dict(cfg='') if has_config else {}, base_model_name_or_path=base)
    assert command(config, 'F') == f'vlpose images/ {options}'
