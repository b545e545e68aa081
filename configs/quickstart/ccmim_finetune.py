# The quickstart's few-label fine-tuning, from a checkpoint of ccmim.py or, with init_cfg=None, from
# random weights: on gray images too, and with the network of cmae_finetune.py.
_base_ = 'cmae_finetune.py'

train_dataloader = dict(
    dataset=dict(
        pipeline=[
            dict(type='mcl_plugins.LoadRandomResizedCrop', scale=32, crop_ratio_range=(0.6, 1.0)),
            dict(type='RandomGrayscale', prob=1.0, keep_channels=True),
            dict(type='PackInputs'),
        ]
    )
)
val_dataloader = dict(
    dataset=dict(
        pipeline=[
            dict(type='mcl_plugins.LoadImageFromFile'),
            dict(type='CenterCrop', crop_size=32),
            dict(type='RandomGrayscale', prob=1.0, keep_channels=True),
            dict(type='PackInputs'),
        ]
    )
)
test_dataloader = val_dataloader
optim_wrapper = dict(optimizer=dict(lr=2e-3))
