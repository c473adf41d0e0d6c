# The same backbone without text, in MMPose's estimator with its head.
_base_ = 'head_only.py'

model = {
    **__import__('vlpose_mm.analysis.base_model').analysis.base_model.base_config(
        _base_.model
    ),
    'backbone': _base_.model.backbone,
    '_delete_': True,
}
