"""Text prompts in, token states out, by a frozen language model (method, part 1)."""

import hashlib
import os
from collections.abc import Callable, Sequence

import torch
from mmpose.registry import MODELS
from torch import Tensor, nn

from vlpose_mm.checkpoint.io import read_file
from vlpose_mm.checkpoint.text_features import text_prompts_of, words_of
from vlpose_mm.models.text_encoders.base import (
    Prompt,
    TextEncoder,
    TextFeatures,
    Word,
    check_prompts,
    pack,
)
from vlpose_mm.models.text_encoders.loading import load_text_model


@MODELS.register_module()
class TransformersTextEncoder(TextEncoder):
    """The text side of any model of the ``transformers`` library, frozen.

    BLIP (the paper's default), CLIP, SigLIP, BERT and its like (ALBEF's text side), T5's
    encoder. The language model is no submodule: it is neither trained nor saved in
    checkpoints, and copies of the estimator share it. It moves and changes its dtype
    with the estimator. It runs in eval mode and outside of autocast, at its own dtype, so
    that what is cached does not depend on when it was made.

    With ``context_tokens`` the text prompt gets learnable words of context in front of it, as
    in `CoOp <https://arxiv.org/abs/2109.01134>`_ (section 3.2, unified context): the
    parameter ``context``, N x W, trained through the frozen model. Wherever a gradient to
    it is wanted, nothing is cached.

    Args:
        pretrained (str): Hub name or local folder, say
            ``'Salesforce/blip-itm-base-coco'``. Of a vision-language model only the text
            side is kept, of an encoder-decoder only the encoder.
        max_length (int): Most tokens read of a text prompt, special ones included. The
            model's own limit holds as well; a text prompt cut keeps its special tokens.
        tokens (str): ``'all'``: the last hidden states of all tokens; ``'pooled'``: one
            token, the contrastive embedding of CLIP (projected) or SigLIP.
        combine (str): See :class:`TextEncoder`.
        context_tokens (int): How many words of context are learnt; 0 for none.

    Raises:
        OSError: If the hub is unreachable and nothing is cached, or the folder holds no
            model and tokenizer.
        ValueError: If the model has no text side, the checkpoint lacks weights of it, the
            model has no pooled embedding, ``tokens`` or ``combine`` is unknown, or the
            lengths leave no room for words.
    """

    def __init__(
        self,
        pretrained: str,
        max_length: int = 64,
        tokens: str = 'all',
        combine: str = 'concat',
        context_tokens: int = 0,
    ) -> None:
        if context_tokens < 0:
            raise ValueError(f'context_tokens must be at least 0, got {context_tokens}.')
        model = load_text_model(pretrained, tokens)
        room = min(max_length, model.max_length - context_tokens)
        special = model.tokenizer.num_special_tokens_to_add()
        if room <= special:
            raise ValueError(
                f'max_length={max_length} and context_tokens={context_tokens} leave no '
                f'room for words: {special} tokens are special, and {pretrained!r} reads '
                f'{model.max_length} at most.'
            )
        super().__init__(model.embed_dims, combine)
        self._model = model
        self._max_length = room
        self._context_cache: Tensor | None = None
        context = None
        if context_tokens:
            words = torch.empty(context_tokens, model.word_embedding.embedding_dim)
            context = nn.Parameter(nn.init.normal_(words, std=0.02))  # N, W
        self.register_parameter('context', context)

    @property
    def learns(self) -> bool:
        """bool: Whether a gradient to the context is wanted."""
        context = self.context
        return context is not None and context.requires_grad and torch.is_grad_enabled()

    def forward(
        self, prompts: Sequence[Prompt], device: torch.device | str = 'cpu'
    ) -> TextFeatures:
        """Encode the prompts of a batch; see :meth:`TextEncoder.forward`."""
        if self.context is not None and not self.learns:
            made_with = self._context_cache
            # Compared, as a context changes in many ways: by a step of the optimizer,
            # loading, or the swap of averaged weights.
            if made_with is None or not torch.equal(made_with, self.context):
                self._cache.clear()
                self._context_cache = self.context.detach().clone()
        return super().forward(prompts, device)

    def encode(self, text_prompts: list[str]) -> list[Tensor]:
        """Encode distinct text prompts; see :meth:`TextEncoder.encode`."""
        ids = [self._model.tokenize(s, self._max_length) for s in text_prompts]
        return self._model.encode(ids, self.context)

    def unread(self, text_prompt: str) -> str:
        """Ask the tokenizer; see :meth:`TextEncoder.unread`."""
        return self._model.cut(text_prompt, self._max_length)[1]

    def split(self, text_prompt: str) -> list[Word]:
        """Ask the tokenizer; see :meth:`TextEncoder.split`."""
        context = 0 if self.context is None else len(self.context)
        return self._model.split(text_prompt, self._max_length, context)

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> nn.Module:
        """Move or convert the language model as well."""
        self._model = self._model.converted(fn)
        self._context_cache = None
        return super()._apply(fn, recurse)


