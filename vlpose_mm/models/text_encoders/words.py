"""Assign the tokens of a text to its words."""

import re
from collections.abc import Iterator
from itertools import groupby
from typing import TYPE_CHECKING

from vlpose_mm.models.text_encoders.base import Word

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

# "kid's" and "ukiyo-e" are words; punctuation is separate.
WORD = re.compile(r"\w+(?:['’-]\w+)*|[^\w\s]")
# How SentencePiece writes the blank before a word.
BLANK = '▁'


def split_words(
    tokenizer: 'PreTrainedTokenizerBase', text: str, max_length: int
) -> list[Word]:
    """Assign the tokens of a text, cut to ``max_length``, to words and special tokens.

    Fast tokenizers know the characters of a token. With slow ones, a word starts at each
    piece with a blank.
    """
    batch = tokenizer(
        text,
        truncation=True,
        max_length=max_length,
        return_special_tokens_mask=True,
        return_offsets_mapping=tokenizer.is_fast,
        verbose=False,
    )
    names = tokenizer.convert_ids_to_tokens(batch['input_ids'])
    special = batch['special_tokens_mask']
    if tokenizer.is_fast:
        labels = list(_from_characters(text, batch['offset_mapping']))
    else:
        pieces = zip(names, special, strict=True)
        labels = _from_blanks(['' if mark else name for name, mark in pieces])
    # Special tokens are labeled one by one, words by position and text.
    for i, mark in enumerate(special):
        labels[i] = (i, names[i], True) if mark else (*labels[i], False)
    groups = groupby(labels)
    return [Word(text, len(list(group)), mark) for (_, text, mark), group in groups]


def _from_characters(
    text: str, offsets: list[tuple[int, int]]
) -> Iterator[tuple[int, str]]:
    """Position and text of each token's word, from the characters of the tokens."""
    spans = [match.span() for match in WORD.finditer(text)]
    for start, end in offsets:
        # Some tokens contain the blank before their word, or only that.
        blanks = len(text[start:end]) - len(text[start:end].lstrip())
        first = start + blanks
        place, stop = next((span for span in spans if first < span[1]), (first, end))
        yield place, text[place:stop]


def _from_blanks(names: list[str]) -> list[tuple[int, str]]:
    """The same from the pieces themselves."""
    starts = [i for i, name in enumerate(names) if i == 0 or name.startswith(BLANK)]
    if len(starts) == 1:
        return list(enumerate(names))
    labels = []
    for start, end in zip(starts, [*starts[1:], len(names)], strict=True):
        text = ''.join(names[start:end]).replace(BLANK, '')
        labels += [(start, text)] * (end - start)
    return labels
