"""Encoded text prompts as files hold them."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

if TYPE_CHECKING:
    from vlpose_mm.models.text_encoders.base import TextEncoder

REMEDY = 'write it again with python -m vlpose_mm.tools.precompute_text_features'


@torch.no_grad()
def encode_text_prompts(encoder: 'TextEncoder', text_prompts: Sequence[str]) -> dict:
    """Encode text prompts to what :class:`PrecomputedTextEncoder` reads.

    Returns:
        dict: ``text_prompts`` (list[str]), ``last_hidden_state`` (list[Tensor]), L x D
        each, and ``words`` (list[list]), each :class:`Word` as a list.

    Raises:
        ValueError: If there are no text prompts or one of them is blank.
    """
    text_prompts = list(dict.fromkeys(text_prompts))
    feats = encoder(text_prompts)
    states = zip(feats.last_hidden_state, feats.attention_mask, strict=True)
    return dict(
        text_prompts=text_prompts,
        last_hidden_state=[state[mask].clone() for state, mask in states],
        words=[[[*word] for word in encoder.words(each)] for each in text_prompts],
    )


def read_text_features(content: Mapping, path: str) -> dict[str, Tensor]:
    """Read the token states that :func:`encode_text_prompts` returned.

    Args:
        content (Mapping): The content of a file.
        path (str): The file, for errors.

    Returns:
        dict[str, Tensor]: Token states L x D by text prompt, at least one.

    Raises:
        ValueError: If it is something else.
    """
    try:
        features = dict(
            zip(content['text_prompts'], content['last_hidden_state'], strict=True)
        )
        (_,) = {states.shape[1] for states in features.values()}
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        raise ValueError(
            f'{path} holds no text features ({type(error).__name__}: {error}); {REMEDY}.'
        ) from error
    return features


def read_tuned_with(checkpoint: Mapping) -> list[str]:
    """Return the text prompts that an adapter checkpoint was tuned with.

    Older ones do not tell them from others that they hold features of.
    """
    features = checkpoint.get('text_features') or {}
    return list(features.get('tuned_with') or features.get('text_prompts') or [])


def read_words(content: Mapping, path: str) -> dict[str, list[list]]:
    """Read the words that :func:`encode_text_prompts` returned.

    Returns:
        dict[str, list[list]]: By text prompt, the fields of each :class:`Word`: text,
        number of tokens, and whether it is special; empty if the file has none.

    Raises:
        ValueError: If they are something else.
    """
    if 'words' not in content:
        return {}
    try:
        words = dict(zip(content['text_prompts'], content['words'], strict=True))
        for fields in (fields for each in words.values() for fields in each):
            if [*map(type, fields)] != [str, int, bool] or fields[1] < 1:
                raise ValueError(f'{fields} is not a text, number of tokens and bool')
    except (TypeError, ValueError) as error:
        raise ValueError(
            f'{path} holds no words of its text prompts ({type(error).__name__}: {error}); '
            f'{REMEDY}.'
        ) from error
    return words
