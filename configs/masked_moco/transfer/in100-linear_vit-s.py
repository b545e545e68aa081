# Masked MoCo ViT-S/16 with 12 heads on ImageNet-100, linear classification, 100 epochs, batch 4096:
# 75.7 from 200 epochs of pre-training there, 78.7 from 800 (paper, Tables 1 and 3; base learning
# rate 1.0). Give the pre-training checkpoint with
# --cfg-options model.backbone.init_cfg.checkpoint=...
_base_ = [
    '../../_base_/models/vit_linear.py',
    '../../_base_/datasets/imagenet_linear.py',
    '../../_base_/schedules/linear_mae.py',
    '../../_base_/default_runtime.py',
]

dataset = dict(dataset=dict(type='mcl_plugins.ImageNet100'))
train_dataloader = dataset
val_dataloader = dataset
test_dataloader = dataset
del dataset
data_preprocessor = dict(num_classes=100)
model = dict(
    backbone=dict(arch='mocov3-small'),
    neck=dict(input_features=384),
    head=dict(num_classes=100, in_channels=384),
)
optim_wrapper = dict(optimizer=dict(lr=1.0))
train_cfg = dict(max_epochs=100)
