_base_ = '{{$BASE:../vit-base.py}}'

model = dict(matcher=dict(variant='cross'))
