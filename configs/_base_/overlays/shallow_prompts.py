# One set of visual prompts for all layers of the frozen backbone.
overlay = dict(backbone=dict(prompt=dict(deep=False)))
