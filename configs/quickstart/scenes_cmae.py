# CMAE in minutes on a CPU: the small ViT of cmae.py on 32 px crops of the miniature COCO's unlabelled
# scenes (tools/data/make_scenes.py). bash tools/transfer_demo.sh runs it.
_base_ = 'cmae.py'

# The colour of a material is one of its features, so the colours of the target's view are changed
# only a little.
data_preprocessor = dict(
    views=[
        [],
        [
            dict(
                type='mcl_plugins.ColorJitter',
                brightness=0.4,
                contrast=0.4,
                saturation=0.2,
                hue=0.05,
                prob=0.8,
            ),
            dict(type='mcl_plugins.GaussianBlur', prob=0.5, sigma=(0.1, 1.0)),
        ],
    ]
)
train_dataloader = dict(
    dataset=dict(
        data_root='data/scenes/coco',
        data_prefix='unlabeled2017',
        pipeline=[
            dict(type='mcl_plugins.LoadRandomResizedCrop', scale=36, crop_ratio_range=(0.06, 0.18)),
            dict(type='mcl_plugins.PixelShift', size=32, max_shift=3),
            dict(type='PackInputs'),
        ],
    )
)
train_cfg = dict(max_epochs=130)
param_scheduler = [
    dict(type='LinearLR', start_factor=1e-3, begin=0, end=5, convert_to_iter_based=True),
    dict(type='CosineAnnealingLR', begin=5, eta_min=0.0, convert_to_iter_based=True),
]
default_hooks = dict(logger=dict(interval=48), checkpoint=dict(interval=130))
