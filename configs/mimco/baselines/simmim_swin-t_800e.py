# SimMIM Swin-T, 800 epochs: 80.9 after fine-tuning (paper, Table 1, its own run, which gives no recipe).
# mmpretrain's config for Swin-B, 192 px and windows of 6, on our Runner.
_base_ = [
    'mmpretrain::simmim/simmim_swin-base-w6_16xb128-amp-coslr-800e_in1k-192px.py',
    '../../_base_/inherited.py',
]

model = dict(backbone=dict(arch='tiny'), neck=dict(in_channels=768))

train_pipeline = [
    dict(type='mcl_plugins.LoadImageFromFile'),
    *_base_.train_pipeline[1:],
]
train_dataloader = dict(
    **_base_.inherited_loader, dataset=dict(**_base_.inherited_dataset, pipeline=train_pipeline)
)
runner_type = 'mcl_plugins.Runner'
default_hooks = {{_base_.inherited_hooks}}
optim_wrapper = dict(type='mcl_plugins.Bf16OptimWrapper')
auto_scale_lr = dict(enable=True)
