# Neither prompts nor low-rank updates; the whole backbone is trained.
tuning = dict(prompt=None, lora=None)
