"""Data: scenarios and their sentences, Human-Art, and the transforms between them."""

from vlpose_mm.datasets.flip import ContiguousRandomFlip
from vlpose_mm.datasets.humanart import HumanArtVLDataset
from vlpose_mm.datasets.transforms import AssignTextPrompt

__all__ = ['AssignTextPrompt', 'ContiguousRandomFlip', 'HumanArtVLDataset']
