# A text prompt for each scenario, as in the base.
_base_ = '{{$BASE:../vit-base.py}}'
