_base_ = '{{$BASE:../vit-base.py}}'

# Written by python -m vlpose_mm.tools.convert_checkpoint albef.
model = dict(text_encoder=dict(pretrained='{{$TEXT_MODEL:data/text_models/albef}}'))
