# Supervised ViT-S/16 with 12 heads on ImageNet-100 from random weights: 83.1 (paper, section 3,
# which gives no recipe: DeiT's, 300 epochs, without layer decay).
_base_ = '../../conmim/baselines/in1k-scratch_vit-b.py'

dataset = dict(dataset=dict(type='mcl_plugins.ImageNet100'))
train_dataloader = dataset
val_dataloader = dataset
test_dataloader = dataset
del dataset
data_preprocessor = dict(num_classes=100)
model = dict(backbone=dict(arch='mocov3-small'), head=dict(num_classes=100, in_channels=384))
