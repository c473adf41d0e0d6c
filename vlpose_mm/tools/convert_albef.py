"""Write the text side of ALBEF as a folder that TransformersTextEncoder reads."""

import argparse
from collections.abc import Sequence

from vlpose_mm.checkpoint.converters.albef import load_albef
from vlpose_mm.checkpoint.text_model_folder import check_new_folder, write_text_folder
from vlpose_mm.models.text_encoders.loading import load_tokenizer
from vlpose_mm.tools.common import command


@command
def main(args: Sequence[str] | None = None) -> None:
    """Run the command.

    Args:
        args (Sequence[str], optional): Arguments instead of the command line's.
    """
    parser = argparse.ArgumentParser(
        description='Write the text side of ALBEF, the first 6 layers of its BERT, as a '
        'folder that TransformersTextEncoder reads.'
    )
    parser.add_argument(
        'checkpoint',
        help='the published file, from '
        'https://storage.googleapis.com/sfr-pcl-data-research/ALBEF/ALBEF.pth',
    )
    parser.add_argument('out', help='folder to write')
    parser.add_argument(
        '--tokenizer',
        default='bert-base-uncased',
        help='hub name or local folder of its tokenizer (default: %(default)s)',
    )
    options = parser.parse_args(args)
    check_new_folder(options.out)
    model = load_albef(options.checkpoint)
    tokenizer = load_tokenizer(options.tokenizer)
    rows = model.config.vocab_size
    if len(tokenizer) != rows:
        raise ValueError(
            f'the tokenizer {options.tokenizer} has {len(tokenizer)} tokens, but '
            f'{options.checkpoint} has {rows} word embeddings; give its own tokenizer'
        )
    write_text_folder(model, tokenizer, options.out)
    print(
        f'{options.out}: {model.config.num_hidden_layers} layers, '
        f'{model.config.hidden_size} wide, {rows} words'
    )


if __name__ == '__main__':
    main()
