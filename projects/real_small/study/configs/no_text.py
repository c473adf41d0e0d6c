_base_ = 'lora.py'

model = dict(text_encoder=None)
