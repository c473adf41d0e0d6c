_base_ = 'paper.py'

model = dict(head=dict(gate_init=0.0))
