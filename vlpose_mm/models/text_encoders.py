"""Sentences in, token states out, by a frozen language model (method, part 1)."""

import logging
import os
from abc import ABCMeta, abstractmethod
from collections.abc import Sequence
from typing import NamedTuple

import torch
from mmengine.logging import print_log
from mmpose.registry import MODELS
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence


class TextFeatures(NamedTuple):
    """The sentences of a batch, each distinct one once.

    Attributes:
        tokens (Tensor): Token states, U x L x D; zero where padded.
        mask (Tensor): ``True`` at tokens and ``False`` at padding, U x L.
        index (Tensor): Which sentence each sample uses, B, in [0, U).
    """

    tokens: Tensor
    mask: Tensor
    index: Tensor


class TextEncoder(nn.Module, metaclass=ABCMeta):
    """Base of text encoders: encodes each distinct sentence once and remembers it.

    A sentence is always encoded on its own, so its token states never depend on the
    sentences beside it.

    Args:
        embed_dims (int): Width D of the token states.
    """

    def __init__(self, embed_dims: int) -> None:
        super().__init__()
        self.embed_dims = embed_dims
        self._cache: dict[str, Tensor] = {}

    @abstractmethod
    def encode(self, sentence: str, device: torch.device) -> Tensor:
        """Encode one sentence.

        Args:
            sentence (str): The sentence.
            device (torch.device): Where to compute.

        Returns:
            Tensor: Token states, L x D.
        """

    @torch.no_grad()
    def forward(
        self, sentences: Sequence[str], device: torch.device | str = 'cpu'
    ) -> TextFeatures:
        """Encode the sentences of a batch.

        Args:
            sentences (Sequence[str]): One sentence per sample.
            device (torch.device | str): Where the features are wanted.

        Returns:
            TextFeatures: Distinct sentences in order of appearance, and the index.

        Raises:
            ValueError: If there are no sentences or one of them is blank.
        """
        if not sentences:
            raise ValueError('The list of sentences is empty; give one per sample.')
        rows = {}
        for sentence in sentences:
            if not isinstance(sentence, str) or not sentence.strip():
                raise ValueError(
                    f'A sentence must be text, got {sentence!r}; leave text_prompt away '
                    'for the default sentence.'
                )
            rows.setdefault(sentence, len(rows))
            if sentence not in self._cache:
                self._cache[sentence] = self.encode(sentence, torch.device(device))

        tokens = [self._cache[sentence].to(device) for sentence in rows]
        lengths = torch.tensor([len(t) for t in tokens], device=device)
        padded = pad_sequence(tokens, batch_first=True)  # U, L, D
        mask = torch.arange(padded.shape[1], device=device) < lengths[:, None]  # U, L
        index = torch.tensor([rows[sentence] for sentence in sentences], device=device)
        return TextFeatures(padded, mask, index)


@MODELS.register_module()
class TransformersTextEncoder(TextEncoder):
    """The text side of any model of the ``transformers`` library, frozen.

    The language model is no submodule: it is not trained, not saved in checkpoints, and
    always runs in float32 eval mode.

    Args:
        pretrained (str): Hub name or local folder, say
            ``'Salesforce/blip-itm-base-coco'``. Of a vision-language model only the text
            side is kept, of an encoder-decoder only the encoder.
        max_length (int): Most tokens read of a sentence, at least 1.

    Raises:
        OSError: If the hub is unreachable and nothing is cached, or the folder holds no
            model and tokenizer.
        ValueError: If the checkpoint lacks weights of the text side, or ``max_length`` is
            below 1.
    """

    def __init__(self, pretrained: str, max_length: int = 64) -> None:
        if max_length < 1:
            raise ValueError(f'max_length must be at least 1, got {max_length}.')
        tokenizer, model = load_text_model(pretrained)
        super().__init__(model.config.hidden_size)
        self.max_length = max_length
        self.tokenizer = tokenizer
        # In a list, so that it is not registered as a submodule.
        self._model = [model.float().eval().requires_grad_(False)]

    def encode(self, sentence: str, device: torch.device) -> Tensor:
        """Encode one sentence; see :meth:`TextEncoder.encode`."""
        ids = self.tokenizer(sentence)['input_ids']
        if len(ids) > self.max_length:
            print_log(
                f'Only the first {self.max_length} of {len(ids)} tokens are read of '
                f'{sentence!r}; raise max_length to read more.',
                logger='current',
                level=logging.WARNING,
            )
            ids = self.tokenizer(sentence, truncation=True, max_length=self.max_length)
            ids = ids['input_ids']
        ids = torch.tensor([ids], device=device)  # 1, L
        model = self._model[0].to(device)
        with torch.autocast(device.type, enabled=False):
            output = model(input_ids=ids, attention_mask=torch.ones_like(ids))
        return output.last_hidden_state[0]  # L, D


