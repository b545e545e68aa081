# ImageNet-1k for methods whose views share one crop: each image is decoded once, cropped and
# flipped once, and sent to the device as uint8. The views are made there.
train_pipeline = [
    dict(
        type='mcl_plugins.LoadRandomResizedCrop',
        scale=224,
        crop_ratio_range=(0.08, 1.0),
        interpolation='bicubic',
        flip_prob=0.5,
    ),
    dict(type='PackInputs'),
]

train_dataloader = dict(
    batch_size=128,
    num_workers=8,
    persistent_workers=True,
    pin_memory=True,
    drop_last=True,
    sampler=dict(type='DefaultSampler', shuffle=True),
    collate_fn=dict(type='mcl_plugins.default_collate'),
    dataset=dict(
        type='mcl_plugins.ImageNet',
        data_root='data/imagenet/',
        split='train',
        pipeline=train_pipeline,
    ),
)
