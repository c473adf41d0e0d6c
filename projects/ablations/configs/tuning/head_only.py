_base_ = ['{{$BASE:../vit-base.py}}', '../../../../configs/_base_/overlays/head_only.py']

model = _base_.pop('overlay')
