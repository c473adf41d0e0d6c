"""What text encoders have in common: prompts in, distinct token states out."""

from abc import ABCMeta, abstractmethod
from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence

COMBINES = ('concat', 'mean')

Prompt = str | Sequence[str]


class Word(NamedTuple):
    """What some tokens of a prompt, one after the other, stand for.

    Attributes:
        text (str): As it is written in the prompt, or the name of a special token.
        num_tokens (int): How many tokens it has.
        special (bool): Whether it is no word of the prompt, such as ``[CLS]``.
    """

    text: str
    num_tokens: int
    special: bool = False


class TextFeatures(NamedTuple):
    """The prompts of a batch, each distinct one once.

    Attributes:
        last_hidden_state (Tensor): Token states, U x L x D; zero where padded.
        attention_mask (Tensor): ``True`` at tokens and ``False`` at padding, U x L.
        index (Tensor): Which prompt each sample uses, B, in [0, U).
    """

    last_hidden_state: Tensor
    attention_mask: Tensor
    index: Tensor

    @property
    def padded(self) -> bool:
        """bool: Whether there can be padding, which a single prompt never has."""
        return len(self.attention_mask) > 1

    def of_samples(self, of_prompts: Tensor) -> Tensor:
        """Hand what belongs to prompts to the samples that use them.

        Args:
            of_prompts (Tensor): Something of each prompt, U x ...

        Returns:
            Tensor: The same of each sample, B x ...
        """
        if len(of_prompts) == 1:
            return of_prompts.expand(self.index.shape[0], *of_prompts.shape[1:])
        return of_prompts[self.index]


class TextEncoder(nn.Module, metaclass=ABCMeta):
    """Base of text encoders: encodes each distinct text prompt once and caches it.

    The states of a text prompt never depend on the text prompts beside it. They have the dtype
    that the encoder was converted to, float32 at first. The text prompts used last are
    cached, until the encoder is moved or converted.

    Args:
        embed_dims (int): Width D of the token states.
        combine (str): What becomes of a prompt of several text prompts: ``'concat'`` puts
            all their tokens one after the other, ``'mean'`` averages each text prompt over
            its tokens, then the text prompts. ``'mean'`` makes one token of a prompt of one
            text prompt as well, so that all prompts are alike.

    Raises:
        ValueError: If ``combine`` is unknown.
    """

    #: How many text prompts are cached.
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
        self._used: dict[str, None] = {}
        self._last_packed: tuple | None = None

    @property
    def learns(self) -> bool:
        """bool: Whether a gradient is wanted, so that nothing may be cached."""
        return False

    def adapter_params(self) -> list[str]:
        """List the names of what is learned, such as words of context."""
        return [name for name, _ in self.named_parameters()]

    @property
    def used(self) -> list[str]:
        """list[str]: Text prompts encoded so far, at most ``cache_size`` of them."""
        return list(self._used)

    def knows(self, text_prompt: str) -> bool:
        """Whether a text prompt can be encoded."""
        return True

    @property
    def known(self) -> list[str] | None:
        """list[str] | None: The text prompts that can be encoded; ``None``: any."""
        return None

    def unread(self, text_prompt: str) -> str:
        """Tell which end of a text prompt is too long to be read; blank if none is."""
        return ''

    @abstractmethod
    def encode(self, text_prompts: list[str]) -> list[Tensor]:
        """Encode distinct text prompts.

        Args:
            text_prompts (list[str]): The text prompts, at least one.

        Returns:
            list[Tensor]: Token states of each, L x D, on any device.
        """

    def words(self, prompt: Prompt) -> list[Word]:
        """Tell what the tokens of a prompt stand for.

        Args:
            prompt (str | Sequence[str]): A text prompt or several.

        Returns:
            list[Word]: In the order of the tokens that :meth:`forward` gives, of which
            each belongs to one; one word for a prompt that is a single token.

        Raises:
            ValueError: If the prompt holds no text prompt or a blank one.
        """
        (text_prompts,) = check_prompts([prompt])
        if self.combine == 'mean':
            return [Word(' / '.join(text_prompts), 1)]
        return [word for text_prompt in text_prompts for word in self.split(text_prompt)]

    def split(self, text_prompt: str) -> list[Word]:
        """Tell what the tokens of a text prompt stand for, as :meth:`encode` gives them.

        Args:
            text_prompt (str): The text prompt.

        Returns:
            list[Word]: Numbered tokens, for encoders that know no words.
        """
        (tokens,) = self.encode([text_prompt])
        return [Word(f'token {number}', 1) for number in range(1, len(tokens) + 1)]

    def forward(
        self, prompts: Sequence[Prompt], device: torch.device | str = 'cpu'
    ) -> TextFeatures:
        """Encode the prompts of a batch.

        Args:
            prompts (Sequence[str | Sequence[str]]): One prompt per sample: a text prompt or
                several.
            device (torch.device | str): Where the features are wanted.

        Returns:
            TextFeatures: Distinct prompts in order of appearance, and the index.

        Raises:
            ValueError: If there are no prompts, or one holds no text prompt or a blank one.
        """
        prompts = check_prompts(prompts)
        distinct = list(dict.fromkeys(prompts))
        text_prompts = list(dict.fromkeys(s for prompt in distinct for s in prompt))
        self._used.update(dict.fromkeys(text_prompts[: self.cache_size - len(self._used)]))
        learns = self.learns
        # What is cached must serve training even if it was made in inference mode,
        # which is left first, as leaving it switches gradients on.
        with torch.inference_mode(False), torch.set_grad_enabled(learns):
            states = self._states(text_prompts, torch.device(device), remember=not learns)
            packed = self._packed(distinct, states)
            rows = {prompt: row for row, prompt in enumerate(distinct)}
            index = [rows[prompt] for prompt in prompts]
            return packed._replace(index=_to_device(index, packed.last_hidden_state.device))

    def _packed(
        self, distinct: list[tuple[str, ...]], states: dict[str, Tensor]
    ) -> TextFeatures:
        """Pack distinct prompts, or give the same tensors again as the last time.

        What follows from them alone can then be known as such, see :class:`WeightCache`.
        """
        if self._last_packed is not None:
            prompts, used, packed = self._last_packed
            if prompts == distinct and all(states[s] is t for s, t in used.items()):
                return packed
        tokens = [self._combined([states[s] for s in p]) for p in distinct]
        packed = pack(tokens, [])
        self._last_packed = (
            None if packed.last_hidden_state.requires_grad else (distinct, states, packed)
        )
        return packed

    def _states(
        self, text_prompts: list[str], device: torch.device, remember: bool
    ) -> dict[str, Tensor]:
        """Look up or encode distinct text prompts."""
        # Taken out here and put back below, the text prompts used last stand at the end. What
        # is cached has no gradient, so it is no use where one is wanted.
        known = [s for s in text_prompts if s in self._cache] if remember else []
        states = {s: self._cache.pop(s) for s in known}
        new = [s for s in text_prompts if s not in states]
        if new:
            encoded = self.encode(new)
            # Clones, as a view would keep all of its batch in memory.
            states |= {
                s: self._reduced(t).to(device, self.dtype, copy=remember)
                for s, t in zip(new, encoded, strict=True)
            }
        if remember:
            self._cache |= states
            for text_prompt in list(self._cache)[: -self.cache_size]:
                del self._cache[text_prompt]
        return {s: t.to(device) for s, t in states.items()}

    def _reduced(self, tokens: Tensor) -> Tensor:
        """Average a text prompt over its tokens, if wanted."""
        return tokens if self.combine == 'concat' else tokens.mean(0, keepdim=True)

    def _combined(self, states: list[Tensor]) -> Tensor:
        """Make one prompt of its text prompts."""
        if self.combine == 'concat':
            return torch.cat(states)  # sum of L, D
        return torch.stack(states).mean(0)  # 1, D

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> nn.Module:
        """Follow a move or conversion of the estimator."""
        super()._apply(fn, recurse)
        self.dtype = fn(torch.empty(0, dtype=self.dtype)).dtype
        self._cache.clear()
        self._last_packed = None
        return self


