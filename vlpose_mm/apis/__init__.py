"""What a script calls on images."""

from vlpose_mm.apis.bboxes import BBoxFile
from vlpose_mm.apis.coco_records import to_coco
from vlpose_mm.apis.inferencer import VLPoseInferencer
from vlpose_mm.apis.writers import Failure, Summary

__all__ = ['BBoxFile', 'Failure', 'Summary', 'VLPoseInferencer', 'to_coco']
