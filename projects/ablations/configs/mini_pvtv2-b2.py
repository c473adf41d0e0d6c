_base_ = 'mini_pvt-s.py'

model = dict(backbone=dict(type='PromptedPyramidVisionTransformerV2'))
load_from = 'work_dirs/ablations/bases/pvtv2-b2.pth'
