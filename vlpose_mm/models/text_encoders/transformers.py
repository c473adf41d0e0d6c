"""Token states of a frozen language model (method, part 1)."""

from collections.abc import Callable, Sequence

import torch
from mmpose.registry import MODELS
from torch import Tensor, nn

from vlpose_mm.models.text_encoders.base import Prompt, TextEncoder, TextFeatures, Word
from vlpose_mm.models.text_encoders.loading import load_text_model


@MODELS.register_module()
class TransformersTextEncoder(TextEncoder):
    """The text side of any model of the ``transformers`` library, frozen.

    BLIP (the paper's default), CLIP, SigLIP, BERT (ALBEF's text side), T5's encoder, and
    others. The language model is not a submodule: it is neither trained nor saved, and
    copies of the estimator share it. It moves and changes its dtype with the estimator, and
    runs in eval mode outside of autocast, so that what is cached is always the same.

    With ``context_tokens`` the text gets learnable context tokens in front, as in
    `CoOp <https://arxiv.org/abs/2109.01134>`_ (section 3.2, unified context): the
    parameter ``context``, N x W, trained through the frozen model. Where gradients to it
    are needed, nothing is cached.

    Args:
        pretrained (str): Hub name or local folder, such as
            ``'Salesforce/blip-itm-base-coco'``. Of a vision-language model only the text
            side is kept, of an encoder-decoder only the encoder.
        max_length (int): Most tokens read of a text, special ones included. The model's
            own limit holds as well. Longer texts are cut and keep their special tokens.
        tokens (str): ``'all'``: the last hidden states of all tokens; ``'pooled'``: one
            token, the contrastive embedding of CLIP (projected) or SigLIP.
        combine (str): See :class:`TextEncoder`.
        context_tokens (int): Number of learnable context tokens N.

    Raises:
        OSError: If the model or its tokenizer is neither reachable nor cached.
        ValueError: If the model has no text side or lacks weights of it, it has no pooled
            embedding, ``tokens`` or ``combine`` is unknown, or the lengths leave no room
            for words.
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
        self.register_parameter('context', None)
        if context_tokens:
            words = torch.empty(context_tokens, model.word_embedding.embedding_dim)
            self.context = nn.Parameter(nn.init.normal_(words, std=0.02))  # N, W

    @property
    def learns(self) -> bool:
        """bool: Whether gradients to the context are needed."""
        context = self.context
        return context is not None and context.requires_grad and torch.is_grad_enabled()

    def forward(
        self, prompts: Sequence[Prompt], device: torch.device | str = 'cpu'
    ) -> TextFeatures:
        """Encode the text prompts of a batch; see :meth:`TextEncoder.forward`."""
        if self.context is not None and not self.learns:
            made_with = self._context_cache
            # Compared, as many things change it: optimizers, loading, averaged weights.
            if made_with is None or not torch.equal(made_with, self.context):
                self._cache.clear()
                self._context_cache = self.context.detach().clone()
        return super().forward(prompts, device)

    def encode(self, texts: list[str]) -> list[Tensor]:
        """Encode distinct texts; see :meth:`TextEncoder.encode`."""
        ids = [self._model.tokenize(text, self._max_length) for text in texts]
        return self._model.encode(ids, self.context)

    def unread(self, text: str) -> str:
        """Return the end of a text that is cut; see :meth:`TextEncoder.unread`."""
        return self._model.cut(text, self._max_length)[1]

    def split(self, text: str) -> list[Word]:
        """Assign tokens to words by the tokenizer; see :meth:`TextEncoder.split`."""
        context = 0 if self.context is None else len(self.context)
        return self._model.split(text, self._max_length, context)

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> nn.Module:
        """Move or convert the language model as well."""
        self._model = self._model.converted(fn)
        self._context_cache = None
        return super()._apply(fn, recurse)
