"""AdapterCheckpointHook in real runs."""

import copy
import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.model import BaseModel
from mmengine.runner import CheckpointLoader, Runner, load_checkpoint
from mmpose.registry import MODELS

from vlpose_mm.checkpoint.adapter import base_hash, base_of
from vlpose_mm.checkpoint.metadata import KEY, metadata_of
from vlpose_mm.datasets.scenarios import DEFAULT_TEXT_PROMPT, SCENARIOS
from vlpose_mm.engine import AdapterCheckpointHook
from vlpose_mm.models import PrecomputedTextEncoder

INSTEAD = dict(
    type='AdapterCheckpointHook',
    max_keep_ckpts=-1,
    published_keys=['meta', 'state_dict'],
)
BESIDES = dict(
    type='AdapterCheckpointHook',
    interval=1,
    max_keep_ckpts=1,
    save_best='coco/AP',
    rule='greater',
)
AVERAGING = dict(type='EMAHook', momentum=0.2)


@pytest.fixture(scope='module')
def cfg(small_config: Path, tmp_path_factory: pytest.TempPathFactory) -> Config:
    """A config that trains two epochs, and knows its base."""
    cfg = Config.fromfile(small_config)
    settings = dict(
        model=dict(base_weights=cfg.load_from),
        train_cfg=dict(max_epochs=2),
        work_dir=str(tmp_path_factory.mktemp('work')),
        randomness=dict(seed=0),
    )
    cfg.merge_from_dict(settings)
    return cfg


def train(cfg: Config, name: str, validate: bool = False, **settings: object) -> Path:
    """Train in a work folder of its own."""
    cfg = copy.deepcopy(cfg)
    if not validate:
        cfg.val_dataloader = cfg.val_cfg = cfg.val_evaluator = None
    cfg.work_dir = f'{cfg.work_dir}/{name}'
    cfg.experiment_name = cfg.work_dir.replace('/', '_')
    cfg.merge_from_dict(settings)
    Runner.from_cfg(cfg).train()
    return Path(cfg.work_dir)


@pytest.fixture(scope='module')
def folder(cfg: Config) -> Path:
    """A run with validation and averaged weights that both hooks save the last of."""
    hooks = dict(custom_hooks=[AVERAGING, BESIDES])
    hooks['default_hooks'] = dict(checkpoint=dict(max_keep_ckpts=1))
    return train(cfg, 'both', validate=True, **hooks)


def read(path: str | Path) -> dict:
    return CheckpointLoader.load_checkpoint(str(path), 'cpu')


def assert_equal(first: dict, second: dict) -> None:
    assert first.keys() == second.keys()
    for name in first:
        assert torch.equal(first[name], second[name]), name


def has_base(weights: dict, base: dict) -> bool:
    """Whether something of the base or the text encoder is in a file."""
    return any(name in base or name.startswith('text_encoder') for name in weights)


