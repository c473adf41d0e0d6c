"""Write a checkpoint's weights in half precision, without the state of its training."""

import argparse
from pathlib import Path

from vlpose_mm.checkpoint.io import read_file, state_dict_of, write_file

# Half precision changes its scores by whole units.
CLASSIFIER = 'scenario_classifier.'


def halve(weights: dict) -> dict:
    """Convert weights to half precision, but the scenario classifier."""
    return {
        name: tensor.half()
        if tensor.is_floating_point() and not name.startswith(CLASSIFIER)
        else tensor
        for name, tensor in weights.items()
    }


def publish(checkpoint: Path, out: Path) -> None:
    """Write a base or an adapter checkpoint to be shipped."""
    content = read_file(str(checkpoint))
    published = dict(state_dict=halve(state_dict_of(content, str(checkpoint))))
    if 'text_features' in content:
        published['text_features'] = content['text_features']
    write_file(published, str(out))
    print(f'{out}: {out.stat().st_size / 2**20:.1f} MiB')


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('checkpoint', type=Path, help='base or adapter checkpoint')
    parser.add_argument('out', type=Path, help='file to write')
    options = parser.parse_args()
    publish(options.checkpoint, options.out)


if __name__ == '__main__':
    main()
