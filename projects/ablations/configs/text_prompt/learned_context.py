_base_ = '{{$BASE:../vit-base.py}}'

model = dict(text_encoder=dict(context_tokens=4))
