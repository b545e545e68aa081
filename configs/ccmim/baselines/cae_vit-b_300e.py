# CAE ViT-B/16, 300 epochs: 83.3 after fine-tuning, 64.2 linear (paper, Table 1). mmpretrain's config, on
# our Runner. Download its dalle_encoder.pth, the tokenizer, to data/.
_base_ = [
    'mmpretrain::cae/cae_beit-base-p16_8xb256-amp-coslr-300e_in1k.py',
    '../../_base_/inherited.py',
]

model = dict(target_generator=dict(init_cfg=dict(checkpoint='data/dalle_encoder.pth')))

train_pipeline = [
    dict(type='mcl_plugins.LoadImageFromFile'),
    *_base_.train_pipeline[1:],
]
train_dataloader = dict(
    **_base_.inherited_loader, dataset=dict(**_base_.inherited_dataset, pipeline=train_pipeline)
)
runner_type = 'mcl_plugins.Runner'
default_hooks = {{_base_.inherited_hooks}}
optim_wrapper = dict(
    _delete_=True,
    type='mcl_plugins.Bf16OptimWrapper',
    optimizer={{_base_.optim_wrapper.optimizer}},
    clip_grad=dict(max_norm=3.0),
    constructor='mcl_plugins.MergedOptimWrapperConstructor',
    paramwise_cfg={{_base_.optim_wrapper.paramwise_cfg}},
)
auto_scale_lr = dict(enable=True)
