_base_ = [
    'td-hm_VLPose-base-paper_8xb64-210e_coco-256x192.py',
    '../../../_base_/tuning/shallow_prompts.py',
]

model = dict(backbone=_base_.tuning)
