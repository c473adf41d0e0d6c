"""ScenarioClassifierHook in real runs."""

import copy
import pickle
import socket
from collections import defaultdict
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.hooks import Hook
from mmengine.runner import CheckpointLoader, Runner, load_checkpoint

from vlpose_mm.engine import ScenarioClassifierHook
from vlpose_mm.engine.scenario_fitting import fit_scenarios, training_loader
from vlpose_mm.models.pose_estimators.vlpose import VLPoseEstimator

PHOTOS = 'HumanArt/annotations/training_humanart_coco.json'
CLASSIFIER = ('scenario_classifier.weight', 'scenario_classifier.bias')


@pytest.fixture
def cfg(cfg: Config) -> Config:
    """A config with the hook that trains without validation."""
    cfg.custom_hooks.append(dict(type='ScenarioClassifierHook'))
    cfg.merge_from_dict(dict(train_cfg=dict(val_interval=5), randomness=dict(seed=0)))
    return cfg


@pytest.fixture
def photos_cfg(cfg: Config) -> Config:
    """It tests on photos with several instances, each in a batch of its own."""
    cfg.val_dataloader.update(batch_size=1)
    cfg.val_dataloader.dataset.update(ann_file=PHOTOS, bbox_file=None)
    cfg.val_evaluator.ann_file = f'{cfg.data_root}{PHOTOS}'
    cfg.test_dataloader, cfg.test_evaluator = cfg.val_dataloader, cfg.val_evaluator
    cfg.default_hooks.checkpoint.save_best = None
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
def test_training_with_the_hook_is_training_without_it_and_averages_have_its_classifier(
    num_workers: int, cfg: Config
) -> None:
    cfg.train_dataloader.num_workers = num_workers
    without = train(cfg, 'without', custom_hooks=cfg.custom_hooks[:-1]).model
    cfg.custom_hooks.append(dict(type='EMAHook'))
    with_hook = train(cfg, 'with').model
    assert with_hook.scenario_classifier.fitted
    assert not without.scenario_classifier.fitted
    state_dict = with_hook.state_dict()
    for name, tensor in without.state_dict().items():
        if not name.endswith('_extra_state') and name not in CLASSIFIER:
            assert torch.equal(tensor, state_dict[name]), name
    averaged = read(f'{cfg.work_dir}/with/epoch_1.pth')['state_dict']
    assert len(averaged[CLASSIFIER[0]]) == 20
    for name in CLASSIFIER:
        torch.testing.assert_close(averaged[name], state_dict[name])


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


def share_decisions(outputs: Iterable[dict]) -> bool:
    """Return whether all instances of each image without annotation share a decision."""
    found = defaultdict(list)
    for info in outputs:
        assert ('pred_scenario' in info) == (info['scenario'] is None)
        if info['scenario'] is None:
            decision = info['pred_scenario'], info['pred_artificial_prob']
            found[info['img_path']].append(decision)
    several = [decisions for decisions in found.values() if len(decisions) > 1]
    assert several
    return all(len(set(decisions)) == 1 for decisions in several)


class Watch(Hook):
    """Collects the metainfo of what is predicted."""

    def __init__(self) -> None:
        self.outputs: list[dict] = []

    def after_val_iter(
        self, runner: Runner, batch_idx: int, data_batch: dict, outputs: list
    ) -> None:
        self.outputs += [sample.metainfo for sample in outputs]

    after_test_iter = after_val_iter


def test_instances_of_an_image_share_a_decision_in_validation_and_test(
    photos_cfg: Config,
) -> None:
    runner, watch = Runner.from_cfg(photos_cfg), Watch()
    runner.load_or_resume()
    fit_scenarios(runner.model, training_loader(photos_cfg))
    runner.register_hook(watch)
    for run in (runner.val, runner.test):
        watch.outputs.clear()
        run()
        assert share_decisions(watch.outputs)
        assert runner.model.router.decisions is None
    hooks = [hook for hook in runner.hooks if not isinstance(hook, ScenarioClassifierHook)]
    runner.hooks[:] = hooks
    watch.outputs.clear()
    runner.val()
    assert not share_decisions(watch.outputs)


@pytest.mark.parametrize(
    ('change', 'error'),
    [
        ({'model.backbone.trained_layers': 1}, 'trains more than.*after training'),
        ({'model.scenario_classifier': None}, 'needs a VLPoseEstimator with model.scen'),
    ],
)
def test_refuses_a_changing_backbone_and_a_model_without_classifier(
    change: dict, error: str, cfg: Config
) -> None:
    cfg.merge_from_dict(change)
    with pytest.raises(ValueError, match=error):
        ScenarioClassifierHook().before_train(Runner.from_cfg(cfg))


@pytest.mark.slow
def test_two_processes_fit_what_one_does_and_share_decisions(
    photos_cfg: Config, model: VLPoseEstimator, mmpose_tool: Callable, tmp_path: Path
) -> None:
    photos_cfg.env_cfg.dist_cfg.backend = 'gloo'
    # By default MMEngine hands each process a CUDA device.
    photos_cfg.model_wrapper_cfg = dict(type='MMDistributedDataParallel', device_ids=None)
    config, path = tmp_path / 'mine.py', Path(photos_cfg.work_dir, 'epoch_1.pth')
    photos_cfg.dump(config)
    dump = tmp_path / 'found.pkl'
    for args in (
        ('train', config, '--no-validate'),
        ('test', config, path, '--dump', dump),
    ):
        with socket.socket() as listener:
            listener.bind(('127.0.0.1', 0))
            port = listener.getsockname()[1]
        command = ('-m', 'torch.distributed.run', '--nproc_per_node=2')
        command += ('--master_addr=127.0.0.1', f'--master_port={port}')
        mmpose_tool(*args, '--launcher', 'pytorch', cwd=tmp_path, launcher=command)
    shared = read(path)['state_dict']
    load_checkpoint(model, photos_cfg.load_from)
    fit_scenarios(model, training_loader(photos_cfg))
    alone = model.state_dict()
    assert len(alone[CLASSIFIER[0]]) == 20
    name = 'scenario_classifier._extra_state'
    assert torch.equal(alone[name], shared[name])
    for name in CLASSIFIER:
        bound = dict(rtol=1e-2, atol=1e-2 * alone[name].std().item())
        torch.testing.assert_close(shared[name], alone[name], **bound)
    assert share_decisions(pickle.loads(dump.read_bytes()))


def test_has_nothing_to_do_at_an_iteration() -> None:
    stages = ScenarioClassifierHook().get_triggered_stages()
    assert 'before_train' in stages
    assert not [stage for stage in stages if stage.endswith('_iter')]
