_base_ = ['{{$BASE:../vit-base.py}}', '../../../../configs/_base_/overlays/last_layer.py']

model = _base_.pop('overlay')
