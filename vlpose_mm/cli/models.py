"""List what can be named."""

import argparse
from collections.abc import Sequence

from vlpose_mm.apis.detectors import CROPPED, DETECTORS, WHOLE_IMAGE
from vlpose_mm.apis.model_zoo import model_names


def main(args: Sequence[str]) -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(
        prog='vlpose models',
        description='List the names that --model and --det-model take.',
    )
    parser.parse_args(args)
    print('--model', *model_names(), sep='\n  ')
    print(
        'Besides demo these are configs with the published weights of their base; give '
        'tuned weights as --weights.\n'
    )
    print('--det-model', CROPPED, WHOLE_IMAGE, *DETECTORS, sep='\n  ')
    print(
        f'{CROPPED}: each image is the crop of one person; {WHOLE_IMAGE}: the same, and it '
        'is padded;\nbesides these, a config or a name of MMDetection.'
    )
