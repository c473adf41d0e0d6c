_base_ = '{{$BASE:../vit-base.py}}'

model = dict(
    text_encoder=dict(
        pretrained='{{$TEXT_MODEL:openai/clip-vit-base-patch32}}', tokens='pooled'
    )
)
