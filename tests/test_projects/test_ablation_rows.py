"""projects/ablations: every row says what its name says, and nothing else."""

from pathlib import Path

import pytest
import torch
from mmpose.registry import MODELS

from projects.ablations.rows import Places, Row, choose_rows, fingerprint, load
from projects.ablations.stand_ins import missing_base, text_model
from tests.configs import ABSENT, flat, read, zoo_config
from tests.conftest import ROOT

CONFIGS = ROOT / 'projects/ablations/configs'
SPLITS = ('train', 'val', 'test')


def text(pretrained: str, tokens: str | None = None) -> dict:
    changes = {'model.text_encoder.pretrained': pretrained}
    return changes | ({'model.text_encoder.tokens': tokens} if tokens else {})


def words(key: str, value: object) -> dict:
    return {f'{split}_dataloader.dataset.pipeline.-2.{key}': value for split in SPLITS}


RANDOM = {
    'model.text_encoder.type': 'RandomTextEncoder',
    'model.text_encoder.embed_dims': 768,
    'model.text_encoder.pretrained': ABSENT,
}
NO_PROMPTS = {
    'model.backbone.visual_prompt': None,
    'model.backbone.lora': None,
    'model.backbone.visual_prompt.num_tokens': ABSENT,
    'model.backbone.visual_prompt.deep': ABSENT,
}
CHANGES = {
    **{
        f'wiring/{name}': {'model.head.wiring': name}
        for name in ('dual', 'extractor_injector', 'injector', 'released')
    },
    **{
        f'matcher/{name}': {'model.matcher.variant': name}
        for name in ('joint', 'cross', 'cosine')
    },
    **{
        f'num_prompts/{number}': {'model.backbone.visual_prompt.num_tokens': number}
        for number in (1, 5, 10, 20, 50, 100)
    },
    'text_encoder/albef': text('data/text_models/albef'),
    'text_encoder/blip': text('Salesforce/blip-itm-base-coco'),
    'text_encoder/clip-b16': text('openai/clip-vit-base-patch16', 'pooled'),
    'text_encoder/clip-b32': text('openai/clip-vit-base-patch32', 'pooled'),
    'text_encoder/clip-b32-all-tokens': text('openai/clip-vit-base-patch32', 'all'),
    'text_encoder/clip-l14': text('openai/clip-vit-large-patch14', 'pooled'),
    'text_encoder/clip-l14-336': text('openai/clip-vit-large-patch14-336', 'pooled'),
    'text_encoder/minilm': text('sentence-transformers/all-MiniLM-L6-v2'),
    'text_encoder/siglip-b16': text('google/siglip-base-patch16-224'),
    'text_encoder/t5-base': text('google-t5/t5-base'),
    'text_prompt/one_text_prompt': words('text_prompt', 'a photo of a human'),
    'text_prompt/scenario': {},
    'text_prompt/scenario_keypoint': words('per_keypoint', True),
    'text_prompt/description': words('use_description', True),
    'text_prompt/none': {
        'model.text_encoder': None,
        'model.text_encoder.type': ABSENT,
        'model.text_encoder.pretrained': ABSENT,
    },
    'text_prompt/random_fixed': RANDOM | words('text_prompt', 'a photo of a human'),
    'text_prompt/random_per_scenario': RANDOM,
    'text_prompt/random_fresh': RANDOM | {'model.text_encoder.fresh': True},
    'text_prompt/learned_context': {'model.text_encoder.context_tokens': 4},
    'tuning/deep_prompts': {},
    'tuning/shallow_prompts': {'model.backbone.visual_prompt.deep': False},
    'tuning/last_layer': NO_PROMPTS | {'model.backbone.trained_layers': 1},
    'tuning/full': NO_PROMPTS,
    'tuning/head_only': NO_PROMPTS | {'model.backbone.trained_layers': 0},
    **{
        f'backbone/{name}': {}
        for name in ('vit-s', 'vit-b', 'swin-t', 'pvt-s', 'pvtv2-b2', 'hrformer-s')
    },
}
# How many layers of the backbone are trained, and whether it has prompts.
STOCK = {
    'tuning/vitpose_original': (None, False),
    'tuning/vitpose_full': (None, False),
    'tuning/vitpose_last_layer': (1, False),
    'tuning/vitpose_head_only': (0, False),
    'tuning/vitpose_deep_prompts': (None, True),
}
ZOO = {
    'backbone/vit-s': 'small',
    'backbone/hrformer-s': 'hrformer-small',
    'backbone/swin-t': 'swin-t',
    'backbone/pvt-s': 'pvt-s',
    'backbone/pvtv2-b2': 'pvtv2-b2',
}


def base_of(name: str, mini: bool) -> Path:
    """The base that a row stands on, found by other means than the command does."""
    if mini:
        own = CONFIGS / f'mini_{name.split("/")[1]}.py'
        return own if name in ZOO else CONFIGS / 'mini.py'
    if name in ZOO:
        return zoo_config(ZOO[name])
    return CONFIGS / 'vit-base.py'


def test_every_row_is_known_here() -> None:
    assert {str(row) for row in choose_rows([])} == CHANGES.keys() | STOCK.keys()


