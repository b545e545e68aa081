# MoCo v2 ResNet-50 of 200 epochs on ADE20K, Semantic FPN, 40k iterations: mIoU 35.8 (paper, Table 3;
# mmseg's recipe, shortened). Give mmpretrain's checkpoint of mocov2_resnet50_8xb32-coslr-200e_in1k
# with --cfg-options model.backbone.init_cfg.checkpoint=...
_base_ = [
    'mmseg::_base_/models/fpn_r50.py',
    '../../_base_/datasets/ade20k.py',
    '../../_base_/segmentation_runtime.py',
]

norm = dict(type='mcl_plugins.SyncBN')
model = dict(
    pretrained=None,
    data_preprocessor=dict(size=(512, 512)),
    backbone=dict(
        type='ResNet',  # without the three convolutions of the library's stem
        norm_cfg=norm,
        init_cfg=dict(type='Pretrained', checkpoint='', prefix='backbone.'),
    ),
    decode_head=dict(num_classes=150, norm_cfg=norm),
)
del norm
optim_wrapper = dict(
    type='mcl_plugins.Bf16OptimWrapper',
    optimizer=dict(type='SGD', lr=0.01, momentum=0.9, weight_decay=0.0005),
)
train_cfg = dict(type='IterBasedTrainLoop', max_iters=40000, val_interval=4000)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')
param_scheduler = [dict(type='PolyLR', power=0.9, eta_min=1e-4, begin=0, by_epoch=False)]
auto_scale_lr = dict(enable=True, base_batch_size=16)
train_dataloader = dict(batch_size=4)
