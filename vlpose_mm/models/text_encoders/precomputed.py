"""Token states read from a file (method, part 1)."""

import os
from collections.abc import Iterable, Mapping, Sequence

from mmpose.registry import MODELS
from torch import Tensor

from vlpose_mm.checkpoint.io import read_file
from vlpose_mm.checkpoint.text_features import read_text_features, read_words
from vlpose_mm.models.text_encoders.base import TextEncoder, Word


@MODELS.register_module()
class PrecomputedTextEncoder(TextEncoder):
    """Token states read from a file, without ``transformers``.

    ``python -m vlpose_mm.tools.precompute_text_features`` writes such a file; adapter
    checkpoints contain the same.

    Args:
        path (str): The file.
        combine (str): See :class:`TextEncoder`.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the file has other content, or ``combine`` is unknown.
    """

    def __init__(self, path: str, combine: str = 'concat') -> None:
        if not os.path.isfile(path):
            raise FileNotFoundError(
                f'No file of text features at {path}; write one with '
                f'python -m vlpose_mm.tools.precompute_text_features {path}.'
            )
        table = read_file(path)
        table = table.get('text_features') or table
        features = read_text_features(table, path)
        super().__init__(next(iter(features.values())).shape[1], combine)
        self.path = path
        self.replace(features, read_words(table, path))

    def replace(
        self,
        features: dict[str, Tensor],
        words: Mapping[str, Iterable[Sequence]] | None = None,
    ) -> None:
        """Read other texts from now on: token states, L x D each, and words, by text."""
        self.features = features
        words = words or {}
        self.words_by_text_prompt = {k: [Word(*w) for w in v] for k, v in words.items()}
        self._cache.clear()

    @property
    def known(self) -> list[str]:
        """list[str]: The texts in the file."""
        return list(self.features)

    def knows(self, text: str) -> bool:
        """Return whether a text is in the file."""
        return text in self.features

    def encode(self, texts: list[str]) -> list[Tensor]:
        """Look distinct texts up; raise ``ValueError`` if one is not in the file."""
        for text in texts:
            if text not in self.features:
                known = self.known
                more = f' and {len(known) - 20} more' if len(known) > 20 else ''
                raise ValueError(
                    f'{self.path} holds no features of {text!r}, only of {known[:20]}'
                    f'{more}; write it again with python -m '
                    'vlpose_mm.tools.precompute_text_features --text-prompts FILE, and '
                    '--per-keypoint if AssignTextPrompt has it.'
                )
        return [self.features[text] for text in texts]

    def split(self, text: str) -> list[Word]:
        """Look the words up; see :meth:`TextEncoder.split`."""
        numbered = super().split(text)
        words = self.words_by_text_prompt.get(text, [])
        # The words in a file need not be those of its features.
        fits = sum(word.num_tokens for word in words) == len(numbered)
        return words if fits else numbered
