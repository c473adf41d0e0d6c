_base_ = 'mini_pvt-s.py'

base_weights = 'work_dirs/ablations/bases/pvtv2-b2.pth'
model = dict(
    base_weights=base_weights, backbone=dict(type='PromptedPyramidVisionTransformerV2')
)
load_from = base_weights
