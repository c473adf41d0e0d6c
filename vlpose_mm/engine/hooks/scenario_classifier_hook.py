"""Fit the scenario classifier before training; decide once per image in testing."""

import random
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
from mmengine.dist import all_gather_object, get_world_size
from mmengine.hooks import EMAHook, Hook
from mmengine.logging import print_log
from mmengine.model import is_model_wrapper
from mmengine.runner import Runner
from mmpose.registry import HOOKS
from torch.utils.data import DataLoader

from vlpose_mm.engine.scenario_fitting import fit_scenarios, original_maps, training_loader
from vlpose_mm.models.classifiers.scenario_classifier import Decision, bbox_scores_of
from vlpose_mm.models.pose_estimators.router import NO_IMAGE, image_of
from vlpose_mm.models.pose_estimators.vlpose import VLPoseEstimator


@HOOKS.register_module()
class ScenarioClassifierHook(Hook):
    """Fits the ``scenario_classifier`` of a :class:`VLPoseEstimator`.

    Before training it is fitted in one pass of the frozen backbone over the training images
    with the validation's pipeline. The training itself is the same with this hook and
    without. A resumed run keeps its classifier.

    In validation and test all instances of an image share one decision, made in the batch
    of the first. With several processes, which share the instances of an image, these first
    pass over the set with the frozen backbone and decide on every image together.
    """

    def __init__(self) -> None:
        self._decisions: dict[int, dict] = {}

    def before_train(self, runner: Runner) -> None:
        """Fit the classifier of a runner with its weights loaded.

        Raises:
            ValueError: If the model has no classifier, its backbone trains more than the
                adapter, or the training images are all natural or all artificial.
        """
        model = _model_of(runner)
        changing = model.backbone.thawed_params
        if changing:
            raise ValueError(
                f'The backbone trains more than what is added to it ({changing[0]} and '
                f'{len(changing) - 1} more), so what the scenario classifier reads would '
                'change after it was fitted. Omit ScenarioClassifierHook and fit the '
                'classifier after training: '
                '`python -m vlpose_mm.tools.fit_scenario_classifier`.'
            )
        if runner._resume and model.scenario_classifier.fitted:
            print_log('The resumed scenario classifier is kept as it is.', 'current')
            return
        with _same_random_numbers():
            fit_scenarios(model, training_loader(runner.cfg))
        for hook in runner.hooks:
            if isinstance(hook, EMAHook):
                # It copied the model before there was anything in the classifier.
                average = hook.ema_model.module.scenario_classifier
                average.load_state_dict(model.scenario_classifier.state_dict())

    def before_val_epoch(self, runner: Runner) -> None:
        """Cache decisions."""
        self._cache_decisions(_model_of(runner), runner.val_dataloader)

    def after_val_epoch(self, runner: Runner, metrics: dict | None = None) -> None:
        """Clear the decisions."""
        _model_of(runner).router.decisions = None

    def before_test_epoch(self, runner: Runner) -> None:
        """Cache decisions."""
        self._cache_decisions(_model_of(runner), runner.test_dataloader)

    after_test_epoch = after_val_epoch

    def _cache_decisions(self, model: VLPoseEstimator, loader: DataLoader) -> None:
        """Cache decisions, starting with those that processes make together."""
        model.router.decisions = {}
        if get_world_size() > 1 and model.route == 'auto':
            # Neither the frozen backbone nor the classifier changes after they are fitted.
            if id(loader) not in self._decisions:
                with _same_random_numbers():
                    self._decisions[id(loader)] = decide_together(model, loader)
            model.router.decisions.update(self._decisions[id(loader)])


def decide_together(model: VLPoseEstimator, loader: DataLoader) -> dict[tuple, Decision]:
    """Decide on every image, by :func:`image_of`, with the instances of all processes.

    Args:
        model (VLPoseEstimator): With a fitted classifier.
        loader (DataLoader): This process's share of a set.
    """
    seen: dict[tuple, list] = {}
    for feature_map, samples in original_maps(model, loader):
        log_probs = model.scenario_classifier(feature_map).cpu()  # B, S
        for sample, *votes in zip(samples, log_probs, bbox_scores_of(samples), strict=True):
            if model.router.by_annotation(sample) is None:
                seen.setdefault(image_of(sample), []).append(votes)
    merged: dict[tuple, list] = {}
    for part in all_gather_object(seen):
        for image, votes in part.items():
            merged.setdefault(image, []).extend(votes)
    merged.pop(NO_IMAGE, None)
    return {
        image: model.scenario_classifier.decide(*map(torch.stack, zip(*votes, strict=True)))
        for image, votes in merged.items()
    }


def _model_of(runner: Runner) -> VLPoseEstimator:
    """Unwrap the runner's model."""
    model = runner.model.module if is_model_wrapper(runner.model) else runner.model
    if getattr(model, 'scenario_classifier', None) is None:
        raise ValueError(
            'ScenarioClassifierHook needs a VLPoseEstimator with '
            "model.scenario_classifier=dict(type='ScenarioClassifier')."
        )
    return model


@contextmanager
def _same_random_numbers() -> Iterator[None]:
    """Restore the random states after a ``with`` block."""
    states = random.getstate(), np.random.get_state()
    try:
        # Loaders draw the seeds of their workers on the CPU; the backbone draws nothing.
        with torch.random.fork_rng(devices=[]):
            yield
    finally:
        random.setstate(states[0])
        np.random.set_state(states[1])
