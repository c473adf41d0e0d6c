# What all others start from. Nothing is trained: test it with its own weights.
_base_ = '{{$BASE:../vit-base.py}}'

from vlpose_mm.analysis.base_model import base_config  # noqa: E402

model = dict(base_config(_base_.model), _delete_=True)
train_cfg = dict(max_epochs=0)
