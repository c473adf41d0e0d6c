_base_ = '{{$BASE:../vit-base.py}}'

model = dict(backbone=dict(visual_prompt=dict(num_tokens=20)))
