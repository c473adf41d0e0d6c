_base_ = '{{$BASE:../../../../configs/body_2d_keypoint/vlpose/humanart/td-hm_VLPose-base_8xb64-210e_humanart-256x192.py}}'  # noqa: E501
