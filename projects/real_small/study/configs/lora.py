_base_ = '../../configs/vlpose_real_small_art.py'
