"""A frozen language model: token ids in, token states out."""

import copy
import logging
import math
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import torch
from mmengine.logging import print_log
from torch import Tensor, nn

from vlpose_mm.models.text_encoders.base import Word
from vlpose_mm.models.text_encoders.words import split_words

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

SIGLIP = ('siglip_text_model', 'siglip2_text_model')
# The most texts in a batch of the language model.
BATCH = 128
# The most warnings of texts that are too long.
WARNINGS = 10


class TextModel:
    """A frozen language model in eval mode, and its tokenizer.

    It is not an ``nn.Module``, so that the estimator neither trains nor saves it. It never
    changes, so that copies of the estimator share it; :meth:`converted` makes another.

    SigLIP runs as it was trained: on texts padded to full length, without attention mask.

    Args:
        tokenizer (PreTrainedTokenizerBase): The tokenizer.
        model (nn.Module): A model whose output has ``last_hidden_state``.
        pooled (bool): Whether to return the pooled embedding instead of token states.
        projection (nn.Module, optional): The projection of the pooled embedding.
    """

    def __init__(
        self,
        tokenizer: 'PreTrainedTokenizerBase',
        model: nn.Module,
        pooled: bool = False,
        projection: nn.Module | None = None,
    ) -> None:
        self.tokenizer = tokenizer
        self.pooled = pooled
        self._nets = nn.ModuleDict(dict(model=model, proj=projection or nn.Identity()))
        self._nets.float().eval().requires_grad_(False)
        self._is_padded = model.config.model_type in SIGLIP
        #: Width of the states.
        self.embed_dims = model.config.hidden_size
        if pooled:
            self.embed_dims = (model.head if self._is_padded else projection).out_features
        self._warned: set[str] = set()
        # T5 has no table of positions.
        self._positions = getattr(model.config, 'max_position_embeddings', math.inf)
        #: The most tokens that the model reads.
        self.max_length = min(self._positions, tokenizer.model_max_length)

    @property
    def word_embedding(self) -> nn.Embedding:
        """nn.Embedding: The embeddings of the token ids."""
        model = self._nets['model']
        # Before transformers 5 the text sides of CLIP and SigLIP are plain modules.
        if not hasattr(model, 'get_input_embeddings'):
            return model.embeddings.token_embedding
        return model.get_input_embeddings()

    def converted(self, fn: Callable[[Tensor], Tensor]) -> 'TextModel':
        """Copy, with a function applied to the weights; unchanged tensors are shared."""
        weights = {id(p): p for p in self._nets.parameters()}
        memo = {k: nn.Parameter(fn(p.data), False) for k, p in weights.items()}
        memo |= {id(b): fn(b) for b in self._nets.buffers()}
        other = copy.copy(self)
        # Copies the modules around the tensors, and takes the tensors from the memo.
        other._nets = copy.deepcopy(self._nets, memo)
        return other

    def __deepcopy__(self, memo: dict) -> 'TextModel':
        """Share the model, as it never changes."""
        return self

    def tokenize(self, text: str, max_length: int) -> list[int]:
        """Return the token ids of a text; a longer one is cut, with a warning.

        It keeps its special tokens.
        """
        ids = self.tokenizer(text, verbose=False)['input_ids']
        if len(ids) <= max_length:
            return ids
        # Limited, as there may be a description per image.
        if text not in self._warned and len(self._warned) < WARNINGS:
            self._warned.add(text)
            read, unread = self.cut(text, max_length)
            last = '' if len(self._warned) < WARNINGS else ' Others are cut in silence.'
            print_log(
                f'Only the first {max_length} of {len(ids)} tokens are read: {read!r}, and '
                f'not {unread!r}. Raise max_length to read more, if it is below the '
                f"model's own limit of {self.max_length}.{last}",
                logger='current',
                level=logging.WARNING,
            )
        return self.tokenizer(text, truncation=True, max_length=max_length)['input_ids']

    def cut(self, text: str, max_length: int) -> tuple[str, str]:
        """Split a text into the words that are read whole, and the others."""
        words = text.split()

        def is_too_long(count: int) -> bool:
            ids = self.tokenizer(' '.join(words[:count]), verbose=False)['input_ids']
            return len(ids) > max_length

        # By words, as not every tokenizer knows the characters of its tokens.
        read = bisect_left(range(1, len(words) + 1), True, key=is_too_long)
        return ' '.join(words[:read]), ' '.join(words[read:])

    def split(self, text: str, max_length: int, context: int = 0) -> list[Word]:
        """Assign the token states of a text and its context to words."""
        if self.pooled:
            return [Word(text, 1)]
        words = split_words(self.tokenizer, text, max_length)
        if context:
            start = self._start(self.tokenize(text, max_length))
            words.insert(start, Word('[context]', context, special=True))
        return words

    def encode(
        self, texts: Sequence[list[int]], context: Tensor | None = None
    ) -> list[Tensor]:
        """Encode texts, those of the same length in batches.

        Args:
            texts (Sequence[list[int]]): Token ids of each.
            context (Tensor, optional): Embeddings inserted before each text, N x W, after
                the first special token if the tokenizer has one there.

        Returns:
            list[Tensor]: Token states, (N + L) x D each, or the pooled embedding, 1 x D.
        """
        if context is not None:
            texts = [self._with_room(ids, len(context)) for ids in texts]
        groups = defaultdict(list)
        for row, ids in enumerate(texts):
            groups[self._positions if self._is_padded else len(ids)].append(row)
        states = {}
        for length, rows in groups.items():
            for start in range(0, len(rows), BATCH):
                part = rows[start : start + BATCH]
                ran = self._run([texts[row] for row in part], length, context)
                states |= zip(part, ran, strict=True)
        return [states[row] for row in range(len(texts))]

    def _run(
        self, texts: list[list[int]], length: int, context: Tensor | None
    ) -> list[Tensor]:
        """Run the model on texts of one length, or padded to it."""
        pad = self.tokenizer.pad_token_id
        device = self.word_embedding.weight.device
        padded = [ids + [pad] * (length - len(ids)) for ids in texts]
        ids = torch.tensor(padded, device=device)  # U, L
        mask = {} if self._is_padded else dict(attention_mask=torch.ones_like(ids))
        with self._filled(context, texts[0]), torch.autocast(device.type, enabled=False):
            output = self._nets['model'](input_ids=ids, **mask)
            if self.pooled:
                return list(self._nets['proj'](output.pooler_output)[:, None])  # 1, D
        states = output.last_hidden_state  # U, L, D
        return [s[: len(ids)] for s, ids in zip(states, texts, strict=True)]

    def _start(self, ids: list[int]) -> int:
        """Index of the first token that is not special."""
        first = (self.tokenizer.bos_token_id, self.tokenizer.cls_token_id)
        return int(ids[0] in first)

    def _with_room(self, ids: list[int], count: int) -> list[int]:
        """Insert placeholder ids for the context."""
        pad = self._nets['model'].config.pad_token_id
        special = {*self.tokenizer.all_special_ids, pad}
        # A low ordinary id changes neither where CLIP pools (the largest id, or the end of
        # text) nor how RoBERTa counts positions (by the padding id).
        word = next(i for i in range(len(special) + 1) if i not in special)
        start = self._start(ids)
        return [*ids[:start], *[word] * count, *ids[start:]]

    @contextmanager
    def _filled(self, context: Tensor | None, ids: list[int]) -> Iterator[None]:
        """Replace the embeddings of the placeholders by the context."""
        if context is None:
            yield
            return
        start = self._start(ids)
        end = start + len(context)

        def fill(module: nn.Module, args: tuple, embeddings: Tensor) -> Tensor:
            rows = context.expand(len(embeddings), -1, -1)  # U, N, W
            # U, N+L, W
            return torch.cat([embeddings[:, :start], rows, embeddings[:, end:]], dim=1)

        hook = self.word_embedding.register_forward_hook(fill)
        try:
            yield
        finally:
            hook.remove()
