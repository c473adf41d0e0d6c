_base_ = [
    'td-hm_VLPose-large-paper_8xb32-210e_humanart-coco-256x192.py',
    '../../../_base_/tuning/shallow_prompts.py',
]

model = dict(backbone=_base_.tuning)
