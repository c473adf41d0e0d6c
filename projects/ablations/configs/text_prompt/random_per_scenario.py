_base_ = 'scenario.py'

model = dict(text_encoder=dict(_delete_=True, type='RandomTextEncoder', embed_dims=768))
