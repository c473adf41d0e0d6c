_base_ = 'original.py'

model = dict(backbone=dict(visual_prompt=dict(_delete_=True, num_tokens=20, deep=True)))
optim_wrapper = dict(optimizer=dict(lr=3e-3))
train_cfg = dict(max_epochs=12)
