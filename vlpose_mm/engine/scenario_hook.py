"""Fit the scenario classifier before training; let the people of a picture agree."""

import random
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
from mmengine.hooks import EMAHook, Hook
from mmengine.logging import print_log
from mmengine.model import is_model_wrapper
from mmengine.runner import Runner
from mmpose.registry import HOOKS

from vlpose_mm.engine.scenario_fit import fit_scenarios, training_loader
from vlpose_mm.models.vlpose import VLPoseEstimator


@HOOKS.register_module()
class ScenarioClassifierHook(Hook):
    """Serves a :class:`VLPoseEstimator` with a ``scenario_classifier``.

    Before training the classifier is fitted in one pass of the original backbone over the
    training pictures, seen through the validation's pipeline; the training is the same
    with it and without. A run that is resumed keeps what it has. In validation and test
    all people of a picture follow one decision.
    """

    def before_train(self, runner: Runner) -> None:
        """Fit the classifier.

        Args:
            runner (Runner): The runner, with its weights loaded.

        Raises:
            ValueError: If the model has no classifier, its backbone trains more than
                prompts, or the training pictures are of one side alone.
        """
        model = _model_of(runner)
        changing = [
            name
            for name, param in model.backbone.named_parameters()
            if param.requires_grad and not name.startswith('prompt')
        ]
        if changing:
            raise ValueError(
                f'The backbone trains more than prompts ({changing[0]} and '
                f'{len(changing) - 1} more), so what the scenario classifier reads would '
                'change after it was fitted. Leave ScenarioClassifierHook away, and fit '
                'the classifier after training: '
                '`python -m vlpose_mm.tools.fit_scenarios`.'
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
        """Let decisions be remembered; see :meth:`before_train` for the arguments."""
        _model_of(runner).remember_decisions(True)

    def after_val_epoch(self, runner: Runner, metrics: dict | None = None) -> None:
        """Forget them; see :meth:`before_train` for the arguments."""
        _model_of(runner).remember_decisions(False)

    before_test_epoch = before_val_epoch
    after_test_epoch = after_val_epoch


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
    """Draw the same random numbers after a ``with`` block as before it."""
    states = random.getstate(), np.random.get_state()
    try:
        # Loaders draw the seeds of their workers from the CPU's generator; the original
        # backbone draws nothing.
        with torch.random.fork_rng(devices=[]):
            yield
    finally:
        random.setstate(states[0])
        np.random.set_state(states[1])
