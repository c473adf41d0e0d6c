_base_ = '{{$BASE:../vit-base.py}}'
