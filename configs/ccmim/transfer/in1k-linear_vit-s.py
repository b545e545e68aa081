# ccMIM ViT-S/16 on ImageNet, linear classification on the mean of the patches: in no table of the
# paper; ViT-B's hyperparameters.
_base_ = 'in1k-linear_vit-b.py'

model = dict(backbone=dict(arch='small'), neck=dict(input_features=384), head=dict(in_channels=384))
