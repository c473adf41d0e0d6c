_base_ = '{{$BASE:../vit-base.py}}'

model = dict(backbone=dict(prompt=dict(num_tokens=10)))
