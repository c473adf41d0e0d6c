_base_ = 'random_per_scenario.py'

model = dict(text_encoder=dict(fresh=True))
