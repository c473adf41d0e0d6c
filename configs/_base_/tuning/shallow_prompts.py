# One set of prompts that serves all layers of a frozen backbone.
tuning = dict(prompt=dict(deep=False))