@pytest.mark.parametrize('mini', [False, True], ids=['real', 'mini'])
@pytest.mark.parametrize('name', CHANGES)
def test_a_row_differs_from_its_base_in_what_it_is_named_after(
    name: str, mini: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    base = flat(read(base_of(name, mini)))
    if mini:
        monkeypatch.setenv('BASE', str(base_of(name, mini)))
    row = flat(read(CONFIGS / f'{name}.py'))
    changed = {
        key: row.get(key, ABSENT)
        for key in base.keys() | row.keys()
        if row.get(key, ABSENT) != base.get(key, ABSENT)
    }
    assert changed == {k: v for k, v in CHANGES[name].items() if base.get(k, ABSENT) != v}


@pytest.mark.parametrize('mini', [False, True], ids=['real', 'mini'])
@pytest.mark.parametrize('name', STOCK)
def test_a_baseline_is_mmposes_own_estimator_on_the_same_backbone(
    name: str, mini: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    base = read(base_of(name, mini))
    if mini:
        monkeypatch.setenv('BASE', str(base_of(name, mini)))
    row = read(CONFIGS / f'{name}.py')
    model = row['model']
    assert model['type'] == 'TopdownPoseEstimator'
    assert not model.keys() & {'text_encoder', 'matcher'}
    trained_layers, prompted = STOCK[name]
    backbone = base['model']['backbone']
    expected = {
        **backbone,
        'visual_prompt': backbone['visual_prompt'] if prompted else None,
    }
    if trained_layers is not None:
        expected['trained_layers'] = trained_layers
    # Not to have them is not said of a stock one.
    assert expected.pop('lora', None) is model['backbone'].pop('lora', None) is None
    assert {k: v for k, v in model['backbone'].items() if k != 'out_indices'} == expected
    ours = ('wiring', 'gate_init', 'tuned_norms')
    head = {k: v for k, v in base['model']['head'].items() if k not in ours}
    width = 128 if mini else 768
    assert model['head'] == {**head, 'type': 'HeatmapHead', 'in_channels': width}
    for key in ('data_preprocessor', 'test_cfg', 'train_cfg'):
        assert model.get(key) == base['model'].get(key)
    epochs = 0 if name == 'tuning/vitpose_original' else base['train_cfg']['max_epochs']
    assert row['train_cfg'] == {**base['train_cfg'], 'max_epochs': epochs}
    assert not {
        k for k in row if k not in ('model', 'train_cfg') and row[k] != base.get(k, ABSENT)
    }


def test_a_base_may_be_given_relative_to_the_row(monkeypatch: pytest.MonkeyPatch) -> None:
    row = CONFIGS / 'tuning/vitpose_last_layer.py'
    monkeypatch.setenv('BASE', str(CONFIGS / 'mini.py'))
    absolute = read(row)
    monkeypatch.setenv('BASE', '../mini.py')
    assert read(row) == absolute


def test_equal_rows_share_a_result_and_others_do_not(
    mini_data: Path, tmp_path: Path
) -> None:
    places = Places(mini_data, tmp_path)
    base = {'wiring/dual', 'matcher/joint', 'tuning/deep_prompts', 'num_prompts/20'}
    base |= {'backbone/vit-b', 'text_prompt/scenario', 'text_encoder/minilm'}
    prints: dict[str, set[str]] = {}
    for row in choose_rows([]):
        if str(row) not in ZOO:
            cfg = load(row, None, text_model(row, places))
            prints.setdefault(fingerprint(cfg, places), set()).add(str(row))
    assert sorted(map(len, prints.values()))[:-1] == [1] * (len(prints) - 1)
    assert base in prints.values()


@pytest.mark.parametrize('name', sorted(n for n in CHANGES if n.startswith('text_encoder')))
def test_text_models_stand_in_for_those_of_the_hub(
    name: str, mini_data: Path, tmp_path: Path
) -> None:
    states = []
    for folder in ('one', 'two'):
        places, row = Places(mini_data, tmp_path / folder), Row(*name.split('/'))
        cfg = load(row, None, text_model(row, places))
        encoder = MODELS.build(places.of(cfg.model.text_encoder.to_dict()))
        features = encoder(['a sketch of a person', 'a mural of a person and a dog'])
        pooled = cfg.model.text_encoder.get('tokens') == 'pooled'
        assert (features.last_hidden_state.shape[1] == 1) == pooled
        assert features.last_hidden_state.shape[2] == (
            384 if name.endswith('minilm') else 64
        )
        assert (
            features.last_hidden_state[0] - features.last_hidden_state[1]
        ).abs().max() > 1e-3
        states.append(features.last_hidden_state)
    assert torch.equal(*states)


@pytest.mark.parametrize('name', sorted(ZOO))
def test_base_weights_of_a_backbone_are_those_of_its_original_route(
    name: str, mini_data: Path, tmp_path: Path
) -> None:
    places = Places(mini_data, tmp_path)
    cfg = load(Row(*name.split('/')), epochs=1)
    photos = missing_base(cfg, places, epochs=1)
    assert photos.train_dataloader.dataset.ann_file.endswith(
        'person_keypoints_train2017.json'
    )
    stock = MODELS.build(photos.model).eval()
    model = MODELS.build(cfg.model).eval()
    model.load_state_dict(stock.state_dict(), strict=False)
    inputs = torch.rand(2, 3, 128, 96)
    with torch.no_grad(), model.disable_adapter():
        torch.testing.assert_close(model(inputs), stock(inputs, None))
