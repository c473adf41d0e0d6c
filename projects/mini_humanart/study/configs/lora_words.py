# What the demo trains.
_base_ = '../../configs/vlpose_mini_humanart.py'
