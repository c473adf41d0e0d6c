# As the demo, but with one sentence for each scenario.
_base_ = '../../configs/vlpose_mini_humanart.py'

train_dataloader = dict(dataset=dict(pipeline=_base_.train_pipeline))
