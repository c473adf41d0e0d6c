"""projects/ablations: every row says what its name says, and nothing else."""

from functools import cache
from pathlib import Path

import pytest
import torch
from mmpose.registry import MODELS

from projects.ablations.rows import Places, Row, choose_rows, fingerprint, load
from projects.ablations.stand_ins import missing_base, text_model
from tests.configs import ABSENT, changes, flat, read, zoo_config
from tests.conftest import ROOT

CONFIGS = ROOT / 'projects/ablations/configs'
SPLITS = ('train', 'val', 'test')


def text(pretrained: str, tokens: str | None = None) -> dict:
    changes = {'model.text_encoder.pretrained': pretrained}
    return changes | ({'model.text_encoder.tokens': tokens} if tokens else {})


def assign(key: str, value: object) -> dict:
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
BACKBONES = {
    'backbone/vit-s': 'small',
    'backbone/vit-b': 'base',
    'backbone/hrformer-s': 'hrformer-small',
    'backbone/swin-t': 'swin-t',
    'backbone/pvt-s': 'pvt-s',
    'backbone/pvtv2-b2': 'pvtv2-b2',
}
CHANGES = {
    **dict.fromkeys(BACKBONES, {}),
    **{
        f'{study}/{value}': {f'model.{key}': value}
        for study, key, values in (
            (
                'wiring',
                'head.wiring',
                ('dual', 'extractor_injector', 'injector', 'released'),
            ),
            ('matcher', 'matcher.variant', ('joint', 'cross', 'cosine')),
            ('num_prompts', 'backbone.visual_prompt.num_tokens', (1, 5, 10, 20, 50, 100)),
        )
        for value in values
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
    'text_prompt/one_text_prompt': assign('text_prompt', 'a photo of a human'),
    'text_prompt/scenario': {},
    'text_prompt/scenario_keypoint': assign('per_keypoint', True),
    'text_prompt/description': assign('use_description', True),
    'text_prompt/none': {
        'model.text_encoder': None,
        'model.text_encoder.type': ABSENT,
        'model.text_encoder.pretrained': ABSENT,
    },
    'text_prompt/random_fixed': RANDOM | assign('text_prompt', 'a photo of a human'),
    'text_prompt/random_per_scenario': RANDOM,
    'text_prompt/random_fresh': RANDOM | {'model.text_encoder.fresh': True},
    'text_prompt/learned_context': {'model.text_encoder.context_tokens': 4},
    'tuning/deep_prompts': {},
    'tuning/shallow_prompts': {'model.backbone.visual_prompt.deep': False},
    'tuning/last_layer': NO_PROMPTS | {'model.backbone.trained_layers': 1},
    'tuning/full': NO_PROMPTS,
    'tuning/head_only': NO_PROMPTS | {'model.backbone.trained_layers': 0},
}
# How many layers of the backbone are trained, and whether it has visual prompts.
VITPOSE = {
    'tuning/vitpose_original': (None, False),
    'tuning/vitpose_full': (None, False),
    'tuning/vitpose_last_layer': (1, False),
    'tuning/vitpose_head_only': (0, False),
    'tuning/vitpose_deep_prompts': (None, True),
}
STAND_INS = sorted(BACKBONES.keys() - {'backbone/vit-b'})
cached = cache(read)


def base_and_row(name: str, mini: bool) -> tuple[dict, dict]:
    """What a row stands on, found by other means than the command does, and the row."""
    row = CONFIGS / f'{name}.py'
    if not mini:
        base = zoo_config(BACKBONES[name]) if name in BACKBONES else CONFIGS / 'vit-base.py'
        return cached(base), cached(row)
    base = CONFIGS / (f'mini_{row.name}' if name in STAND_INS else 'mini.py')
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv('BASE', str(base))
        return cached(base), read(row)


def test_every_row_is_known_here() -> None:
    assert {str(row) for row in choose_rows([])} == CHANGES.keys() | VITPOSE.keys()


@pytest.mark.parametrize('name', CHANGES)
def test_a_row_differs_from_its_base_in_what_it_is_named_after(name: str) -> None:
    for mini in (False, True):
        base, row = base_and_row(name, mini)
        said = flat(base)
        expected = {k: v for k, v in CHANGES[name].items() if said.get(k, ABSENT) != v}
        assert changes(base, row) == expected


@pytest.mark.parametrize('mini', [False, True], ids=['real', 'mini'])
@pytest.mark.parametrize('name', VITPOSE)
def test_a_vitpose_row_is_mmposes_estimator_on_the_same_backbone(
    name: str, mini: bool
) -> None:
    base, row = base_and_row(name, mini)
    model, backbone, head = row['model'], base['model']['backbone'], base['model']['head']
    assert model['type'] == 'TopdownPoseEstimator'
    assert not model.keys() & {'text_encoder', 'matcher'}
    trained_layers, prompted = VITPOSE[name]
    expected = dict(backbone, visual_prompt=backbone['visual_prompt'] if prompted else None)
    if trained_layers is not None:
        expected['trained_layers'] = trained_layers
    drop = ('lora', 'out_indices')
    assert not backbone.get('lora') and not model['backbone'].get('lora')
    assert {k: v for k, v in model['backbone'].items() if k not in drop} == {
        k: v for k, v in expected.items() if k not in drop
    }
    ours = ('wiring', 'gate_init', 'tuned_norms')
    expected = {k: v for k, v in head.items() if k not in ours}
    width = 128 if mini else 768
    assert model['head'] == dict(expected, type='HeatmapHead', in_channels=width)
    for key in ('data_preprocessor', 'test_cfg', 'train_cfg'):
        assert model.get(key) == base['model'].get(key)
    epochs = 0 if name == 'tuning/vitpose_original' else base['train_cfg']['max_epochs']
    assert row['train_cfg'] == dict(base['train_cfg'], max_epochs=epochs)
    assert {k for k in row if row[k] != base.get(k, ABSENT)} <= {'model', 'train_cfg'}


def test_a_base_may_be_relative_to_the_row(monkeypatch: pytest.MonkeyPatch) -> None:
    row = CONFIGS / 'tuning/vitpose_last_layer.py'
    monkeypatch.setenv('BASE', '../mini.py')
    assert read(row) == base_and_row('tuning/vitpose_last_layer', mini=True)[1]


def test_equal_rows_share_a_result_and_others_do_not(
    mini_data: Path, tmp_path: Path
) -> None:
    places = Places(mini_data, tmp_path)
    equal = {'wiring/dual', 'matcher/joint', 'tuning/deep_prompts', 'num_prompts/20'}
    equal |= {'backbone/vit-b', 'text_prompt/scenario', 'text_encoder/minilm'}
    prints: dict[str, set[str]] = {}
    for row in choose_rows([]):
        if str(row) not in STAND_INS:
            cfg = load(row, None, text_model(row, places))
            prints.setdefault(fingerprint(cfg, places), set()).add(str(row))
    assert equal in prints.values()
    assert all(len(rows) == 1 for rows in prints.values() if rows != equal)


def test_a_result_depends_on_epochs_data_and_weights(
    mini_data: Path, tmp_path: Path
) -> None:
    (tmp_path / 'mini.json').write_text('{}')
    weights, row = tmp_path / 'weights.pth', Row('wiring', 'released')
    seen = {fingerprint(load(row), Places(mini_data, tmp_path))}
    assert fingerprint(load(row), Places(mini_data, tmp_path / 'elsewhere')) in seen
    seen.add(fingerprint(load(row, epochs=2), Places(mini_data, tmp_path)))
    seen.add(fingerprint(load(row), Places(tmp_path, tmp_path)))
    other = load(row)
    other.load_from = str(weights)
    for content in (b'1', b'2'):
        weights.write_bytes(content)
        seen.add(fingerprint(other, Places(mini_data, tmp_path)))
    assert len(seen) == 5


@pytest.mark.parametrize('name', sorted(n for n in CHANGES if n.startswith('text_encoder')))
def test_text_models_stand_in_for_those_of_the_hub(
    name: str, mini_data: Path, tmp_path: Path
) -> None:
    states = []
    for folder in ('one', 'two'):
        places, row = Places(mini_data, tmp_path / folder), Row(*name.split('/'))
        cfg = load(row, None, text_model(row, places))
        encoder = MODELS.build(places.of(cfg.model.text_encoder.to_dict()))
        texts = ['a sketch of a person', 'a mural of a person and a dog']
        states.append(encoder(texts).last_hidden_state)
    assert torch.equal(*states)
    (state, _), (first, second) = states, states[0]
    assert (state.shape[1] == 1) == (cfg.model.text_encoder.get('tokens') == 'pooled')
    assert state.shape[2] == (384 if name.endswith('minilm') else 64)
    assert (first - second).abs().max() > 1e-3


@pytest.mark.parametrize('name', STAND_INS)
def test_base_weights_of_a_backbone_are_those_of_its_original_route(
    name: str, mini_data: Path, tmp_path: Path
) -> None:
    cfg = load(Row(*name.split('/')), epochs=1)
    photos = missing_base(cfg, Places(mini_data, tmp_path), epochs=1)
    ann_file = photos.train_dataloader.dataset.ann_file
    assert ann_file.endswith('person_keypoints_train2017.json')
    base = MODELS.build(photos.model).eval()
    model = MODELS.build(cfg.model).eval()
    model.load_state_dict(base.state_dict(), strict=False)
    inputs = torch.rand(2, 3, 128, 96)
    with torch.no_grad(), model.disable_adapter():
        torch.testing.assert_close(model(inputs), base(inputs, None))
