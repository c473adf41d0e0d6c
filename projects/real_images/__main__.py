"""Measure models on the held-out images of the real sets."""

import argparse
import json
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

from projects.domain_gap_report.__main__ import main as domain_gap_report
from projects.real_images.models import AUTO, Model, ModelArgument
from projects.real_images.movenet.model import MOVENET, MoveNet
from projects.real_images.page import make_page
from projects.real_images.predictions import (
    TRUE,
    WHOLE,
    Predictions,
    detected_bboxes,
    predict,
    true_bboxes,
    whole_bboxes,
)
from projects.real_images.scores import score
from projects.real_images.sets import RealSet, read_sets
from projects.real_small.splits import SETS
from vlpose_mm.checkpoint.io import replace_file
from vlpose_mm.tools.common import log_and_prints_to_stderr
from vlpose_mm.tools.errors import command


@command
def main(args: Sequence[str] | None = None) -> None:
    """Run the command; by default with the arguments of the command line."""
    parser = argparse.ArgumentParser(
        prog='python -m projects.real_images',
        description='Measure models on the held-out images of the real sets, and write '
        'RESULTS.md, results.json and a domain-gap report. Predictions are kept, so the '
        'same command goes on where it was interrupted.',
    )
    add = parser.add_argument
    add('root', type=Path, help='folder of the sets: SET/annotations.json and the images')
    add(
        'models',
        nargs='+',
        metavar='[NAME=]MODEL[,WEIGHTS[,BASE]]',
        help='name, config, or checkpoint that holds its config, as of vlpose --model; '
        f'{MOVENET} runs in Node. The first is the baseline of the report',
    )
    add(
        '--out', type=Path, default=Path('work_dirs/real_images'), help='folder to write to'
    )
    add('--sets', nargs='+', choices=SETS, help='some sets (default: those in the folder)')
    add(
        '--det-model',
        metavar='NAME',
        help='a detector as of vlpose, or centernet, to use its bboxes',
    )
    add('--limit', type=int, metavar='N', help='so many images of each set, for a try')
    add('--device', help='such as cuda:0 (default: the best one)')
    options = parser.parse_args(args)

    arguments = [ModelArgument.parse(text) for text in options.models]
    with log_and_prints_to_stderr():
        predictions, sets = predict_all(options, arguments)
        by_name = {each.name: each for each in sets}
        rows = [score(by_name[each.set_name], each) for each in predictions]
    given = shlex.join(sys.argv[1:] if args is None else args)
    page = make_page(rows, f'python -m projects.real_images {given}')
    for name, text in (
        ('results.json', json.dumps(rows, indent=1) + '\n'),
        ('RESULTS.md', page),
    ):
        with replace_file(str(options.out / name)) as file:
            file.write(text.encode())
    print(page)
    report(predictions, sets, options.out)


def predict_all(
    options: argparse.Namespace, arguments: Sequence[ModelArgument]
) -> tuple[list[Predictions], list[RealSet]]:
    """Run all models on all routes, sets and bboxes; whole images only to classify them."""
    names = [argument.name for argument in arguments]
    if len(set(names)) < len(names):
        raise ValueError(f'Two models have the same name ({names}); give NAME=MODEL.')
    out = options.out
    sets = read_sets(options.root, out, options.sets, options.limit)
    bboxes = {TRUE: [*map(true_bboxes, sets)], WHOLE: [*map(whole_bboxes, sets)]}
    if options.det_model:
        args = options.det_model, sets, out, options.device
        bboxes[options.det_model] = detected_bboxes(*args)
    predictions = []
    for argument in arguments:
        if argument.model == MOVENET:
            model = MoveNet(argument.name)
        else:
            model = Model(argument, options.device)
        for route in model.routes:
            for kind, by_set in bboxes.items():
                if kind == WHOLE and route != AUTO:
                    continue
                for real_set, mine in zip(sets, by_set, strict=True):
                    predictions.append(predict(model, route, real_set, kind, mine, out))
    return predictions, sets


def report(predictions: Sequence[Predictions], sets: Sequence[RealSet], out: Path) -> None:
    """Write the domain-gap report of what was predicted in true bboxes."""
    domain_gap_report(
        [
            *(f'{p.run}={p.result_file}' for p in predictions if p.bboxes == TRUE),
            *('--out', str(out / 'report')),
            *('--img-root', str(sets[0].images_root)),
            *('--ann', *(str(each.ann_file) for each in sets)),
        ]
    )


if __name__ == '__main__':
    main()
