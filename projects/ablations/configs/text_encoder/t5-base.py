_base_ = '{{$BASE:../vit-base.py}}'

model = dict(text_encoder=dict(pretrained='{{$TEXT_MODEL:google-t5/t5-base}}'))