@MODELS.register_module()
class PrecomputedTextEncoder(TextEncoder):
    """Token states read from a file; needs no ``transformers``.

    ``python -m vlpose_mm.tools.precompute_text_features`` writes such a file; an adapter
    checkpoint is one as well.

    Args:
        path (str): The file.
        combine (str): See :class:`TextEncoder`.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the file holds something else, or ``combine`` is unknown.
    """

    def __init__(self, path: str, combine: str = 'concat') -> None:
        if not os.path.isfile(path):
            raise FileNotFoundError(
                f'No file of text features at {path}; write one with '
                f'python -m vlpose_mm.tools.precompute_text_features {path}.'
            )
        table = read_file(path)
        table = table.get('text_features') or table
        features = text_prompts_of(table, path)
        super().__init__(next(iter(features.values())).shape[1], combine)
        self.path = path
        self._features = features
        self._words = words_of(table, path)

    @property
    def features(self) -> dict[str, Tensor]:
        """dict[str, Tensor]: Token states by text prompt, L x D each."""
        return self._features

    @property
    def words_by_text_prompt(self) -> dict[str, list[Word]]:
        """dict[str, list[Word]]: Words of the text prompts that have some."""
        return self._words

    def replace(
        self, features: dict[str, Tensor], words: dict[str, list[Word]] | None = None
    ) -> None:
        """Read other text prompts instead.

        Args:
            features (dict[str, Tensor]): Token states by text prompt, L x D each.
            words (dict[str, list[Word]], optional): Words of those that have some.
        """
        self._features, self._words = features, words or {}
        self._cache.clear()

    @property
    def known(self) -> list[str]:
        """list[str]: The text prompts that there are token states of."""
        return list(self._features)

    def knows(self, text_prompt: str) -> bool:
        """Whether there are token states of a text prompt."""
        return text_prompt in self._features

    def encode(self, text_prompts: list[str]) -> list[Tensor]:
        """Look up distinct text prompts; see :meth:`TextEncoder.encode`.

        Raises:
            ValueError: If the file does not hold one.
        """
        for text_prompt in text_prompts:
            if text_prompt not in self._features:
                known = list(self._features)
                more = f' and {len(known) - 20} more' if len(known) > 20 else ''
                raise ValueError(
                    f'{self.path} holds no features of {text_prompt!r}, only of {known[:20]}'
                    f'{more}; write it again with python -m '
                    'vlpose_mm.tools.precompute_text_features --text-prompts FILE, or --file and '
                    '--per-keypoint as AssignTextPrompt has them.'
                )
        return [self._features[text_prompt] for text_prompt in text_prompts]

    def split(self, text_prompt: str) -> list[Word]:
        """Look the words up; see :meth:`TextEncoder.split`."""
        numbered = super().split(text_prompt)
        words = self._words.get(text_prompt, [])
        # The words in a file need not be those of its features.
        fits = sum(word.num_tokens for word in words) == len(numbered)
        return words if fits else numbered


@MODELS.register_module()
class RandomTextEncoder(TextEncoder):
    """Random token states: the paper's controls of what the words are worth.

    Args:
        embed_dims (int): Width D of the token states, at least 1.
        num_tokens (int): Tokens of each text prompt, at least 1.
        fresh (bool): ``False``: a text prompt has states of its own, the same in every run
            and on every machine; ``True``: the states are drawn again, from torch's
            generator, for every sample and call.
        combine (str): See :class:`TextEncoder`.

    Raises:
        ValueError: If a number is below 1, or ``combine`` is unknown.
    """

    def __init__(
        self,
        embed_dims: int,
        num_tokens: int = 1,
        fresh: bool = False,
        combine: str = 'concat',
    ) -> None:
        super().__init__(embed_dims, combine)
        if min(embed_dims, num_tokens) < 1:
            raise ValueError(
                f'embed_dims and num_tokens must be at least 1, got {embed_dims} and '
                f'{num_tokens}.'
            )
        self.num_tokens = num_tokens
        self.fresh = fresh

    def forward(
        self, prompts: Sequence[Prompt], device: torch.device | str = 'cpu'
    ) -> TextFeatures:
        """Draw or recall states, from N(0, 1); see :meth:`TextEncoder.forward`.

        With ``fresh`` every sample counts as a prompt of its own: U = B.
        """
        if not self.fresh:
            return super().forward(prompts, device)
        size = (self.num_tokens, self.embed_dims)
        tokens = []
        for prompt in check_prompts(prompts):
            drawn = [self._reduced(torch.randn(size)) for _ in prompt]
            tokens.append(self._combined(drawn).to(device, self.dtype))  # L, D
        return pack(tokens, list(range(len(tokens))))

    def encode(self, text_prompts: list[str]) -> list[Tensor]:
        """Draw states seeded by the text prompts; see :meth:`TextEncoder.encode`."""
        states = []
        for text_prompt in text_prompts:
            digest = hashlib.sha256(text_prompt.encode()).digest()
            generator = torch.Generator().manual_seed(int.from_bytes(digest[:4], 'big'))
            size = (self.num_tokens, self.embed_dims)
            states.append(torch.randn(size, generator=generator))  # L, D
        return states