def check_prompts(prompts: Sequence[Prompt]) -> list[tuple[str, ...]]:
    """Spell every prompt as its text prompts.

    Args:
        prompts (Sequence[str | Sequence[str]]): One prompt per sample.

    Returns:
        list[tuple[str, ...]]: The text prompts of each.

    Raises:
        ValueError: If there are no prompts, or one holds no text prompt or a blank one.
    """
    if not prompts:
        raise ValueError('The list of text prompts is empty; give one per sample.')
    spelled = []
    for prompt in prompts:
        text_prompts = tuple(prompt) if isinstance(prompt, list | tuple) else (prompt,)
        texts = [s for s in text_prompts if isinstance(s, str) and s.strip()]
        if not text_prompts or len(texts) < len(text_prompts):
            raise ValueError(
                f'A text prompt must be text, got {prompt!r}; leave text_prompt away for the '
                'default text prompt.'
            )
        spelled.append(text_prompts)
    return spelled


def pack(tokens: list[Tensor], index: list[int]) -> TextFeatures:
    """Pad prompts to the same length.

    Args:
        tokens (list[Tensor]): Token states of each distinct prompt, L x D.
        index (list[int]): Which prompt each sample uses.

    Returns:
        TextFeatures: On the device of the token states.
    """
    device = tokens[0].device
    lengths = _to_device([len(t) for t in tokens], device)
    padded = pad_sequence(tokens, batch_first=True)  # U, L, D
    mask = torch.arange(padded.shape[1], device=device) < lengths[:, None]  # U, L
    return TextFeatures(padded, mask, _to_device(index, device))


def _to_device(numbers: list[int], device: torch.device) -> Tensor:
    """Make a tensor without waiting for what the device is doing."""
    return torch.tensor(numbers, dtype=torch.long).to(device, non_blocking=True)
