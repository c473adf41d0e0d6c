_base_ = '{{$BASE:../vit-base.py}}'

model = dict(text_encoder=None)
