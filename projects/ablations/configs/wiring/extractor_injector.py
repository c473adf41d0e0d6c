_base_ = '{{$BASE:../vit-base.py}}'

model = dict(head=dict(wiring='extractor_injector'))
