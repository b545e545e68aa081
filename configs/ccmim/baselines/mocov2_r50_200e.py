# MoCo v2 ResNet-50, 200 epochs: mIoU 35.8 on ADE20K (paper, Table 3). mmpretrain's config, on our
# Runner.
_base_ = [
    'mmpretrain::mocov2/mocov2_resnet50_8xb32-coslr-200e_in1k.py',
    '../../_base_/inherited.py',
]

train_pipeline = [
    dict(type='mcl_plugins.LoadImageFromFile'),
    *_base_.train_pipeline[1:],
]
train_dataloader = dict(
    **_base_.inherited_loader,
    dataset=dict(**_base_.inherited_dataset, pipeline=train_pipeline))
runner_type = 'mcl_plugins.Runner'
default_hooks = {{_base_.inherited_hooks}}
auto_scale_lr = dict(enable=True)