def test_saves_the_adapter_alone_hashes_the_base_once_and_resumes(
    cfg: Config, minilm: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    cfg, hashed = copy.deepcopy(cfg), []
    encoder = dict(type='TransformersTextEncoder', pretrained=minilm, _delete_=True)
    cfg.merge_from_dict(dict(model=dict(text_encoder=encoder)))
    with monkeypatch.context() as patch:
        patch.setattr(
            'vlpose_mm.checkpoint.adapter.base_hash',
            lambda base: hashed.append(1) or base_hash(base),
        )
        folder = train(cfg, 'instead', default_hooks=dict(checkpoint=INSTEAD))
    assert len(hashed) == 1
    path = folder / 'tuned_epoch_2.pth'
    published, *whole = sorted(folder.glob('*.pth'), key=lambda path: '-' not in path.name)
    assert {*whole} == {folder / 'tuned_epoch_1.pth', path}
    weights = read(path)['state_dict']
    base = base_of(read(cfg.load_from)['state_dict'], [])
    model = MODELS.build(cfg.model)
    trained = {n for n, param in model.named_parameters() if param.requires_grad}
    assert trained < weights.keys() and not has_base(weights, base)
    assert metadata_of(weights)['base']['sha256'] == base_hash(base)
    # MiniLM alone has 91 MB.
    assert path.stat().st_size < 3e6
    content = read(published)
    assert content.keys() == {'meta', 'state_dict', 'text_features'}
    assert_equal(content['state_dict'], weights)
    text_prompts = [scenario.text_prompt for scenario in SCENARIOS.values()]
    texts = PrecomputedTextEncoder(str(published))
    assert texts.features.keys() == {*text_prompts, DEFAULT_TEXT_PROMPT}
    assert torch.equal(
        texts(text_prompts[:1]).last_hidden_state,
        model.text_encoder(text_prompts[:1]).last_hidden_state,
    )
    # As ``train.py --resume`` does.
    resumed = dict(load_from=None, resume=True, train_cfg=dict(max_epochs=3))
    train(cfg, 'instead', default_hooks=dict(checkpoint=INSTEAD), **resumed)
    content, name = read(folder / 'tuned_epoch_3.pth'), 'backbone.visual_prompts'
    assert content['meta']['epoch'] == 3
    assert not torch.equal(content['state_dict'][name], weights[name])


def test_both_hooks_keep_their_own_best_and_last_files(folder: Path) -> None:
    names = {path.name for path in folder.glob('*.pth')}
    (best,) = names & {'best_coco_AP_epoch_1.pth', 'best_coco_AP_epoch_2.pth'}
    tuned_best = best.replace('epoch', 'tuned_epoch')
    assert names == {best, tuned_best, 'epoch_2.pth', 'tuned_epoch_2.pth'}
    assert (folder / 'last_checkpoint').read_text() == str(folder / 'epoch_2.pth')
    content = read(folder / 'tuned_epoch_2.pth')
    info = content['message_hub']['runtime_info']
    assert info['best_ckpt'] == str(folder / best)
    assert info['last_ckpt'] == str(folder / 'epoch_2.pth')
    assert info['tuned_best_ckpt'] == str(folder / tuned_best)
    assert info['tuned_last_ckpt'] == str(folder / 'tuned_epoch_2.pth')
    assert content['message_hub']['log_scalars'] and 'optimizer' in content
    # The best is for keeping, so nothing is in it that only resuming needs.
    content = read(folder / tuned_best)
    assert not content['message_hub']['log_scalars'] and 'optimizer' not in content


def test_an_adapter_loads_and_resumes_as_the_whole_checkpoint(
    cfg: Config, folder: Path
) -> None:
    files = folder / 'epoch_2.pth', folder / 'tuned_epoch_2.pth'
    models, results = [], []
    for path in files:
        models.append(MODELS.build(cfg.model))
        load_checkpoint(models[-1], str(path))
        hooks = dict(custom_hooks=[AVERAGING, BESIDES], train_cfg=dict(max_epochs=3))
        resumed = train(cfg, f'on_{path.stem}', load_from=str(path), resume=True, **hooks)
        results.append(read(resumed / 'epoch_3.pth'))
    assert_equal(*(model.state_dict() for model in models))
    for name in ('state_dict', 'ema_state_dict'):
        assert_equal(*(result[name] for result in results))
    states = [result['optimizer']['state'].values() for result in results]
    for whole, tuned in zip(*states, strict=True):
        assert_equal(whole, tuned)
    logs = [r['message_hub']['log_scalars']['train/loss'].data[0] for r in results]
    assert len(logs[0]) == len(logs[1]) > 10

    whole, tuned = map(read, files)
    base = base_of(whole['state_dict'], metadata_of(tuned['state_dict'])['adapter_params'])
    for name, start in (('state_dict', ''), ('ema_state_dict', 'module.')):
        kept = {n.removeprefix(start): t for n, t in tuned[name].items() if n != 'steps'}
        assert not has_base(kept, base)
        for key in kept.keys() - {KEY}:
            assert torch.equal(kept[key], whole[name][start + key]), key
    name = 'backbone.visual_prompts'
    averaged = tuned['ema_state_dict'][f'module.{name}']
    assert not torch.equal(tuned['state_dict'][name], averaged)


@pytest.mark.fast
def test_refuses_other_models_than_a_vlpose(tmp_path: Path) -> None:
    class Model(BaseModel):
        def forward(self, *args: object, **kwargs: object) -> None:
            raise AssertionError

    runner = Runner(Model(), str(tmp_path), experiment_name='refused')
    with pytest.raises(ValueError, match='needs a VLPoseEstimator, got a Model'):
        AdapterCheckpointHook().before_train(runner)


DISTRIBUTED = """
_base_ = '{user}'
model = dict(base_weights=_base_.load_from)
default_hooks = dict(checkpoint=dict(type='AdapterCheckpointHook'))
# People on cartoon, cartoon, cartoon, digital art; the first process gets no digital art.
train_dataloader = dict(batch_size=2, dataset=dict(indices=4), sampler=dict(shuffle=False))
env_cfg = dict(dist_cfg=dict(backend='gloo'))
# By default MMEngine hands each process a CUDA device.
model_wrapper_cfg = dict(type='MMDistributedDataParallel', device_ids=None)
"""


@pytest.mark.slow
def test_distributed_training_saves_the_text_prompts_of_all_processes(
    small_config: Path, mmpose_tool: Callable, tmp_path: Path
) -> None:
    config = tmp_path / 'distributed.py'
    config.write_text(DISTRIBUTED.format(user=small_config))
    with socket.socket() as listener:
        listener.bind(('127.0.0.1', 0))
        port = listener.getsockname()[1]
    launcher = ('-m', 'torch.distributed.run', '--nproc_per_node=2')
    launcher += ('--master_addr=127.0.0.1', f'--master_port={port}')
    args = ('--no-validate', '--work-dir', tmp_path / 'work', '--launcher', 'pytorch')
    mmpose_tool('train', config, *args, cwd=tmp_path, launcher=launcher)
    content = read(tmp_path / 'work/tuned_epoch_1.pth')
    base = base_of(read(small_config.parent / 'vitpose.pth')['state_dict'], [])
    assert not has_base(content['state_dict'], base)
    known = (SCENARIOS[name].text_prompt for name in ('cartoon', 'digital_art'))
    assert {*content['text_features']['text_prompts']} == {*known, DEFAULT_TEXT_PROMPT}


@pytest.mark.slow
def test_mmpose_tests_an_adapter_with_the_results_of_the_whole_checkpoint(
    small_config: Path, mmpose_tool: Callable, tmp_path: Path
) -> None:
    config, work_dir = tmp_path / 'mine.py', tmp_path / 'work'
    config.write_text(
        f"_base_ = '{small_config}'\n"
        'model = dict(base_weights=_base_.load_from)\n'
        f'custom_hooks = [*_base_.custom_hooks, {BESIDES!r}]\n'
        # Enough to see in the predictions.
        'optim_wrapper = dict(optimizer=dict(lr=0.02))\n'
    )
    mmpose_tool('train', config, '--work-dir', work_dir, '--no-validate', cwd=tmp_path)
    results = {}
    whole, tuned = work_dir / 'epoch_1.pth', work_dir / 'tuned_epoch_1.pth'
    for path in (small_config.parent / 'vitpose.pth', whole, tuned):
        out = tmp_path / path.name
        args = ('--work-dir', out, '--cfg-options', f'test_evaluator.outfile_prefix={out}')
        mmpose_tool('test', config, path, *args, cwd=tmp_path)
        results[path.name] = Path(f'{out}.keypoints.json').read_bytes()
    assert results[tuned.name] == results[whole.name] != results['vitpose.pth']
    assert os.path.getsize(tuned) < os.path.getsize(whole)
