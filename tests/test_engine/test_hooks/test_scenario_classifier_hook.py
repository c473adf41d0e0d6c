"""ScenarioClassifierHook in real runs."""

import copy
import pickle
import socket
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.hooks import Hook
from mmengine.runner import CheckpointLoader, Runner, load_checkpoint
from mmpose.registry import MODELS

from vlpose_mm.checkpoint.io import write_file
from vlpose_mm.engine import ScenarioClassifierHook
from vlpose_mm.engine.scenario_fitting import fit_scenarios, training_loader

CLASSIFIER = ('scenario_classifier.weight', 'scenario_classifier.bias')
TRAINING = """
_base_ = [
    '{user}', __import__('vlpose_mm').config_path('_base_/overlays/scenario_classifier.py')
]
model = _base_.pop('overlay')
custom_hooks = [*_base_.custom_hooks, dict(type='ScenarioClassifierHook')]
train_dataloader = dict(
    dataset=dict(ann_file='HumanArt/annotations/training_humanart_coco.json')
)
env_cfg = dict(dist_cfg=dict(backend='gloo'))
# By default MMEngine hands each process a CUDA device.
model_wrapper_cfg = dict(type='MMDistributedDataParallel', device_ids=None)
"""


@pytest.fixture
def cfg(cfg: Config) -> Config:
    """A config with the hook that trains without validation."""
    cfg.custom_hooks.append(dict(type='ScenarioClassifierHook'))
    cfg.merge_from_dict(dict(train_cfg=dict(val_interval=5), randomness=dict(seed=0)))
    return cfg


def train(cfg: Config, name: str, **settings: object) -> Runner:
    """Train in a separate work folder."""
    cfg = copy.deepcopy(cfg)
    cfg.work_dir = f'{cfg.work_dir}/{name}'
    cfg.experiment_name = cfg.work_dir.replace('/', '_')
    cfg.update(settings)
    runner = Runner.from_cfg(cfg)
    runner.train()
    return runner


def read(path: str | Path) -> dict:
    return CheckpointLoader.load_checkpoint(str(path), 'cpu')


@pytest.mark.slow
@pytest.mark.parametrize('num_workers', [0, 1])
def test_training_with_the_hook_is_training_without_it(
    num_workers: int, cfg: Config
) -> None:
    cfg.train_dataloader.num_workers = num_workers
    with_hook = train(cfg, 'with').model
    without = train(cfg, 'without', custom_hooks=cfg.custom_hooks[:-1]).model
    assert with_hook.scenario_classifier.fitted
    assert not without.scenario_classifier.fitted
    state_dict = with_hook.state_dict()
    for name, tensor in without.state_dict().items():
        if not name.endswith('_extra_state') and name not in CLASSIFIER:
            assert torch.equal(tensor, state_dict[name]), name


@pytest.mark.slow
def test_a_resumed_run_keeps_its_classifier_and_a_new_one_fits_its_own(
    cfg: Config,
) -> None:
    fitted = train(cfg, 'first').model.scenario_classifier
    path = f'{cfg.work_dir}/first/epoch_1.pth'
    checkpoint = read(path)
    weight = checkpoint['state_dict'][CLASSIFIER[0]]
    assert torch.equal(weight, fitted.weight)
    weight += 1
    torch.save(checkpoint, path)
    again = dict(load_from=path, train_cfg={**cfg.train_cfg, 'max_epochs': 2})
    resumed = train(cfg, 'resumed', resume=True, **again).model.scenario_classifier
    torch.testing.assert_close(resumed.weight, fitted.weight + 1)
    fitted_again = train(cfg, 'again', **again).model.scenario_classifier
    torch.testing.assert_close(fitted_again.weight, fitted.weight)


def test_averaged_weights_have_the_classifier(cfg: Config) -> None:
    cfg.custom_hooks.append(dict(type='EMAHook'))
    model = train(cfg, 'averaged').model
    averaged = read(f'{cfg.work_dir}/averaged/epoch_1.pth')['state_dict']
    assert len(averaged[CLASSIFIER[0]]) == 20
    torch.testing.assert_close(averaged[CLASSIFIER[0]], model.scenario_classifier.weight)


@pytest.mark.parametrize('shared', [True, False])
def test_instances_of_an_image_share_a_decision_in_validation_and_test(
    shared: bool, cfg: Config
) -> None:
    # The validation photos have one instance each.
    photos = 'HumanArt/annotations/training_humanart_coco.json'
    cfg.val_dataloader.update(batch_size=1)
    cfg.val_dataloader.dataset.update(ann_file=photos, bbox_file=None)
    cfg.val_evaluator.ann_file = f'{cfg.data_root}{photos}'
    cfg.test_dataloader, cfg.test_evaluator = cfg.val_dataloader, cfg.val_evaluator
    cfg.default_hooks.checkpoint.save_best = None
    if not shared:
        del cfg.custom_hooks[-1]
    for loop in ('val', 'test') if shared else ('val',):
        runner = Runner.from_cfg(cfg)
        fit_scenarios(runner.model, training_loader(cfg))
        watch = _Watch()
        runner.register_hook(watch)
        getattr(runner, loop)()
        several = [found for found in watch.found.values() if len(found) > 1]
        assert several
        assert all(len(set(found)) == 1 for found in several) == shared
        assert runner.model.router.decisions is None


