# The quickstart's digits (tools/data/make_digits.py), without labels, for pre-training.
train_dataloader = dict(
    batch_size=96,
    num_workers=1,
    drop_last=True,
    sampler=dict(type='DefaultSampler', shuffle=True),
    collate_fn=dict(type='mcl_plugins.default_collate'),
    dataset=dict(
        type='mcl_plugins.ImageFolder',
        data_root='data/quickstart',
        data_prefix='train',
        with_label=False,
        pipeline=[
            dict(type='mcl_plugins.LoadRandomResizedCrop', scale=32, crop_ratio_range=(0.5, 1.0)),
            dict(type='PackInputs'),
        ],
    ),
)
