_base_ = ['{{$BASE:../vit-base.py}}', '../../../../configs/_base_/tuning/head_only.py']

model = dict(backbone=_base_.tuning)
