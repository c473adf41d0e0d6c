"""Encoded sentences as files hold them."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from vlpose_mm.models.text_features import TextEncoder, Word


@torch.no_grad()
def text_features(encoder: TextEncoder, sentences: Sequence[str]) -> dict:
    """Encode sentences in the form that :class:`PrecomputedTextEncoder` reads.

    Args:
        encoder (TextEncoder): The encoder to ask.
        sentences (Sequence[str]): The sentences; duplicates count once.

    Returns:
        dict: ``sentences`` (list[str]), ``tokens`` (list[Tensor]), L x D each, and
        ``words`` (list[list]), a :class:`Word` as a list for each.

    Raises:
        ValueError: If there are no sentences or one of them is blank.
    """
    sentences = list(dict.fromkeys(sentences))
    features = encoder(sentences)
    tokens = [t[m].clone() for t, m in zip(features.tokens, features.mask, strict=True)]
    words = [[[*word] for word in encoder.words(sentence)] for sentence in sentences]
    return dict(sentences=sentences, tokens=tokens, words=words)


def sentences_of(features: Mapping, path: str) -> dict[str, Tensor]:
    """Read what :func:`text_features` gave.

    Args:
        features (Mapping): See there.
        path (str): The file that holds it, for errors.

    Returns:
        dict[str, Tensor]: Token states L x D by sentence, at least one.

    Raises:
        ValueError: If it is something else.
    """
    try:
        sentences = dict(zip(features['sentences'], features['tokens'], strict=True))
        (_,) = {tokens.shape[1] for tokens in sentences.values()}
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        raise ValueError(
            f'{path} holds no text features ({type(error).__name__}: {error}); write it '
            'anew with python -m vlpose_mm.tools.precompute_text.'
        ) from error
    return sentences


def words_of(features: Mapping, path: str) -> dict[str, list[Word]]:
    """Read the words that :func:`text_features` gave.

    Args:
        features (Mapping): See there; files of former versions have no words.
        path (str): The file that holds it, for errors.

    Returns:
        dict[str, list[Word]]: Words by sentence, for the sentences that have some.

    Raises:
        ValueError: If they are something else.
    """
    if 'words' not in features:
        return {}
    try:
        by_sentence = zip(features['sentences'], features['words'], strict=True)
        return {s: [_checked(Word(*word)) for word in words] for s, words in by_sentence}
    except (TypeError, ValueError) as error:
        raise ValueError(
            f'{path} holds no words of its sentences ({type(error).__name__}: {error}); '
            'write it anew with python -m vlpose_mm.tools.precompute_text.'
        ) from error


def _checked(word: Word) -> Word:
    """Give a word back if its parts are of the right kinds."""
    kinds = [type(part) for part in word]
    if kinds != [str, int, bool] or word.num_tokens < 1:
        raise ValueError(f'{list(word)} is no text, number of tokens and yes or no')
    return word
