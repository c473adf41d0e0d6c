_base_ = 'paper.py'

model = {
    **__import__('vlpose_mm.analysis.base_model').analysis.base_model.base_config(
        _base_.model
    ),
    '_delete_': True,
}
model['backbone'].update(visual_prompt=None)
optim_wrapper = dict(optimizer=dict(lr=5e-4))
