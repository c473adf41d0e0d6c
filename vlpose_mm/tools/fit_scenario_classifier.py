"""Fit a scenario classifier for a tuned checkpoint and print how often it is right."""

import argparse
from collections.abc import Sequence

from mmengine.device import get_device
from mmengine.logging import MMLogger
from mmengine.registry import init_default_scope
from mmengine.runner import Runner
from mmengine.runner.checkpoint import load_state_dict
from mmpose.registry import MODELS

from vlpose_mm.checkpoint.io import read_file, state_dict_of, write_file
from vlpose_mm.engine.scenario_accuracy import measure_scenarios
from vlpose_mm.engine.scenario_fitting import add_classifier, fit_scenarios, training_loader
from vlpose_mm.models.pose_estimators.vlpose import VLPoseEstimator
from vlpose_mm.tools.common import (
    add_config_options,
    check_output_file,
    command,
    errors_about,
    load_config,
    log_and_prints_to_stderr,
    write_results,
)


@command
def main(args: Sequence[str] | None = None) -> None:
    """Run the command.

    Args:
        args (Sequence[str], optional): Arguments instead of the command line's.
    """
    parser = argparse.ArgumentParser(
        description='Fit a scenario classifier on the training images of a config, add '
        'it to a checkpoint, and print how often it is right on the validation images, '
        'as if nobody had labeled them.'
    )
    add_config_options(parser, 'val_dataloader.dataset.bbox_file=None')
    parser.add_argument('checkpoint', help='file of the tuned weights')
    parser.add_argument(
        'out',
        nargs='?',
        help='file to write: the checkpoint with the classifier (default: write nothing, '
        'and take the classifier that the checkpoint has, if any)',
    )
    options = parser.parse_args(args)
    if options.out is not None:
        check_output_file(options.out)

    with log_and_prints_to_stderr(), errors_about(options.config, (KeyError, TypeError)):
        found = _fit_and_measure(options)
    write_results(found, _table(found), options.json)


def _fit_and_measure(options: argparse.Namespace) -> dict:
    """Do what the options ask for; see :func:`measure_scenarios`."""
    name, cfg = options.config, load_config(options)
    if not cfg.get('model') or not cfg.get('val_dataloader'):
        raise ValueError(f'{name} has no model or no val_dataloader; give one to train.')
    init_default_scope('mmpose')
    if not issubclass(MODELS.get(cfg.model.type) or object, VLPoseEstimator):
        raise ValueError(f'The model of {name}, {cfg.model.type}, is no VLPoseEstimator.')
    if not cfg.model.get('scenario_classifier'):
        cfg.model.scenario_classifier = dict(type='ScenarioClassifier')
    content = read_file(options.checkpoint)
    model = MODELS.build(cfg.model)
    weights = state_dict_of(content, options.checkpoint)
    load_state_dict(model, weights, logger=MMLogger.get_current_instance())
    model.to(get_device())
    if options.out is not None or not model.scenario_classifier.fitted:
        fit_scenarios(model, training_loader(cfg))
    if options.out is not None:
        write_file(add_classifier(content, model.scenario_classifier), options.out)
    return measure_scenarios(model, Runner.build_dataloader(cfg.val_dataloader, seed=0))


def _table(found: dict) -> str:
    """Lay the numbers out for people."""
    lines = [
        f'{"":<24}{"":>8}{"":>10}{"right, in % of images":>26}',
        f'{"":<24}{"people":>8}{"images":>10}{"scenario":>12}{"side":>14}',
    ]
    rule = '-' * len(lines[-1])
    rows = [(row['name'] or 'photos', row) for row in found['scenarios']]
    for name, row in (*rows, ('all', found['total'])):
        lines += [rule] if name in (rows[0][0], 'all') else []
        right = [100 * row[f'{k}_correct'] / row['images'] for k in ('scenario', 'side')]
        lines += [
            f'{name:<24}{row["people"]:>8}{row["images"]:>10}'
            f'{right[0]:>12.1f}{right[1]:>14.1f}'
        ]
    return '\n'.join([*lines, '', 'side: natural or artificial'])


if __name__ == '__main__':
    main()
