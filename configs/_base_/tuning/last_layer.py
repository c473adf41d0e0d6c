# Neither prompts nor low-rank updates; the last layer of the backbone is trained and the
# rest frozen.
tuning = dict(prompt=None, lora=None, trained_layers=1)
