_base_ = ['{{$BASE:../vit-base.py}}', '../../../../configs/_base_/overlays/full.py']

model = _base_.pop('overlay')
