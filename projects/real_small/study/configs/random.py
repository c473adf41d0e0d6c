_base_ = 'lora.py'

# Each text prompt has random token states of its own, as wide as MiniLM's.
model = dict(text_encoder=dict(_delete_=True, type='RandomTextEncoder', embed_dims=384))
