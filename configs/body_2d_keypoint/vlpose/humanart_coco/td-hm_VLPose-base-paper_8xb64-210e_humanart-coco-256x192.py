_base_ = [
    '../../../_base_/datasets/humanart_coco_256x192.py',
    '../../../_base_/models/vlpose_vit-base_256x192.py',
    '../../../_base_/schedules/adamw_210e_vit-base.py',
    '../../../_base_/tuning/paper.py',
]

model = _base_.paper
load_from = _base_.base_weights
