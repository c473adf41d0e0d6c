"""Datasets and transforms."""

from vlpose_mm.datasets.coco import CocoVLDataset
from vlpose_mm.datasets.humanart import HumanArt21VLDataset, HumanArtVLDataset
from vlpose_mm.datasets.transforms.flip import ContiguousRandomFlip
from vlpose_mm.datasets.transforms.random_text_prompt import RandomTextPrompt
from vlpose_mm.datasets.transforms.text_prompt import AssignTextPrompt

__all__ = [
    'AssignTextPrompt',
    'CocoVLDataset',
    'ContiguousRandomFlip',
    'HumanArt21VLDataset',
    'HumanArtVLDataset',
    'RandomTextPrompt',
]
