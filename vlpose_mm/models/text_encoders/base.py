"""The base of text encoders: text prompts in, distinct token states out."""

from abc import ABCMeta, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence

COMBINES = ('concat', 'mean')

#: A text, several that are read together, or a mixture: how much each text counts.
Prompt = str | Sequence[str] | Mapping[str, float]


class Texts(NamedTuple):
    """The texts of a text prompt.

    Attributes:
        texts (tuple[str, ...]): The texts.
        shares (tuple[float, ...] | None): How much each counts; ``None``: 1.
    """

    texts: tuple[str, ...]
    shares: tuple[float, ...] | None = None


class Word(NamedTuple):
    """Consecutive tokens of a text prompt that belong together.

    Attributes:
        text (str): The word as written, or the name of a special token, such as ``[CLS]``.
        num_tokens (int): How many tokens it has.
        special (bool): Whether it is a special token.
    """

    text: str
    num_tokens: int
    special: bool = False


class TextFeatures(NamedTuple):
    """The distinct text prompts of a batch, encoded.

    Attributes:
        last_hidden_state (Tensor): Token states, U x L x D; zero where padded.
        attention_mask (Tensor): ``True`` at tokens and ``False`` at padding, U x L.
        index (Tensor): The text prompt of each sample, B, in [0, U).
        shares (Tensor | None): How much each token counts, U x L, where a text prompt is a
            mixture; 0 where padded. ``None``: all tokens count 1.
    """

    last_hidden_state: Tensor
    attention_mask: Tensor
    index: Tensor
    shares: Tensor | None = None

    @property
    def padded(self) -> bool:
        """bool: Whether there can be padding, which a single text prompt never has."""
        return len(self.attention_mask) > 1

    @property
    def weights(self) -> Tensor:
        """Tensor: How much each token counts, U x L; 0 where padded."""
        return self.attention_mask if self.shares is None else self.shares

    def of_samples(self, of_prompts: Tensor) -> Tensor:
        """Expand a tensor of text prompts, U x ..., to that of samples, B x ..."""
        if len(of_prompts) == 1:
            return of_prompts.expand(self.index.shape[0], *of_prompts.shape[1:])
        return of_prompts[self.index]


