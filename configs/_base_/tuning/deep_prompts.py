# Prompts before every layer of a frozen backbone.
tuning = dict(prompt=dict(deep=True))
