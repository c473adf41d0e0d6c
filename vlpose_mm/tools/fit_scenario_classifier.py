"""Fit a scenario classifier for a checkpoint, and print its accuracy."""

# First: it patches the stack that the other imports load.
import vlpose_mm  # noqa: F401

# isort: split
import argparse
from collections.abc import Sequence

from mmengine.device import get_device
from mmengine.logging import MMLogger
from mmengine.registry import init_default_scope
from mmengine.runner import Runner
from mmengine.runner.checkpoint import load_state_dict
from mmpose.registry import MODELS
from rich.box import SIMPLE_HEAD
from rich.table import Table

from vlpose_mm.checkpoint.io import read_file, state_dict_of, write_file
from vlpose_mm.engine.scenario_accuracy import measure_scenarios
from vlpose_mm.engine.scenario_fitting import add_classifier, fit_scenarios, training_loader
from vlpose_mm.models.pose_estimators.vlpose import VLPoseEstimator
from vlpose_mm.registry import find_class
from vlpose_mm.tools.common import (
    add_config_options,
    check_output_file,
    load_config,
    log_and_prints_to_stderr,
    write_results,
)
from vlpose_mm.tools.errors import command, errors_about


@command
def main(args: Sequence[str] | None = None) -> None:
    """Run the command; by default with the arguments of the command line."""
    parser = argparse.ArgumentParser(
        description='Fit a scenario classifier on the training images of a config, add '
        'it to a checkpoint, and print its accuracy on the validation images.'
    )
    add_config_options(parser, 'val_dataloader.dataset.bbox_file=None')
    parser.add_argument('checkpoint', help='VLPose or adapter checkpoint')
    parser.add_argument(
        'out',
        nargs='?',
        help='file for the checkpoint with the classifier (default: write nothing, and use '
        'the classifier of the checkpoint, if it has one)',
    )
    options = parser.parse_args(args)
    if options.out is not None:
        check_output_file(options.out)

    with log_and_prints_to_stderr(), errors_about(options.config, (KeyError, TypeError)):
        results = _fit_and_measure(options)
    write_results(results, _table(results), options.json)


def _fit_and_measure(options: argparse.Namespace) -> dict:
    """Fit and write the classifier where wanted; see :func:`measure_scenarios`."""
    name, cfg = options.config, load_config(options)
    if not cfg.get('model') or not cfg.get('val_dataloader'):
        raise ValueError(
            f'{name} has no model or no val_dataloader; use a config for training.'
        )
    init_default_scope('mmpose')
    if not issubclass(find_class(MODELS, cfg.model.type) or object, VLPoseEstimator):
        raise ValueError(
            f'The model of {name}, {cfg.model.type}, is not a VLPoseEstimator.'
        )
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


def _table(results: dict) -> Table:
    """Return a table of the accuracy by scenario."""
    table = Table(
        title='accuracy, in % of the images',
        caption='domain: natural or artificial',
        title_justify='left',
        caption_justify='left',
        box=SIMPLE_HEAD,
        pad_edge=False,
    )
    table.add_column('')
    for column in ('instances', 'images', 'scenario', 'domain'):
        table.add_column(column, justify='right')
    for row in (*results['scenarios'], dict(results['total'], name='all')):
        if row['name'] == 'all':
            table.add_section()
        counts = [str(row[key]) for key in ('instances', 'images')]
        correct = [row[f'{kind}_correct'] for kind in ('scenario', 'domain')]
        accuracy = [f'{100 * count / row["images"]:.1f}' for count in correct]
        table.add_row(row['name'] or 'photos', *counts, *accuracy)
    return table


if __name__ == '__main__':
    main()
