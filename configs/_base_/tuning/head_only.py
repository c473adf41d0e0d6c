# No prompts; the whole backbone is frozen.
tuning = dict(prompt=None, trained_layers=0)
