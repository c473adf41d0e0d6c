_base_ = 'adamw_210e.py'

# The paper's decay per layer acts on what is trained inside layers: not on prompts, but on
# low-rank updates, which start from nothing in every layer and learn without it.
optim_wrapper = dict(
    constructor='LayerDecayOptimWrapperConstructor',
    paramwise_cfg=dict(num_layers=12, layer_decay_rate=0.75),
)
