"""Load the text side of any model of the ``transformers`` library."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from torch import nn

from vlpose_mm.models.text_encoders.language_model import SIGLIP, TextModel

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

TOKENS = ('all', 'pooled')
CLIP = 'clip_text_model'


def load_text_model(pretrained: str, tokens: str = 'all') -> TextModel:
    """Load the text side of a model; see :class:`TransformersTextEncoder`."""
    import transformers

    if tokens not in TOKENS:
        raise ValueError(f'Unknown tokens {tokens!r}; choose one of {TOKENS}.')
    with _explained(pretrained):
        # Code that a folder brings is never run.
        safe = dict(trust_remote_code=False)
        config, _ = transformers.PretrainedConfig.get_config_dict(pretrained, **safe)
        # The class that was saved, not AutoModel's: BLIP's retrieval checkpoints have
        # another name for their text side than BlipModel. Read without AutoConfig, which
        # does not know CLIPTextModel's before transformers 4.45.
        name = (config.get('architectures') or [''])[0]
        model_class = getattr(transformers, name, transformers.AutoModel)
        model, report = model_class.from_pretrained(
            pretrained, output_loading_info=True, **safe
        )
    side, prefix = _text_side(model)
    if getattr(side, 'main_input_name', 'input_ids') != 'input_ids':
        raise ValueError(
            f'{pretrained!r} is a {type(model).__name__}, which has no text encoder; name '
            'a language model or a vision-language one.'
        )
    # Poolers and heads are not used.
    needed = {prefix + name for name in side.state_dict() if 'pooler' not in name}
    projection = None
    if tokens == 'pooled':
        projection = getattr(model, 'text_projection', None)
        is_clip = side.config.model_type == CLIP
        has_pooled = projection is not None if is_clip else side.config.model_type in SIGLIP
        if not has_pooled:
            raise ValueError(
                f'{pretrained!r} is a {type(model).__name__}, which has no pooled '
                "embedding as CLIP's and SigLIP's whole models have; use tokens='all'."
            )
        if is_clip:
            needed |= {f'text_projection.{name}' for name in projection.state_dict()}
    missing = sorted(needed & set(report['missing_keys']))
    if missing:
        raise ValueError(
            f'The text model {pretrained!r} lacks weights of its text side, such as '
            f'{missing[:3]}.'
        )
    text_model = TextModel(load_tokenizer(pretrained), side, tokens == 'pooled', projection)
    try:
        text_model.encode([text_model.tokenize('a person', text_model.max_length)])
    except Exception as error:
        reason = ' '.join(str(error).split())
        raise ValueError(
            f'{pretrained!r} is a {type(model).__name__}, which cannot read text alone '
            f'({type(error).__name__}: {reason}); name a language model or a '
            'vision-language one with a text encoder.'
        ) from error
    return text_model


def load_tokenizer(pretrained: str) -> 'PreTrainedTokenizerBase':
    """Load the tokenizer of a hub name or local folder, or raise ``OSError``."""
    from transformers import AutoTokenizer

    with _explained(pretrained):
        return AutoTokenizer.from_pretrained(pretrained, trust_remote_code=False)


def _text_side(model: nn.Module) -> tuple[nn.Module, str]:
    """Find the text side of a model, and the prefix of its names."""
    for side in ('text_encoder', 'text_model'):
        if hasattr(model, side):
            return getattr(model, side), f'{side}.'
    if model.config.is_encoder_decoder:
        return model.get_encoder(), 'encoder.'
    if hasattr(model, model.base_model_prefix):
        return model.base_model, f'{model.base_model_prefix}.'
    return model, ''


@contextmanager
def _explained(pretrained: str) -> Iterator[None]:
    """Add the remedy to errors of loading."""
    try:
        yield
    except Exception as error:
        reason = str(error).strip().split('\n')[0]
        raise OSError(
            f'Cannot load the text model {pretrained!r} ({type(error).__name__}: '
            f'{reason}). Give a hub name that can be reached or is in the cache, a folder '
            'written by save_pretrained with its tokenizer, or use '
            'PrecomputedTextEncoder.'
        ) from error
