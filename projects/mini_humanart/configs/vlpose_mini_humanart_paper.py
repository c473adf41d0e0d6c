# The paper's model, with our schedule: prompts, matcher, the plain sum of both branches,
# one sentence for each scenario.
_base_ = 'vlpose_mini_humanart.py'

model = dict(
    backbone=dict(lora=None), head=dict(wiring='dual', gate_init=None, tuned_norms=False)
)
train_dataloader = dict(dataset=dict(pipeline=_base_.train_pipeline))
