"""What each config says, once MMEngine has resolved it."""

from importlib.util import find_spec
from pathlib import Path

import pytest
from mmengine.config import Config

from tests.configs import ABSENT, ZOO, differences, flat, read, zoo_config
from tests.conftest import ROOT
from vlpose_mm.analysis.base_model import base_config
from vlpose_mm.names import find_entry

MMPOSE = Path(find_spec('mmpose').submodule_search_locations[0])
HEATMAP = MMPOSE / '.mim/configs/body_2d_keypoint/topdown_heatmap'
ADDRESS = 'https://download.openmmlab.com/mmpose/v1/body_2d_keypoint/topdown_heatmap'
# Those trained on COCO, and on Human-Art with COCO.
WEIGHTS = dict(
    small=('62d7a712_20230314', '5cbe2bfc_20230611'),
    base=('216eae50_20230314', 'b417f546_20230611'),
    large=('53609f55_20230314', '9aba9345_20230614'),
    huge=('e32adcd4_20230314', '603bb573_20230612'),
)
# The paper's drop path, visual prompts, layers, decay of the learning rate per layer, and
# images per GPU.
SIZES = dict(
    small=(0.1, 50, 12, 0.8, 64),
    base=(0.3, 20, 12, 0.75, 64),
    large=(0.5, 10, 24, 0.8, 32),
    huge=(0.55, 5, 32, 0.85, 16),
)
DECAY = 'optim_wrapper.paramwise_cfg.layer_decay_rate'
LAYERS = 'optim_wrapper.paramwise_cfg.num_layers'


def weights(size: str, joint: bool) -> dict:
    folder, data = ('human_art', 'humanart') if joint else ('coco', 'coco')
    name = f'td-hm_ViTPose-{size}_8xb64-210e_{data}-256x192-{WEIGHTS[size][joint]}.pth'
    address = f'{ADDRESS}/{folder}/{name}'
    return {'load_from': address, 'model.base_weights': address}


@pytest.mark.fast
def test_the_base_config_is_the_papers() -> None:
    found = flat(read(zoo_config('base')))
    assert {
        'model.type': 'VLPoseEstimator',
        'model.text_encoder.pretrained': 'Salesforce/blip-itm-base-coco',
        'model.matcher.variant': 'joint',
        'model.head.wiring': 'dual',
        'model.backbone.visual_prompt.deep': True,
        'optim_wrapper.optimizer.type': 'AdamW',
        'optim_wrapper.optimizer.weight_decay': 0.1,
        'optim_wrapper.optimizer.betas.-1': 0.999,
        'optim_wrapper.clip_grad.max_norm': 1.0,
        'param_scheduler.-2.end': 500,
        'param_scheduler.-1.milestones.-2': 170,
        'param_scheduler.-1.milestones.-1': 200,
        'train_cfg.max_epochs': 210,
        'model.head.decoder.type': 'UDPHeatmap',
        'model.head.decoder.sigma': 2,
        'model.test_cfg.flip_test': True,
    }.items() <= found.items()
    assert not any('lora' in key or 'gate' in key for key in found)


@pytest.mark.parametrize('size', SIZES)
def test_a_vit_has_the_papers_hyperparameters(size: str) -> None:
    drop_path, num_prompts, num_layers, decay, batch = SIZES[size]
    expected = {
        'model.backbone.arch': size,
        'model.backbone.drop_path_rate': drop_path,
        'model.backbone.visual_prompt.num_tokens': num_prompts,
        LAYERS: num_layers,
        DECAY: decay,
        'train_dataloader.batch_size': batch,
        'auto_scale_lr.base_batch_size': 8 * batch,
        'optim_wrapper.optimizer.lr': 5e-4 * batch / 64,
        **weights(size, joint=False),
    }
    path = zoo_config(size)
    assert f'_8xb{batch}-' in path.name
    assert expected.items() <= flat(read(path)).items()
    assert differences(zoo_config('base'), path).keys() <= expected.keys()


@pytest.mark.parametrize('dataset', ['humanart', 'humanart_coco'])
@pytest.mark.parametrize('size', SIZES)
def test_lora_is_the_papers_model_with_its_overlay_and_words(
    size: str, dataset: str
) -> None:
    assert differences(zoo_config(size, dataset), zoo_config(f'lora-{size}', dataset)) == {
        'model.backbone.lora.rank': 16,
        'model.head.wiring': 'released',
        'model.head.tuned_norms': True,
        'model.head.gate_init': 0.1,
        'train_dataloader.dataset.pipeline.-2.type': 'RandomTextPrompt',
        'optim_wrapper.constructor': ABSENT,
        LAYERS: ABSENT,
        DECAY: ABSENT,
    }


@pytest.mark.parametrize('size', SIZES)
def test_joint_configs_train_on_both_sets_from_weights_trained_on_both(size: str) -> None:
    assert differences(zoo_config(size), zoo_config(size, 'humanart_coco')) == {
        'train_dataloader.dataset.ann_file': (
            'HumanArt/annotations/training_humanart_coco.json'
        ),
        **weights(size, joint=True),
    }


