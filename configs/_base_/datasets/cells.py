# Solar cells (mcl data solar-cells), gray, without labels, for pre-training.
train_dataloader = dict(
    batch_size=64,
    num_workers=1,
    drop_last=True,
    sampler=dict(type='DefaultSampler', shuffle=True),
    collate_fn=dict(type='mcl_plugins.default_collate'),
    dataset=dict(
        type='mcl_plugins.ImageFolder',
        data_root='data/solar-cells',
        data_prefix='train',
        with_label=False,
        pipeline=[
            dict(
                type='mcl_plugins.LoadRandomResizedCrop',
                scale=96,
                crop_ratio_range=(0.5, 1.0),
                flip_prob=0.5,
                color_type='grayscale'),
            dict(type='PackInputs'),
        ]),
)
