# The paper's model: prompts, matcher, the plain sum of both branches.
_base_ = 'lora.py'

model = dict(
    backbone=dict(lora=None), head=dict(wiring='dual', gate_init=None, tuned_norms=False)
)
