_base_ = ['{{$BASE:../vit-base.py}}', '../../../../configs/_base_/tuning/last_layer.py']

model = dict(backbone=_base_.tuning)
