"""List what can be run by name."""

import argparse
from collections.abc import Sequence

from vlpose_mm.apis.detectors import DETECTORS
from vlpose_mm.apis.model_zoo import model_names


def main(args: Sequence[str] | None = None) -> None:
    """Run the command.

    Args:
        args (Sequence[str], optional): Arguments instead of the command line's.
    """
    parser = argparse.ArgumentParser(
        prog='vlpose models', description='List the names that --model and --people take.'
    )
    parser.parse_args(args)
    print('--model')
    print(*(f'  {name}' for name in model_names()), sep='\n')
    print(
        'Besides demo these are configs with the published weights that they are tuned '
        'from; tuned weights go with them as --weights.\n'
    )
    print('--people')
    print(*(f'  {name}' for name in ('whole', *DETECTORS)), sep='\n')
