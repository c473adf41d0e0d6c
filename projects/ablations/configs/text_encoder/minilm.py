_base_ = '{{$BASE:../vit-base.py}}'

model = dict(
    text_encoder=dict(pretrained='{{$TEXT_MODEL:sentence-transformers/all-MiniLM-L6-v2}}')
)
