# Freeze the whole backbone, without visual prompts and low-rank updates.
overlay = dict(backbone=dict(visual_prompt=None, lora=None, trained_layers=0))
