# One set of visual prompts for all layers of the frozen backbone.
overlay = dict(backbone=dict(visual_prompt=dict(deep=False)))
