"""Write a checkpoint's weights in half precision, without the state of its training."""

# First: it patches the stack that the other imports load.
import vlpose_mm  # noqa: F401

# isort: split
import argparse
from pathlib import Path

from mmengine.config import Config
from mmpose.registry import MODELS

from vlpose_mm.checkpoint.io import read_file, state_dict_of, write_file
from vlpose_mm.checkpoint.text_features import encode_text_prompts, read_tuned_with
from vlpose_mm.datasets.scenarios import all_text_prompts, text_prompt_table

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


def encode_all(config: Path) -> dict:
    """Encode the text prompts of all scenarios, those of a config among them."""
    cfg = Config.fromfile(str(config))
    encoder = MODELS.build(cfg.model.text_encoder)
    return encode_text_prompts(
        encoder, all_text_prompts(text_prompt_table(cfg.text_prompts))
    )


def publish(
    checkpoint: Path, out: Path, config: Path | None = None, omit: str | None = None
) -> None:
    """Write the checkpoint of a base, an adapter or a detector to be shipped.

    Args:
        checkpoint (Path): The checkpoint.
        out (Path): File to write.
        config (Path, optional): That of an adapter, whose text prompts it is to hold.
        omit (str, optional): How the names of weights begin that another file has.
    """
    content = read_file(str(checkpoint))
    weights = halve(state_dict_of(content, str(checkpoint)))
    if omit is not None:
        weights = {key: each for key, each in weights.items() if not key.startswith(omit)}
    published = dict(state_dict=weights)
    # Its config has the paths of the training.
    meta = content.get('meta', {})
    published['meta'] = {key: meta[key] for key in ('dataset_meta',) if key in meta}
    if config is not None:
        tuned_with = read_tuned_with(content)
        published['text_features'] = {**encode_all(config), 'tuned_with': tuned_with}
    write_file(published, str(out))
    print(f'{out}: {out.stat().st_size / 2**20:.1f} MiB')


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__)
    add = parser.add_argument
    add('checkpoint', type=Path, help='of a base, an adapter or a detector')
    add('out', type=Path, help='file to write')
    add('--config', type=Path, help='of an adapter, whose text prompts it is to hold')
    add('--omit', metavar='PREFIX', help='of the names of weights that another file has')
    options = parser.parse_args()
    publish(options.checkpoint, options.out, options.config, options.omit)


if __name__ == '__main__':
    main()
