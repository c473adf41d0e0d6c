# No prompts; the whole backbone is trained.
tuning = dict(prompt=None)
