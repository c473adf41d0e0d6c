# What all others start from. Nothing is trained: test it with its own weights.
_base_ = '{{$BASE:../vit-base.py}}'

model = {
    **__import__('vlpose_mm.analysis.base_model').analysis.base_model.base_config(
        _base_.model
    ),
    '_delete_': True,
}
train_cfg = dict(max_epochs=0)
