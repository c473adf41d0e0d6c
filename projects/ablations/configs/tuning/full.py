_base_ = ['{{$BASE:../vit-base.py}}', '../../../../configs/_base_/tuning/full.py']

model = dict(backbone=_base_.tuning)
