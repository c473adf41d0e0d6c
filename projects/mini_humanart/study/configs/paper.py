_base_ = '../../configs/vlpose_mini_humanart_paper.py'
