_base_ = '{{$BASE:../vit-base.py}}'

model = dict(text_encoder=dict(pretrained='{{$TEXT_MODEL:Salesforce/blip-itm-base-coco}}'))
