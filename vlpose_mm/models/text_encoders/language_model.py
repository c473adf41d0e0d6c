"""A frozen language model: token ids in, states out."""

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
# The most text prompts that run through a model together.
BATCH = 128
# Of how many text prompts that are too long there is a warning.
WARNINGS = 10


class TextModel:
    """A frozen language model in eval mode, and its tokenizer.

    It is no ``nn.Module``, so that the estimator which holds it neither trains nor saves
    it. It never changes either, so that copies of the estimator share it;
    :meth:`converted` makes another one.

    SigLIP is run as it was trained, on text prompts padded to its full length and without an
    attention mask.

    Args:
        tokenizer (PreTrainedTokenizerBase): The tokenizer.
        model (nn.Module): A model whose output has ``last_hidden_state``.
        pooled (bool): Whether to return the pooled embedding instead of token states.
        projection (nn.Module): What the pooled embedding goes through.
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
        self._warned: set[str] = set()
        # T5 has no table of positions.
        self._positions = getattr(model.config, 'max_position_embeddings', math.inf)
        #: The most tokens that the model reads.
        self.max_length = min(self._positions, tokenizer.model_max_length)

    @property
    def embed_dims(self) -> int:
        """int: Width of the states."""
        model, projection = self._nets['model'], self._nets['proj']
        if not self.pooled:
            return model.config.hidden_size
        return (model.head if self._is_padded else projection).out_features

    @property
    def word_embedding(self) -> nn.Embedding:
        """nn.Embedding: The table of the words."""
        model = self._nets['model']
        # Before transformers 5 the text sides of CLIP and SigLIP are plain modules.
        if not hasattr(model, 'get_input_embeddings'):
            return model.embeddings.token_embedding
        return model.get_input_embeddings()

    def converted(self, fn: Callable[[Tensor], Tensor]) -> 'TextModel':
        """Make a copy whose weights went through a function, such as a move.

        Args:
            fn (Callable): Takes and returns a tensor. What it returns as it was is shared
                with this model.

        Returns:
            TextModel: The copy.
        """
        weights = {id(p): p for p in self._nets.parameters()}
        memo = {k: nn.Parameter(fn(p.data), False) for k, p in weights.items()}
        memo |= {id(b): fn(b) for b in self._nets.buffers()}
        other = copy.copy(self)
        # Copies the modules around the tensors, and takes the tensors from the memo.
        other._nets = copy.deepcopy(self._nets, memo)
        return other

    def __deepcopy__(self, memo: dict) -> 'TextModel':
        """Share the model, as nothing ever changes it."""
        return self

    def tokenize(self, text_prompt: str, max_length: int) -> list[int]:
        """Turn a text prompt into token ids, with the tokenizer's special tokens.

        Args:
            text_prompt (str): The text prompt.
            max_length (int): Most tokens read of it; one that is longer is cut, but
                keeps its special tokens, and of the first ones there is a warning.

        Returns:
            list[int]: At least one id.
        """
        ids = self.tokenizer(text_prompt, verbose=False)['input_ids']
        if len(ids) <= max_length:
            return ids
        # So often, as descriptions are as many as images.
        if text_prompt not in self._warned and len(self._warned) < WARNINGS:
            self._warned.add(text_prompt)
            read, unread = self.cut(text_prompt, max_length)
            last = '' if len(self._warned) < WARNINGS else ' Others are cut in silence.'
            print_log(
                f'Only the first {max_length} of {len(ids)} tokens are read: {read!r}, and '
                f'not {unread!r}. Raise max_length to read more, if it is below the '
                f"model's own limit of {self.max_length}.{last}",
                logger='current',
                level=logging.WARNING,
            )
        cut = self.tokenizer(text_prompt, truncation=True, max_length=max_length)
        return cut['input_ids']

    def cut(self, text_prompt: str, max_length: int) -> tuple[str, str]:
        """Tell how much of a text prompt is read.

        Args:
            text_prompt (str): The text prompt.
            max_length (int): See :meth:`tokenize`.

        Returns:
            tuple[str, str]: The words that are read whole, and the others.
        """
        words = text_prompt.split()

        def is_too_long(count: int) -> bool:
            ids = self.tokenizer(' '.join(words[:count]), verbose=False)['input_ids']
            return len(ids) > max_length

        # Words, for not every tokenizer tells which characters a token is made from.
        read = bisect_left(range(1, len(words) + 1), True, key=is_too_long)
        return ' '.join(words[:read]), ' '.join(words[read:])

    def split(self, text_prompt: str, max_length: int, context: int = 0) -> list[Word]:
        """Tell what the token states of a text prompt stand for.

        Args:
            text_prompt (str): The text prompt.
            max_length (int): See :meth:`tokenize`.
            context (int): How many word embeddings are put in front of the text prompt, see
                :meth:`encode`.

        Returns:
            list[Word]: As many tokens as states; the text prompt for the pooled embedding.
        """
        if self.pooled:
            return [Word(text_prompt, 1)]
        words = split_words(self.tokenizer, text_prompt, max_length)
        if context:
            start = self._start(self.tokenize(text_prompt, max_length))
            words.insert(start, Word('[context]', context, special=True))
        return words

    def encode(
        self, text_prompts: Sequence[list[int]], context: Tensor | None = None
    ) -> list[Tensor]:
        """Encode text prompts, those of the same length together.

        Args:
            text_prompts (Sequence[list[int]]): Token ids of each.
            context (Tensor, optional): Word embeddings put in front of every text prompt,
                N x W, after the first special token if the tokenizer has one there.

        Returns:
            list[Tensor]: Token states, (N + L) x D each, or the pooled embedding, 1 x D.
        """
        if context is not None:
            text_prompts = [self._with_room(ids, len(context)) for ids in text_prompts]
        groups = defaultdict(list)
        for row, ids in enumerate(text_prompts):
            groups[self._positions if self._is_padded else len(ids)].append(row)
        states = {}
        for length, rows in groups.items():
            for part in (rows[i : i + BATCH] for i in range(0, len(rows), BATCH)):
                batch = [text_prompts[row] for row in part]
                states |= zip(part, self._run(batch, length, context), strict=True)
        return [states[row] for row in range(len(text_prompts))]

    def _run(
        self, text_prompts: list[list[int]], length: int, context: Tensor | None
    ) -> list[Tensor]:
        """Run the model on text prompts of one length, or padded to it."""
        pad = self.tokenizer.pad_token_id
        device = self.word_embedding.weight.device
        padded = [ids + [pad] * (length - len(ids)) for ids in text_prompts]
        ids = torch.tensor(padded, device=device)  # U, L
        mask = {} if self._is_padded else dict(attention_mask=torch.ones_like(ids))
        with (
            self._filled(context, text_prompts[0]),
            torch.autocast(device.type, enabled=False),
        ):
            output = self._nets['model'](input_ids=ids, **mask)
            if self.pooled:
                return list(self._nets['proj'](output.pooler_output)[:, None])  # 1, D
        states = output.last_hidden_state  # U, L, D
        return [s[: len(ids)] for s, ids in zip(states, text_prompts, strict=True)]

    def _start(self, ids: list[int]) -> int:
        """Where words start."""
        first = (self.tokenizer.bos_token_id, self.tokenizer.cls_token_id)
        return int(ids[0] in first)

    def _with_room(self, ids: list[int], count: int) -> list[int]:
        """Insert ids of any ordinary token where the context goes."""
        pad = self._nets['model'].config.pad_token_id
        special = {*self.tokenizer.all_special_ids, pad}
        # CLIP pools at the largest id or at the end-of-text token, and RoBERTa counts
        # positions by the padding id: a low ordinary id changes neither.
        word = next(i for i in range(len(special) + 1) if i not in special)
        start = self._start(ids)
        return [*ids[:start], *[word] * count, *ids[start:]]

    @contextmanager
    def _filled(self, context: Tensor | None, ids: list[int]) -> Iterator[None]:
        """Put the context in place of the word embeddings inside a ``with`` block."""
        if context is None:
            yield
            return
        start = self._start(ids)
        end = start + len(context)

        def fill(module: nn.Module, args: tuple, words: Tensor) -> Tensor:
            rows = context.expand(len(words), -1, -1)  # U, N, W
            return torch.cat([words[:, :start], rows, words[:, end:]], 1)  # U, N+L, W

        hook = self.word_embedding.register_forward_hook(fill)
        try:
            yield
        finally:
            hook.remove()
