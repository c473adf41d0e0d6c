"""What a person calls on an image."""

from vlpose_mm.apis.bboxes import BoxFile
from vlpose_mm.apis.inferencer import VLPoseInferencer
from vlpose_mm.apis.results import Failure, PoseResult, PoseResults

__all__ = ['BoxFile', 'Failure', 'PoseResult', 'PoseResults', 'VLPoseInferencer']