@pytest.mark.parametrize('size', SIZES)
def test_weights_and_results_of_a_base_are_those_that_mmpose_publishes(size: str) -> None:
    bases = [
        f'td-hm_ViTPose-{size}_8xb64-210e_{data}-256x192' for data in ('coco', 'humanart')
    ]
    coco, joint = map(find_entry, bases)
    assert coco['Weights'] == weights(size, joint=False)['load_from']
    assert joint['Weights'] == weights(size, joint=True)['load_from']
    results = {each['Dataset']: each['Metrics'] for each in joint['Results']}
    sets = ('COCO', 'Human-Art', 'Human-Art(GT)')
    columns = ' | '.join(f'{100 * results[name]["AP"]:.1f}' for name in sets)
    page = (ZOO / 'humanart_coco/README.md').read_text()
    for name in (size, f'lora-{size}'):
        path = zoo_config(name, 'humanart_coco')
        assert find_entry(path.stem)['Weights'] == joint['Weights']
        (row,) = [line for line in page.splitlines() if f']({path.name})' in line]
        assert row.endswith(f'| {columns} |')


@pytest.mark.parametrize('size', SIZES)
def test_coco_configs_differ_in_the_data_alone(size: str) -> None:
    changed = differences(zoo_config(size), zoo_config(size, 'coco'))
    assert {key.split('.')[0] for key in changed} == {
        *(f'{split}_dataloader' for split in ('train', 'val', 'test')),
        *(f'{split}_evaluator' for split in ('val', 'test')),
    }
    assert changed['train_dataloader.dataset.type'] == 'CocoVLDataset'
    assert not any('pipeline' in key for key in changed)


@pytest.mark.parametrize(
    ('name', 'mmposes', 'dataset'),
    [
        *((size, f'ViTPose-{size}_8xb64', 'humanart') for size in SIZES),
        *((size, f'ViTPose-{size}_8xb64', 'humanart_coco') for size in SIZES),
        *((f'swin-{size}', f'swin-{size}-p4-w7_8xb32', 'humanart') for size in 'tbl'),
        *((name, f'{name}_8xb64', 'humanart') for name in ('pvt-s', 'pvtv2-b2')),
        *(
            (f'hrformer-{size}', f'hrformer-{size}_8xb32', 'humanart')
            for size in ('small', 'base')
        ),
    ],
)
def test_the_base_is_mmposes_model_and_its_published_weights(
    name: str, mmposes: str, dataset: str
) -> None:
    """Both are equal in all that both say; what one leaves out are defaults."""
    cfg = Config.fromfile(zoo_config(name, dataset))
    # Jointly trained ones are called after Human-Art there.
    trained = 'humanart' if dataset == 'humanart_coco' else 'coco'
    mmpose = Config.fromfile(
        HEATMAP / f'{trained}/td-hm_{mmposes}-210e_{trained}-256x192.py'
    )
    ours, theirs = flat(base_config(cfg.model)), flat(mmpose.model.to_dict())
    common = ours.keys() & theirs.keys() - {'backbone.type'}
    assert len(common) > 20
    assert {key: ours[key] for key in common} == {key: theirs[key] for key in common}
    left_out = {key for key in ours.keys() - theirs.keys() if ours[key] is not None}
    assert left_out <= {'backbone.arch', 'backbone.embed_dims', 'backbone.out_indices.-1'}
    for split in ('train', 'val'):
        pipelines = (c[f'{split}_dataloader'].dataset.pipeline for c in (cfg, mmpose))
        own, other = (
            [dict(t, type=t['type'].removeprefix('Contiguous')) for t in pipeline]
            for pipeline in pipelines
        )
        assert own[-2:] == [dict(type='AssignTextPrompt'), own[-1]]
        assert own[:-2] == other[:-1]
    assert cfg.load_from == cfg.model.base_weights


@pytest.mark.parametrize('project', ['mini_humanart', 'real_small'])
def test_configs_for_one_device_name_the_batch_size_of_their_learning_rate(
    project: str,
) -> None:
    paths = sorted((ROOT / 'projects' / project / 'configs').glob('*.py'))
    assert len(paths) > 4
    for path in paths:
        cfg = Config.fromfile(path)
        assert cfg.auto_scale_lr.base_batch_size == cfg.train_dataloader.batch_size, path


PROTECTED = [
    *(zoo_config('small', dataset) for dataset in ('humanart', 'coco', 'humanart_coco')),
    *sorted((ROOT / 'projects').glob('*/configs/v*t*_*.py')),
]


@pytest.mark.parametrize(
    'path', PROTECTED, ids=lambda path: f'{path.parent.name}/{path.stem}'
)
def test_files_and_losses_are_checked_by_default(path: Path) -> None:
    cfg = read(path)
    values = flat(cfg)
    types = {v for k, v in values.items() if k.endswith('.type') and str(v) == v}
    assert not types & {'CocoDataset', 'HumanArtDataset', 'CocoMetric'}
    if 'train_dataloader' in cfg:
        assert values['default_hooks.finite.type'] == 'CheckFiniteHook'
