"""What a person calls on a picture."""

from vlpose_mm.inference.inferencer import VLPoseInferencer
from vlpose_mm.inference.people import BoxFile
from vlpose_mm.inference.results import Failure, PoseResult, PoseResults

__all__ = ['BoxFile', 'Failure', 'PoseResult', 'PoseResults', 'VLPoseInferencer']
