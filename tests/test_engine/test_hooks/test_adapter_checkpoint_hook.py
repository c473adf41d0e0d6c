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

TUNED = (
    'backbone.visual_prompts',
    'backbone.lora.',
    'matcher.',
    'head.aux_',
    'head.tuned_',
)
TUNED += ('head.entry_gate', 'head.exit_gate', KEY)
INSTEAD = dict(checkpoint=dict(type='AdapterCheckpointHook', max_keep_ckpts=-1))
BESIDES = dict(
    type='AdapterCheckpointHook', interval=1, save_best='coco/AP', rule='greater'
)


def is_tuned(name: str) -> bool:
    return name.startswith(TUNED) or '.lora_' in name


@pytest.fixture
def cfg(small_config: Path, tmp_path: Path) -> Config:
    """A config that trains two epochs, and knows its base."""
    cfg = Config.fromfile(small_config)
    cfg.merge_from_dict(
        dict(
            model=dict(base_weights=cfg.load_from),
            train_cfg=dict(max_epochs=2),
            work_dir=str(tmp_path / 'work'),
            randomness=dict(seed=0),
        )
    )
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


def read(path: str | Path) -> dict:
    return CheckpointLoader.load_checkpoint(str(path), 'cpu')


def assert_equal(first: dict, second: dict) -> None:
    assert first.keys() == second.keys()
    for name in first:
        assert torch.equal(first[name], second[name]), name


def test_saves_the_adapter_without_base_and_language_model(
    cfg: Config, minilm: str
) -> None:
    encoder = dict(type='TransformersTextEncoder', pretrained=minilm, _delete_=True)
    cfg.merge_from_dict(dict(model=dict(text_encoder=encoder)))
    folder = train(cfg, 'instead', default_hooks=INSTEAD)
    assert sorted(p.name for p in folder.glob('*.pth')) == [
        'tuned_epoch_1.pth',
        'tuned_epoch_2.pth',
    ]
    path = folder / 'tuned_epoch_2.pth'
    content = read(path)
    weights = content['state_dict']
    assert all(is_tuned(name) for name in weights)
    model = MODELS.build(cfg.model)
    trained = {n for n, param in model.named_parameters() if param.requires_grad}
    assert trained < weights.keys()
    base = base_of(read(cfg.load_from)['state_dict'], [])
    assert metadata_of(weights)['base']['sha256'] == base_hash(base)
    # MiniLM alone has 91 MB.
    assert path.stat().st_size < 3e6
    texts, text_prompt = PrecomputedTextEncoder(str(path)), SCENARIOS['mural'].text_prompt
    text_prompts = {scenario.text_prompt for scenario in SCENARIOS.values()}
    assert set(texts.features) == text_prompts | {DEFAULT_TEXT_PROMPT}
    assert torch.equal(
        texts([text_prompt]).last_hidden_state,
        model.text_encoder([text_prompt]).last_hidden_state,
    )


def test_a_saved_adapter_is_the_trained_model_again(cfg: Config) -> None:
    folder = train(cfg, 'besides', custom_hooks=[BESIDES])
    whole, tuned = (MODELS.build(cfg.model) for _ in range(2))
    load_checkpoint(whole, str(folder / 'epoch_2.pth'))
    load_checkpoint(tuned, str(folder / 'tuned_epoch_2.pth'))
    assert_equal(whole.state_dict(), tuned.state_dict())


def test_resumed_training_continues_as_from_a_whole_checkpoint(cfg: Config) -> None:
    folder = train(cfg, 'first', custom_hooks=[BESIDES], train_cfg=dict(max_epochs=1))
    assert (folder / 'last_checkpoint').read_text().endswith('/epoch_1.pth')
    results = []
    for name in ('epoch_1.pth', 'tuned_epoch_1.pth'):
        resumed = train(cfg, f'on_{name}', load_from=str(folder / name), resume=True)
        results.append(read(resumed / 'epoch_2.pth'))
    whole, tuned = results
    assert_equal(whole['state_dict'], tuned['state_dict'])
    for ours, theirs in zip(
        tuned['optimizer']['state'].values(),
        whole['optimizer']['state'].values(),
        strict=True,
    ):
        assert_equal(ours, theirs)
    logs = [r['message_hub']['log_scalars']['train/loss'].data[0] for r in results]
    assert len(logs[0]) == len(logs[1]) > 10


def test_resume_finds_the_last_adapter_checkpoint_where_there_are_no_whole_ones(
    cfg: Config,
) -> None:
    once = dict(max_epochs=1)
    folder = train(cfg, 'instead', default_hooks=INSTEAD, train_cfg=once)
    first = read(folder / 'tuned_epoch_1.pth')['state_dict']
    # As ``train.py --resume`` does.
    cfg.load_from = None
    train(cfg, 'instead', default_hooks=INSTEAD, resume=True)
    content = read(folder / 'tuned_epoch_2.pth')
    assert content['meta']['epoch'] == 2
    name = 'backbone.visual_prompts'
    assert not torch.equal(content['state_dict'][name], first[name])