class _Watch(Hook):
    """Collects the decisions on each image without annotation."""

    def __init__(self) -> None:
        self.found: dict[str, list[tuple]] = {}

    def after_val_iter(
        self, runner: Runner, batch_idx: int, data_batch: dict, outputs: list
    ) -> None:
        for sample in outputs:
            info = sample.metainfo
            assert ('pred_scenario' in info) == (info['scenario'] is None)
            if info['scenario'] is None:
                decided = info['pred_scenario'], info['pred_artificial_prob']
                self.found.setdefault(info['img_path'], []).append(decided)

    after_test_iter = after_val_iter


def test_refuses_a_backbone_that_changes_while_training(cfg: Config) -> None:
    cfg.model.backbone.trained_layers = 1
    with pytest.raises(ValueError, match='trains more than.*after training'):
        ScenarioClassifierHook().before_train(Runner.from_cfg(cfg))


def test_refuses_a_model_without_classifier(cfg: Config) -> None:
    cfg.model.scenario_classifier = None
    with pytest.raises(ValueError, match='needs a VLPoseEstimator with model.scenario'):
        ScenarioClassifierHook().before_train(Runner.from_cfg(cfg))


@pytest.fixture
def launcher() -> tuple[str, ...]:
    """The arguments that start two processes."""
    with socket.socket() as listener:
        listener.bind(('127.0.0.1', 0))
        port = listener.getsockname()[1]
    command = ('-m', 'torch.distributed.run', '--nproc_per_node=2')
    return (*command, '--master_addr=127.0.0.1', f'--master_port={port}')


@pytest.mark.slow
def test_instances_of_an_image_share_a_decision_across_processes(
    cfg: Config, mmpose_tool: Callable, launcher: tuple[str, ...], tmp_path: Path
) -> None:
    photos = 'HumanArt/annotations/training_humanart_coco.json'
    cfg.test_dataloader.update(batch_size=1)
    cfg.test_dataloader.dataset.update(ann_file=photos, bbox_file=None)
    cfg.test_evaluator.ann_file = f'{cfg.data_root}{photos}'
    cfg.custom_hooks.append(dict(type='ScenarioClassifierHook'))
    cfg.env_cfg.dist_cfg.backend = 'gloo'
    cfg.model_wrapper_cfg = dict(type='MMDistributedDataParallel', device_ids=None)
    cfg.dump(tmp_path / 'mine.py')
    model = MODELS.build(cfg.model)
    load_checkpoint(model, cfg.load_from)
    fit_scenarios(model, training_loader(cfg))
    write_file(dict(state_dict=model.state_dict()), str(tmp_path / 'fitted.pth'))
    mmpose_tool(
        'test',
        tmp_path / 'mine.py',
        tmp_path / 'fitted.pth',
        *('--dump', tmp_path / 'found.pkl', '--launcher', 'pytorch'),
        cwd=tmp_path,
        launcher=launcher,
    )
    found: dict[str, list[tuple]] = {}
    for sample in pickle.loads((tmp_path / 'found.pkl').read_bytes()):
        if sample['scenario'] is None:
            decided = sample['pred_scenario'], sample['pred_artificial_prob']
            found.setdefault(sample['img_path'], []).append(decided)
    several = [decisions for decisions in found.values() if len(decisions) > 1]
    assert several and all(len(set(decisions)) == 1 for decisions in several)


@pytest.mark.slow
def test_two_processes_fit_what_one_does(
    small_config: Path, mmpose_tool: Callable, launcher: tuple[str, ...], tmp_path: Path
) -> None:
    config = tmp_path / 'mine.py'
    config.write_text(TRAINING.format(user=small_config))
    weights = []
    for processes in (1, 2):
        work_dir = tmp_path / f'{processes}'
        mmpose_tool(
            'train',
            config,
            *('--no-validate', '--work-dir', work_dir),
            *(('--launcher', 'pytorch') if processes == 2 else ()),
            cwd=tmp_path,
            launcher=launcher if processes == 2 else (),
        )
        weights.append(read(work_dir / 'epoch_1.pth')['state_dict'])
    alone, shared = ([state[name] for name in CLASSIFIER] for state in weights)
    assert len(alone[0]) == 20
    name = 'scenario_classifier._extra_state'
    assert torch.equal(weights[0][name], weights[1][name])
    for one, two in zip(alone, shared, strict=True):
        torch.testing.assert_close(two, one, rtol=1e-2, atol=1e-2 * one.std().item())


def test_has_nothing_to_do_at_an_iteration() -> None:
    stages = ScenarioClassifierHook().get_triggered_stages()
    assert 'before_train' in stages
    assert not [stage for stage in stages if stage.endswith('_iter')]
