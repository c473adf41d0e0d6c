# As the paper has it: prompts alone in the backbone, the plain sum of both branches.
paper = dict(
    backbone=dict(lora=None), head=dict(wiring='dual', gate_init=None, tuned_norms=False)
)
