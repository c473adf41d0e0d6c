# Neither prompts nor low-rank updates; the whole backbone is frozen.
tuning = dict(prompt=None, lora=None, trained_layers=0)
