_base_ = [
    '{{$BASE:../vit-base.py}}',
    '../../../../configs/_base_/overlays/shallow_prompts.py',
]

model = _base_.pop('overlay')
