"""ALBEF's text side as a BERT of the ``transformers`` library."""

from torch import Tensor
from transformers import BertConfig, BertModel

from vlpose_mm.checkpoint.io import read_file, state_dict_of

PREFIX = 'text_encoder.bert.'
# https://arxiv.org/abs/2107.07651, section 3.1: of BERT's 12 layers the first 6 read text,
# the others fuse it with the image.
NUM_LAYERS = 6
HEAD_WIDTH = 64


def load_albef(path: str) -> BertModel:
    """Read the text side of a published ALBEF checkpoint.

    Args:
        path (str): The torch file, such as ``ALBEF.pth``.

    Returns:
        BertModel: Its first 6 layers, without a pooler.

    Raises:
        OSError: If there is no such file, or it is a directory.
        ValueError: If the file holds something else, or weights are missing.
    """
    try:
        return albef_text_model(state_dict_of(read_file(path), path))
    except (ValueError, KeyError, RuntimeError) as error:
        reason = ' '.join(str(error).split())[:300]
        raise ValueError(
            f'{path} is no checkpoint of ALBEF as published, such as ALBEF.pth '
            f'({type(error).__name__}: {reason}).'
        ) from error


def albef_text_model(state_dict: dict[str, Tensor]) -> BertModel:
    """Take the text side out of ALBEF's weights.

    Args:
        state_dict (dict[str, Tensor]): ALBEF's tensors by name.

    Returns:
        BertModel: The first 6 layers, without a pooler.

    Raises:
        KeyError: If there is no text side.
        RuntimeError: If weights of it are missing or have another shape.
    """
    weights = {
        name.removeprefix(PREFIX): tensor
        for name, tensor in state_dict.items()
        if name.startswith((f'{PREFIX}embeddings.', f'{PREFIX}encoder.layer.'))
        # A buffer, which no version of the library reads.
        and not name.endswith('position_ids')
    }
    fusion = tuple(f'encoder.layer.{i}.' for i in range(NUM_LAYERS, 2 * NUM_LAYERS))
    weights = {k: v for k, v in weights.items() if not k.startswith(fusion)}
    vocab_size, width = weights['embeddings.word_embeddings.weight'].shape
    config = BertConfig(
        vocab_size=vocab_size,
        hidden_size=width,
        num_hidden_layers=NUM_LAYERS,
        num_attention_heads=width // HEAD_WIDTH,
        intermediate_size=len(weights['encoder.layer.0.intermediate.dense.bias']),
        max_position_embeddings=len(weights['embeddings.position_embeddings.weight']),
    )
    model = BertModel(config, add_pooling_layer=False)
    model.load_state_dict(weights)
    return model.eval()
