# What all others start from. Nothing is trained.
_base_ = 'paper.py'

model = {
    **__import__('vlpose_mm.analysis.base_model').analysis.base_model.base_config(
        _base_.model
    ),
    '_delete_': True,
}