class TextEncoder(nn.Module, metaclass=ABCMeta):
    """Base of text encoders: encodes each distinct text once and caches its states.

    The states of a text do not depend on the others in a batch. They have the dtype that
    the encoder was converted to, float32 at first. Moving or converting it clears the
    cache.

    Args:
        embed_dims (int): Width D of the token states.
        combine (str): How a text prompt of several texts is encoded: ``'concat'``
            concatenates their tokens, ``'mean'`` averages each text over its tokens, then
            the texts. ``'mean'`` makes one token of a single text as well.

    Raises:
        ValueError: If ``combine`` is unknown.
    """

    #: How many texts are cached.
    cache_size = 4096

    def __init__(self, embed_dims: int, combine: str = 'concat') -> None:
        super().__init__()
        if combine not in COMBINES:
            raise ValueError(f'Unknown combine {combine!r}; choose one of {COMBINES}.')
        self.embed_dims = embed_dims
        self.combine = combine
        self.hyperparameters = dict(combine=combine)
        self.dtype = torch.float32
        self._cache: dict[str, Tensor] = {}
        self._last_packed: tuple | None = None

    @property
    def learns(self) -> bool:
        """bool: Whether gradients are needed, so that nothing may be cached."""
        return False

    def adapter_params(self) -> list[str]:
        """List the names of what is learned, such as words of context."""
        return [name for name, _ in self.named_parameters()]

    @property
    def known(self) -> list[str] | None:
        """list[str] | None: The texts that can be encoded; ``None``: any."""
        return None

    def knows(self, text: str) -> bool:
        """Return whether a text can be encoded."""
        return True

    def unread(self, text: str) -> str:
        """Return the end of a text that exceeds the token limit; empty if none does."""
        return ''

    @abstractmethod
    def encode(self, texts: list[str]) -> list[Tensor]:
        """Return the token states of distinct texts, L x D each, on any device."""

    def words(self, prompt: Prompt) -> list[Word]:
        """Assign the tokens of a text prompt, in the order of :meth:`forward`, to words.

        Raises:
            ValueError: If the text prompt is empty or blank.
        """
        ((texts, _),) = check_prompts([prompt])
        if self.combine == 'mean':
            return [Word(' / '.join(texts), 1)]
        return [word for text in texts for word in self.split(text)]

    def split(self, text: str) -> list[Word]:
        """Assign the tokens of a text to words; here each is numbered."""
        (tokens,) = self.encode([text])
        return [Word(f'token {number}', 1) for number in range(1, len(tokens) + 1)]

    def forward(
        self, prompts: Sequence[Prompt], device: torch.device | str = 'cpu'
    ) -> TextFeatures:
        """Encode the text prompts of a batch.

        Args:
            prompts (Sequence[str | Sequence[str] | Mapping[str, float]]): The text prompt
                of each sample: a text, several, or a mixture: texts and their shares.
            device (torch.device | str): Where the features are wanted.

        Returns:
            TextFeatures: Distinct text prompts in order of appearance, and the index.

        Raises:
            ValueError: If there are no text prompts, or one is empty or blank.
        """
        prompts = check_prompts(prompts)
        distinct = list(dict.fromkeys(prompts))
        texts = list(dict.fromkeys(text for prompt in distinct for text in prompt.texts))
        learns = self.learns
        # What is cached must serve training even if it was made in inference mode,
        # which is left first, as leaving it switches gradients on.
        with torch.inference_mode(False), torch.set_grad_enabled(learns):
            states = self._states(texts, torch.device(device), use_cache=not learns)
            packed = self._packed(distinct, states)
            rows = {prompt: row for row, prompt in enumerate(distinct)}
            index = [rows[prompt] for prompt in prompts]
            device = packed.last_hidden_state.device
            return packed._replace(index=_to_device(index, device))

    def _packed(self, distinct: list[Texts], states: dict[str, Tensor]) -> TextFeatures:
        """Pack distinct prompts; the same tensors again let :class:`WeightCache` work."""
        if self._last_packed is not None:
            prompts, used, packed = self._last_packed
            if prompts == distinct and all(states[s] is t for s, t in used.items()):
                return packed
        packed = self._pack(distinct, [[states[s] for s in p.texts] for p in distinct], [])
        learns = packed.last_hidden_state.requires_grad
        self._last_packed = None if learns else (distinct, states, packed)
        return packed

    def _states(
        self, texts: list[str], device: torch.device, use_cache: bool
    ) -> dict[str, Tensor]:
        """Look up or encode distinct texts."""
        # Taken out here and put back below, so that those used last are at the end.
        cached = [s for s in texts if use_cache and s in self._cache]
        states = {s: self._cache.pop(s) for s in cached}
        new = [s for s in texts if s not in states]
        if new:
            # Copies, as a view would keep all of its batch in memory.
            states |= {
                s: self._reduced(t).to(device, self.dtype, copy=use_cache)
                for s, t in zip(new, self.encode(new), strict=True)
            }
        if use_cache:
            self._cache |= states
            for text in list(self._cache)[: -self.cache_size]:
                del self._cache[text]
        return {s: t.to(device) for s, t in states.items()}

    def _reduced(self, tokens: Tensor) -> Tensor:
        """Average a text over its tokens, if wanted."""
        return tokens if self.combine == 'concat' else tokens.mean(0, keepdim=True)

    def _pack(
        self, prompts: list[Texts], states: list[list[Tensor]], index: list[int]
    ) -> TextFeatures:
        """Combine the states of each text prompt's texts, L x D each, and pad them."""
        if self.combine == 'mean':
            rows = [_mean(s, p.shares) for s, p in zip(states, prompts, strict=True)]
            return pack(rows, index)
        packed = pack([torch.cat(own) for own in states], index)
        if all(prompt.shares is None for prompt in prompts):
            return packed
        shares = torch.zeros_like(packed.attention_mask, dtype=torch.float32)  # U, L
        for row, prompt, own in zip(shares, prompts, states, strict=True):
            each = prompt.shares or [1.0] * len(own)
            values = [v for v, s in zip(each, own, strict=True) for _ in range(len(s))]
            row[: len(values)] = row.new_tensor(values)
        return packed._replace(shares=shares)

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> nn.Module:
        """Follow a move or conversion of the estimator."""
        super()._apply(fn, recurse)
        self.dtype = fn(torch.empty(0, dtype=self.dtype)).dtype
        self._cache.clear()
        self._last_packed = None
        return self


def _mean(states: list[Tensor], shares: tuple[float, ...] | None) -> Tensor:
    """Average texts, 1 x D each, by their shares."""
    stacked = torch.stack(states)  # texts, 1, D
    if shares is None:
        return stacked.mean(0)
    weights = stacked.new_tensor(shares)[:, None, None]
    return (stacked * weights).sum(0) / weights.sum()


def check_prompts(prompts: Sequence[Prompt]) -> list[Texts]:
    """Return the texts of each text prompt; refuse empty and blank ones."""
    if not prompts:
        raise ValueError('The list of text prompts is empty; give one per sample.')
    checked = []
    for prompt in prompts:
        is_mixture = isinstance(prompt, Mapping)
        texts = tuple(prompt) if isinstance(prompt, list | tuple | Mapping) else (prompt,)
        if not texts or not all(isinstance(s, str) and s.strip() for s in texts):
            raise ValueError(
                f'A text prompt must be text, got {prompt!r}; omit text_prompt for the '
                'default one.'
            )
        checked.append(Texts(texts, tuple(prompt.values()) if is_mixture else None))
    return checked


def pack(states: list[Tensor], index: list[int]) -> TextFeatures:
    """Pad the token states of distinct text prompts, L x D each, to the same length."""
    device = states[0].device
    lengths = _to_device([len(s) for s in states], device)
    padded = pad_sequence(states, batch_first=True)  # U, L, D
    mask = torch.arange(padded.shape[1], device=device) < lengths[:, None]  # U, L
    return TextFeatures(padded, mask, _to_device(index, device))


def _to_device(numbers: list[int], device: torch.device) -> Tensor:
    """Make a tensor without synchronizing with the device."""
    return torch.tensor(numbers, dtype=torch.long).to(device, non_blocking=True)
