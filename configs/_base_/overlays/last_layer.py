# Train the last layer of the backbone, without visual prompts and low-rank updates.
overlay = dict(backbone=dict(prompt=None, lora=None, trained_layers=1))
