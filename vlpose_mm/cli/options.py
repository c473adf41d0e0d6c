"""Options of the commands, checked as far as nothing large is imported for it."""

import argparse
import re
from collections.abc import Sequence

from vlpose_mm.local_files import (
    check_file,
    check_place,
    check_weights,
    is_adapter_folder,
    is_url,
    read_argument,
)
from vlpose_mm.names import NO_DETECTOR, OFFLINE_MODEL, ROUTES, find_entry
from vlpose_mm.version import __version__

# The name of a repository on the Hugging Face hub.
REPO = re.compile(r'[\w.-]+/[\w.-]+')


def parse_predict(args: Sequence[str]) -> argparse.Namespace:
    """Read the options of ``vlpose``."""
    parser = _predict_parser()
    options = parser.parse_args(args)
    if not options.inputs:
        parser.error('name an image, a folder, ...; try `vlpose demo` first')
    place = options.inputs[0]
    is_local = place and not is_url(place) and not place.lower().startswith('webcam')
    if is_local and len(options.inputs) == 1:
        check_place(place)
    check_model_options(options)
    is_described = options.scenario is not None or options.text_prompt is not None
    is_tuned = is_described and options.route == 'auto' or options.route == 'tuned'
    if is_tuned and options.model is None and options.weights is None:
        raise ValueError(
            'The published weights read no text and have no tuned route; name a tuned '
            f'model, such as --model {OFFLINE_MODEL}, or give --weights.'
        )
    if options.bboxes is not None:
        check_file(options.bboxes)
    if options.batch_size is not None and options.batch_size < 1:
        raise ValueError(f'--batch-size must be at least 1, got {options.batch_size}')
    if options.num_workers is not None and options.num_workers < 0:
        raise ValueError(f'--num-workers must be at least 0, got {options.num_workers}')
    return options


def parse_demo(args: Sequence[str]) -> argparse.Namespace:
    """Read the options of ``vlpose demo``."""
    parser = argparse.ArgumentParser(
        prog='vlpose demo',
        description='Estimate poses on the drawn images in the package with the original '
        'and the tuned weights of a small model. Needs no network.',
    )
    parser.add_argument(
        '--out', metavar='DIR', default='vlpose_demo', help='(default: %(default)s)'
    )
    return parser.parse_args(args)


def parse_models(args: Sequence[str]) -> argparse.Namespace:
    """Read the options of ``vlpose models``."""
    parser = argparse.ArgumentParser(
        prog='vlpose models',
        description='List the names that --model and --det-model take.',
    )
    return parser.parse_args(args)


def parse_push(args: Sequence[str]) -> argparse.Namespace:
    """Read the options of ``vlpose push``."""
    parser = argparse.ArgumentParser(
        prog='vlpose push',
        description='Upload an adapter to the Hugging Face hub, with a page that says what '
        'it is. `hf auth login` or HF_TOKEN says who you are.',
    )
    add = parser.add_argument
    add('folder', help='folder that `vlpose_mm.tools.checkpoint share` has written')
    add('repo', help='OWNER/REPO; it is made if there is none')
    add('--private', action='store_true', help='make it visible to you alone')
    add(
        '--dry-run',
        action='store_true',
        help='write the page only, FOLDER/README.md, which may then be edited',
    )
    options = parser.parse_args(args)
    if not REPO.fullmatch(options.repo):
        raise ValueError(
            f'{options.repo} is not the name of a repository; give OWNER/REPO.'
        )
    if not is_adapter_folder(options.folder):
        raise ValueError(
            f'{options.folder} is not the folder of an adapter; write one with python -m '
            'vlpose_mm.tools.checkpoint share.'
        )
    return options


def add_detector_options(parser: argparse.ArgumentParser) -> None:
    """Add the detector."""
    add = parser.add_argument
    add(
        '--det-model',
        metavar='NAME',
        help='see `vlpose models`; whole-image for single figures',
    )
    add('--det-weights', metavar='FILE', help='its checkpoint, if not the published one')


def add_model_options(parser: argparse.ArgumentParser, has_device: bool = True) -> None:
    """Add the model and, by default, the device."""
    add = parser.add_argument
    add(
        '--model',
        metavar='NAME',
        help='see `vlpose models`; or config or checkpoint',
    )
    add('--weights', metavar='FILE', help='whole or adapter checkpoint: file or URL')
    add('--base-weights', metavar='FILE', help='base of an adapter checkpoint')
    if has_device:
        add('--device', metavar='NAME', help='such as cuda:0 (default: the best one)')


def check_model_options(options: argparse.Namespace) -> None:
    """Check the options of both functions."""
    if options.det_weights is not None and options.det_model in (None, *NO_DETECTOR):
        raise ValueError('--det-weights needs a detector; name it with --det-model.')
    if options.model is not None:
        find_entry(options.model)
    for path in (options.weights, options.base_weights, options.det_weights):
        if path is not None:
            check_weights(path)


def _predict_parser() -> argparse.ArgumentParser:
    """The parser, whose help fits into 24 lines of 80 characters."""
    parser = argparse.ArgumentParser(
        prog='vlpose',
        usage='vlpose IMAGE ... [options], or vlpose {demo,web,models,push} [--help]',
        description='Poses of people in art and photos: file, folder, glob, URL, video or '
        'webcam:0.',
        formatter_class=lambda prog: argparse.HelpFormatter(prog, width=80),
        add_help=False,
    )
    add = parser.add_argument
    # The description has them, as a group of their own takes three lines.
    add('inputs', nargs='*', metavar='IMAGE', help=argparse.SUPPRESS)
    add(
        '--out',
        metavar='DIR',
        default='vlpose_out',
        help='folder to write to (default: %(default)s)',
    )
    add(
        '--scenario',
        metavar='NAME',
        type=read_argument,
        help='kind of images, such as "stained glass"',
    )
    add(
        '--text-prompt',
        metavar='TEXT',
        type=read_argument,
        help='your own words for the kind of images',
    )
    add('--prompt', dest='text_prompt', type=read_argument, help=argparse.SUPPRESS)
    add(
        '--route',
        metavar='ROUTE',
        choices=ROUTES,
        default='auto',
        help='tuned or original weights, or auto (default)',
    )
    add('--bboxes', metavar='FILE', help='COCO JSON with the bboxes of the images')
    add_detector_options(parser)
    add_model_options(parser)
    add('--batch-size', metavar='N', type=int, help='images (default: 8, on a GPU 64)')
    add('--num-workers', metavar='N', type=int, help='processes (default: as many as help)')
    add('--track', action='store_true', help='number the people of a video')
    add('--smooth', action='store_true', help='and steady their keypoints')
    add('--no-drawings', action='store_true', help='write the JSON only')
    add('--resume', action='store_true', help='continue an earlier run into DIR')
    add('-h', '--help', action='help', help='show this, and exit')
    add('--version', action='version', version=__version__, help='show it, and exit')
    return parser
