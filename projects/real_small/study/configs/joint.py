_base_ = '../../configs/vlpose_real_small_joint.py'
