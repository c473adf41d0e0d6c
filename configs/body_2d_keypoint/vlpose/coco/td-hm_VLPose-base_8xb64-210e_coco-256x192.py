_base_ = [
    '../../../_base_/datasets/coco_256x192.py',
    '../../../_base_/models/vlpose_vit-base_256x192.py',
    '../../../_base_/schedules/adamw_210e_vit-base.py',
]

load_from = _base_.base_weights
