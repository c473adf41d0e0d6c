# The same backbone without text, in MMPose's estimator with its head.
_base_ = 'deep_prompts.py'

from vlpose_mm.analysis.base_model import base_config  # noqa: E402

model = dict(base_config(_base_.model), backbone=_base_.model.backbone, _delete_=True)