@MODELS.register_module()
class PrecomputedTextEncoder(TextEncoder):
    """Token states read from a file; needs no ``transformers``.

    ``python -m vlpose_mm.tools.precompute_text`` writes such a file.

    Args:
        path (str): The file.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the file holds something else.
    """

    def __init__(self, path: str) -> None:
        if not os.path.isfile(path):
            raise FileNotFoundError(
                f'No file of text features at {path}; write one with '
                f'python -m vlpose_mm.tools.precompute_text {path}.'
            )
        try:
            table = torch.load(path, map_location='cpu', weights_only=True)
            features = dict(zip(table['sentences'], table['tokens'], strict=True))
            (embed_dims,) = {tokens.shape[1] for tokens in features.values()}
        except Exception as error:
            raise ValueError(
                f'{path} holds no text features ({type(error).__name__}: {error}); write '
                'it anew with python -m vlpose_mm.tools.precompute_text.'
            ) from error
        super().__init__(embed_dims)
        self.path = path
        self._features = features

    def encode(self, sentence: str, device: torch.device) -> Tensor:
        """Look up one sentence; see :meth:`TextEncoder.encode`.

        Raises:
            ValueError: If the file does not hold it.
        """
        if sentence not in self._features:
            raise ValueError(
                f'{self.path} holds no features of {sentence!r}, only of '
                f'{list(self._features)}; write it anew with '
                'python -m vlpose_mm.tools.precompute_text --sentences FILE.'
            )
        return self._features[sentence].float().to(device)  # L, D


def save_text_features(path: str, encoder: TextEncoder, sentences: Sequence[str]) -> None:
    """Write the file that :class:`PrecomputedTextEncoder` reads.

    Args:
        path (str): The file; replaced only once the new one is whole.
        encoder (TextEncoder): The encoder to ask.
        sentences (Sequence[str]): The sentences; duplicates count once.

    Raises:
        ValueError: If there are no sentences or one of them is blank.
    """
    sentences = list(dict.fromkeys(sentences))
    features = encoder(sentences)
    tokens = [t[m].clone() for t, m in zip(features.tokens, features.mask, strict=True)]
    torch.save(dict(sentences=sentences, tokens=tokens), f'{path}.tmp')
    os.replace(f'{path}.tmp', path)


def load_text_model(pretrained: str) -> tuple[object, nn.Module]:
    """Load the tokenizer and the text side of a ``transformers`` model.

    Args:
        pretrained (str): Hub name or local folder.

    Returns:
        tuple: The tokenizer, and a model whose output has ``last_hidden_state``.

    Raises:
        OSError: If the hub is unreachable and nothing is cached, or the folder holds no
            model and tokenizer.
        ValueError: If the checkpoint lacks weights of the text side.
    """
    import transformers

    try:
        config = transformers.AutoConfig.from_pretrained(
            pretrained, trust_remote_code=False
        )
        # The class that was saved, not AutoModel's: BLIP's retrieval checkpoints name
        # their text side otherwise than BlipModel does.
        name = (config.architectures or [''])[0]
        model_class = getattr(transformers, name, transformers.AutoModel)
        model, report = model_class.from_pretrained(
            pretrained, output_loading_info=True, trust_remote_code=False
        )
        tokenizer = transformers.AutoTokenizer.from_pretrained(
            pretrained, trust_remote_code=False
        )
    except Exception as error:
        reason = str(error).strip().split('\n')[0]
        raise OSError(
            f'Cannot load the text model {pretrained!r} ({type(error).__name__}: '
            f'{reason}). Give a hub name that can be reached or is in the cache, a folder '
            'written by save_pretrained with its tokenizer, or use '
            'PrecomputedTextEncoder.'
        ) from error

    for side in ('text_encoder', 'text_model'):
        if hasattr(model, side):
            model, prefix = getattr(model, side), f'{side}.'
            break
    else:
        prefix = ''
        if config.is_encoder_decoder:
            model, prefix = model.get_encoder(), 'encoder.'
        elif hasattr(model, model.base_model_prefix):
            model, prefix = model.base_model, f'{model.base_model_prefix}.'
    # Poolers and heads are not read.
    needed = {prefix + name for name in model.state_dict() if 'pooler' not in name}
    missing = sorted(needed & set(report['missing_keys']))
    if missing:
        raise ValueError(
            f'The text model {pretrained!r} lacks weights of its text side, such as '
            f'{missing[:3]}.'
        )
    return tokenizer, model
