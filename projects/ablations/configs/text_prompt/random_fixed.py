_base_ = 'one_text_prompt.py'

model = dict(text_encoder=dict(_delete_=True, type='RandomTextEncoder', embed_dims=768))
