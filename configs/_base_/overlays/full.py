# Train the whole backbone, without visual prompts and low-rank updates.
overlay = dict(backbone=dict(prompt=None, lora=None))
