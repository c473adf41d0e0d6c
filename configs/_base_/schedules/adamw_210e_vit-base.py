_base_ = 'adamw_210e.py'

# The decay per layer acts on what is trained inside layers, so not with prompts alone.
optim_wrapper = dict(
    constructor='LayerDecayOptimWrapperConstructor',
    paramwise_cfg=dict(num_layers=12, layer_decay_rate=0.75),
)
