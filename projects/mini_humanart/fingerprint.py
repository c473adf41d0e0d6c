"""Distinguish results of different configs and data."""

import hashlib
import inspect
import json
from pathlib import Path

from mmengine.config import Config
from mmengine.runner import Runner


def sum_up(cfg: Config, data: Path, base: Path | None) -> str:
    """Sum up everything that a result depends on, apart from code and seed.

    Configs that MMEngine's runner cannot tell apart have the same sum, on equal data and
    base weights.
    """
    names = inspect.signature(Runner).parameters.keys()
    read = {k: v for k, v in cfg.to_dict().items() if k in names}
    digest = hashlib.sha256(json.dumps(read, sort_keys=True).encode())
    digest.update((data / 'mini.json').read_bytes())
    if base is not None:
        digest.update(base.read_bytes())
    return digest.hexdigest()[:12]
