"""Encoded text prompts as files hold them."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from vlpose_mm.models.text_encoders.base import TextEncoder, Word


@torch.no_grad()
def text_features(encoder: TextEncoder, text_prompts: Sequence[str]) -> dict:
    """Encode text prompts in the form that :class:`PrecomputedTextEncoder` reads.

    Args:
        encoder (TextEncoder): The encoder to ask.
        text_prompts (Sequence[str]): The text prompts; duplicates count once.

    Returns:
        dict: ``text_prompts`` (list[str]), ``tokens`` (list[Tensor]), L x D each, and
        ``words`` (list[list]), a :class:`Word` as a list for each.

    Raises:
        ValueError: If there are no text prompts or one of them is blank.
    """
    text_prompts = list(dict.fromkeys(text_prompts))
    features = encoder(text_prompts)
    tokens = [
        t[m].clone()
        for t, m in zip(features.last_hidden_state, features.attention_mask, strict=True)
    ]
    words = [
        [[*word] for word in encoder.words(text_prompt)] for text_prompt in text_prompts
    ]
    return dict(text_prompts=text_prompts, tokens=tokens, words=words)


def text_prompts_of(features: Mapping, path: str) -> dict[str, Tensor]:
    """Read what :func:`text_features` gave.

    Args:
        features (Mapping): See there.
        path (str): The file that holds it, for errors.

    Returns:
        dict[str, Tensor]: Token states L x D by text prompt, at least one.

    Raises:
        ValueError: If it is something else.
    """
    try:
        text_prompts = dict(zip(features['text_prompts'], features['tokens'], strict=True))
        (_,) = {tokens.shape[1] for tokens in text_prompts.values()}
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        raise ValueError(
            f'{path} holds no text features ({type(error).__name__}: {error}); write it '
            'again with python -m vlpose_mm.tools.precompute_text_features.'
        ) from error
    return text_prompts


def words_of(features: Mapping, path: str) -> dict[str, list[Word]]:
    """Read the words that :func:`text_features` gave.

    Args:
        features (Mapping): See there; files of former versions have no words.
        path (str): The file that holds it, for errors.

    Returns:
        dict[str, list[Word]]: Words by text prompt, for the text prompts that have some.

    Raises:
        ValueError: If they are something else.
    """
    if 'words' not in features:
        return {}
    try:
        by_text_prompt = zip(features['text_prompts'], features['words'], strict=True)
        return {s: [_checked(Word(*word)) for word in words] for s, words in by_text_prompt}
    except (TypeError, ValueError) as error:
        raise ValueError(
            f'{path} holds no words of its text prompts ({type(error).__name__}: {error}); '
            'write it again with python -m vlpose_mm.tools.precompute_text_features.'
        ) from error


def _checked(word: Word) -> Word:
    """Give a word back if its parts are of the right kinds."""
    kinds = [type(part) for part in word]
    if kinds != [str, int, bool] or word.num_tokens < 1:
        raise ValueError(f'{list(word)} is no text, number of tokens and yes or no')
    return word