def test_both_hooks_keep_their_own_best_and_last_files(cfg: Config) -> None:
    folder = train(
        cfg,
        'both',
        validate=True,
        default_hooks=dict(checkpoint=dict(max_keep_ckpts=1)),
        custom_hooks=[{**BESIDES, 'max_keep_ckpts': 1}],
    )
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


def test_published_files_keep_the_text_features(cfg: Config) -> None:
    hook = dict(type='AdapterCheckpointHook', published_keys=['meta', 'state_dict'])
    folder = train(cfg, 'published', default_hooks=dict(checkpoint=hook))
    (path,) = folder.glob('tuned_epoch_2-*.pth')
    content = read(path)
    assert content.keys() == {'meta', 'state_dict', 'text_features'}
    assert_equal(content['state_dict'], read(folder / 'tuned_epoch_2.pth')['state_dict'])


def test_averaged_weights_are_saved_and_resumed(cfg: Config) -> None:
    hooks = [dict(type='EMAHook', momentum=0.2), BESIDES]
    folder = train(cfg, 'averaged', custom_hooks=hooks, train_cfg=dict(max_epochs=1))
    whole, tuned = (read(folder / f'{name}epoch_1.pth') for name in ('', 'tuned_'))
    base = base_of(whole['state_dict'], metadata_of(tuned['state_dict'])['adapter_params'])
    for name, start in (('state_dict', ''), ('ema_state_dict', 'module.')):
        kept = {n.removeprefix(start): t for n, t in tuned[name].items() if n != 'steps'}
        assert not base.keys() & kept.keys()
        for key in kept.keys() - {KEY}:
            assert torch.equal(kept[key], whole[name][start + key]), key
    name = 'backbone.visual_prompts'
    assert not torch.equal(
        tuned['state_dict'][name], tuned['ema_state_dict'][f'module.{name}']
    )
    results = []
    for name in ('epoch_1.pth', 'tuned_epoch_1.pth'):
        resumed = train(
            cfg,
            f'on_{name}',
            custom_hooks=hooks,
            load_from=str(folder / name),
            resume=True,
        )
        results.append(read(resumed / 'epoch_2.pth'))
    for name in ('state_dict', 'ema_state_dict'):
        assert_equal(results[0][name], results[1][name])


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
    assert all(is_tuned(name) for name in content['state_dict'])
    known = (SCENARIOS[name].text_prompt for name in ('cartoon', 'digital_art'))
    assert {*content['text_features']['text_prompts']} == {*known, DEFAULT_TEXT_PROMPT}


@pytest.mark.slow
def test_mmpose_tests_an_adapter_checkpoint_with_the_results_of_the_whole_one(
    small_config: Path, mmpose_tool: Callable, tmp_path: Path
) -> None:
    config = tmp_path / 'mine.py'
    config.write_text(
        f"_base_ = '{small_config}'\n"
        'model = dict(base_weights=_base_.load_from)\n'
        f'custom_hooks = [*_base_.custom_hooks, {BESIDES!r}]\n'
        # Enough to see in the predictions.
        'optim_wrapper = dict(optimizer=dict(lr=0.02))\n'
    )
    work_dir = tmp_path / 'work'
    mmpose_tool('train', config, '--work-dir', work_dir, '--no-validate', cwd=tmp_path)
    results = {}
    for name in ('vitpose.pth', 'epoch_1.pth', 'tuned_epoch_1.pth'):
        path = small_config.parent / name if name == 'vitpose.pth' else work_dir / name
        out = tmp_path / name
        args = ('--work-dir', out, '--cfg-options', f'test_evaluator.outfile_prefix={out}')
        mmpose_tool('test', config, path, *args, cwd=tmp_path)
        results[name] = Path(f'{out}.keypoints.json').read_bytes()
    assert results['tuned_epoch_1.pth'] == results['epoch_1.pth'] != results['vitpose.pth']
    assert os.path.getsize(work_dir / 'tuned_epoch_1.pth') < os.path.getsize(
        work_dir / 'epoch_1.pth'
    )


def test_hashes_the_base_once_however_often_it_saves(
    cfg: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    hashed = []
    monkeypatch.setattr(
        'vlpose_mm.checkpoint.adapter.base_hash',
        lambda base: hashed.append(1) or base_hash(base),
    )
    work = train(cfg, 'often', default_hooks=INSTEAD)
    assert len(list(work.glob('tuned_epoch_*.pth'))) == 2
    assert len(hashed) == 1
