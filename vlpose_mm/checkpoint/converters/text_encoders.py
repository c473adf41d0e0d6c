"""Text encoders of other code bases as models of the ``transformers`` library."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from torch import Tensor
from transformers import BertConfig, BertModel, BlipTextConfig, BlipTextModel

from vlpose_mm.checkpoint.converters.names import count

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

ALBEF = 'text_encoder.bert.'
# https://arxiv.org/abs/2107.07651, section 3.1: of BERT's 12 layers the first 6 read text,
# the others fuse it with the image.
ALBEF_LAYERS = 6
# The feature extractor of LAVIS inside a released VLPose.
BLIP = 'text_encoder.text_encoder.'
BLIP_START, BLIP_ENCODE = '[DEC]', '[ENC]'
HEAD_WIDTH = 64


def albef_text_model(state_dict: Mapping[str, Tensor]) -> BertModel:
    """Convert the text side of ALBEF: its first 6 layers, without pooler.

    Args:
        state_dict (Mapping[str, Tensor]): The published ``ALBEF.pth``.

    Raises:
        ValueError: If there is no text side, or weights are missing or of other shapes.
    """
    weights = _text_side(state_dict, ALBEF)
    fusion = tuple(f'encoder.layer.{i}.' for i in range(ALBEF_LAYERS, 2 * ALBEF_LAYERS))
    weights = {k: v for k, v in weights.items() if not k.startswith(fusion)}
    try:
        config = BertConfig(**_sizes(weights) | dict(num_hidden_layers=ALBEF_LAYERS))
        model = BertModel(config, add_pooling_layer=False).eval()
        model.load_state_dict(weights)
    except (KeyError, RuntimeError) as error:
        raise ValueError(
            f'it is not a checkpoint of ALBEF as published, such as ALBEF.pth '
            f'({_reason(error)})'
        ) from error
    return model


def has_blip_text(state_dict: Mapping[str, Tensor]) -> bool:
    """Return whether a released VLPose holds BLIP's text side, not CLIP's or ALBEF's."""
    return f'{BLIP}encoder.layer.0.crossattention.self.key.weight' in state_dict


def blip_text_model(state_dict: Mapping[str, Tensor]) -> BlipTextModel:
    """Convert BLIP's text side, without pooler and cross attention to images.

    Args:
        state_dict (Mapping[str, Tensor]): A released VLPose.

    Raises:
        ValueError: If there is none, or weights are missing or of other shapes.
    """
    if not has_blip_text(state_dict):
        raise ValueError(f'it holds no text encoder of BLIP ({BLIP}*)')
    weights = _text_side(state_dict, BLIP)
    try:
        config = BlipTextConfig(**_sizes(weights), is_decoder=False)
        model = BlipTextModel(config, add_pooling_layer=False).eval()
        model.load_state_dict(weights)
    except (KeyError, RuntimeError) as error:
        raise ValueError(
            f'its text encoder ({BLIP}*) is not a text side of BLIP: {_reason(error)}'
        ) from error
    return model


def add_blip_tokens(tokenizer: 'PreTrainedTokenizerBase', vocab_size: int) -> None:
    """Add BLIP's two tokens to BERT's, in place, unless they are there already.

    Raises:
        ValueError: If there are other than ``vocab_size`` tokens in the end.
    """
    if len(tokenizer) < vocab_size:
        tokenizer.add_special_tokens({'bos_token': BLIP_START})
        tokenizer.add_tokens([BLIP_ENCODE], special_tokens=True)
    if len(tokenizer) != vocab_size:
        raise ValueError(
            f'the tokenizer has {len(tokenizer)} tokens, but there are {vocab_size} word '
            'embeddings; give the one of this text encoder'
        )


def _text_side(state_dict: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """Return what reads text, without the buffer that the library no longer has."""
    return {
        name.removeprefix(prefix): tensor
        for name, tensor in state_dict.items()
        if name.startswith((f'{prefix}embeddings.', f'{prefix}encoder.layer.'))
        and not name.endswith('position_ids')
        and '.crossattention.' not in name
    }


def _sizes(weights: Mapping[str, Tensor]) -> dict[str, int]:
    """Read the settings of a BERT from its weights."""
    vocab_size, width = weights['embeddings.word_embeddings.weight'].shape
    return dict(
        vocab_size=vocab_size,
        hidden_size=width,
        num_hidden_layers=count(weights, r'encoder\.layer'),
        num_attention_heads=width // HEAD_WIDTH,
        intermediate_size=len(weights['encoder.layer.0.intermediate.dense.bias']),
        max_position_embeddings=len(weights['embeddings.position_embeddings.weight']),
    )


def _reason(error: Exception) -> str:
    """Shorten what PyTorch says, which lists every missing weight."""
    return ' '.join(str(error).split())[:300]
