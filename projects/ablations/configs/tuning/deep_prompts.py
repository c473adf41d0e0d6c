_base_ = ['{{$BASE:../vit-base.py}}', '../../../../configs/_base_/tuning/deep_prompts.py']

model = dict(backbone=_base_.tuning)
