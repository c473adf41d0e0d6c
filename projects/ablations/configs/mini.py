# The base of the rows on mini data.
_base_ = '../../mini_humanart/configs/vlpose_mini_humanart.py'

# The defaults, spelled out: a row that says the same is the base, and is not run twice.
model = dict(matcher=dict(variant='joint'), head=dict(wiring='dual'))
