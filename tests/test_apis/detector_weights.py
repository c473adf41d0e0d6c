"""Random weights of published detectors."""

import re
from pathlib import Path

import torch
from mmdet.registry import MODELS
from mmengine.registry import DefaultScope

from vlpose_mm.apis.detectors import find_detector


def write_weights(folder: Path, name: str = 'rtmdet-nano', bias: float = 2.5) -> str:
    """Write a checkpoint of a detector that finds large persons everywhere.

    With a very negative ``bias`` it finds none.
    """
    path = folder / f'{name}.pth'
    path.touch()
    cfg = find_detector(name, path).cfg
    with DefaultScope.overwrite_default_scope('mmdet'):
        torch.manual_seed(0)
        model = MODELS.build(cfg.model)
    for key, value in model.state_dict().items():
        if re.search(r'(rtm|conv)_(cls|obj|reg).*bias', key):
            value.fill_(2.5 if 'reg' in key else bias)
        elif re.search(r'(rtm|conv)_reg.*weight', key):
            # Else a deep one finds infinitely large ones.
            value.zero_()
    meta = dict(dataset_meta=dict(classes=['person']))
    torch.save(dict(state_dict=model.state_dict(), meta=meta), path)
    return str(path)
