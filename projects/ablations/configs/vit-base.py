# The base of the rows on real data: the paper's, unless a row says otherwise.
_base_ = (
    '../../../configs/body_2d_keypoint/vlpose/humanart/'
    'td-hm_VLPose-base_8xb64-210e_humanart-256x192.py'
)
