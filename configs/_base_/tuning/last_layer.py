# No prompts; the last layer of the backbone is trained and the rest frozen.
tuning = dict(prompt=None, trained_layers=1)
