# ImageNet-100 with MoCo v3's augmentation, the paper's strong one.
_base_ = './imagenet_two_views.py'

train_dataloader = dict(dataset=dict(type='mcl_plugins.ImageNet100'))
