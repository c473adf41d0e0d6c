"""Token states of a frozen language model (method, part 1)."""

from collections.abc import Callable, Sequence

import torch
from mmpose.registry import MODELS
from torch import Tensor, nn

from vlpose_mm.models.text_encoders.base import (
    Prompt,
    TextEncoder,
    TextFeatures,
    Word,
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
