"""BLIP's text side in LAVIS, as a BLIP text model of the ``transformers`` library."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from torch import Tensor
from transformers import BlipTextConfig, BlipTextModel

from vlpose_mm.checkpoint.converters.names import count

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

# Of a feature extractor of LAVIS inside of a VLPose.
PREFIX = 'text_encoder.text_encoder.'
HEAD_WIDTH = 64
# What BLIP adds to BERT's tokens.
START, ENCODE = '[DEC]', '[ENC]'


def has_blip_text(state_dict: Mapping[str, Tensor]) -> bool:
    """Tell whether a released checkpoint holds BLIP's text side.

    Args:
        state_dict (Mapping[str, Tensor]): Its tensors by name.

    Returns:
        bool: Whether it does; ALBEF's lower layers and CLIP read no image.
    """
    return f'{PREFIX}encoder.layer.0.crossattention.self.key.weight' in state_dict


def blip_text_model(state_dict: Mapping[str, Tensor]) -> BlipTextModel:
    """Take BLIP's text side out of a released checkpoint.

    Args:
        state_dict (Mapping[str, Tensor]): Its tensors by name.

    Returns:
        BlipTextModel: Without pooler, and without the cross attention to images.

    Raises:
        ValueError: If there is none, or weights of it are missing or have another shape.
    """
    if not has_blip_text(state_dict):
        raise ValueError(f'it holds no text encoder of BLIP ({PREFIX}*)')
    weights = {
        name.removeprefix(PREFIX): tensor
        for name, tensor in state_dict.items()
        if name.startswith((f'{PREFIX}embeddings.', f'{PREFIX}encoder.'))
        # A buffer, which no version of the library reads, and what reads images.
        and not name.endswith('position_ids')
        and '.crossattention.' not in name
    }
    try:
        vocab_size, width = weights['embeddings.word_embeddings.weight'].shape
        config = BlipTextConfig(
            vocab_size=vocab_size,
            hidden_size=width,
            num_hidden_layers=count(weights, r'encoder\.layer'),
            num_attention_heads=width // HEAD_WIDTH,
            intermediate_size=len(weights['encoder.layer.0.intermediate.dense.bias']),
            max_position_embeddings=len(weights['embeddings.position_embeddings.weight']),
            is_decoder=False,
        )
        model = BlipTextModel(config, add_pooling_layer=False)
        model.load_state_dict(weights)
    except (KeyError, RuntimeError) as error:
        reason = ' '.join(str(error).split())[:300]
        raise ValueError(
            f'its text encoder ({PREFIX}*) is no text side of BLIP: {reason}'
        ) from error
    return model.eval()


def add_blip_tokens(tokenizer: 'PreTrainedTokenizerBase', vocab_size: int) -> None:
    """Add BLIP's tokens to BERT's, unless they are there already.

    Args:
        tokenizer (PreTrainedTokenizerBase): The tokenizer; changed in place.
        vocab_size (int): Number of BLIP's word embeddings.

    Raises:
        ValueError: If it has another number of tokens in the end.
    """
    if len(tokenizer) < vocab_size:
        tokenizer.add_special_tokens({'bos_token': START})
        tokenizer.add_tokens([ENCODE], special_tokens=True)
    if len(tokenizer) != vocab_size:
        raise ValueError(
            f'the tokenizer has {len(tokenizer)} tokens, but there are {vocab_size} word '
            'embeddings; give the one of this text encoder'
        )
