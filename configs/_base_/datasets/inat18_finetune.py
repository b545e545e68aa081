# iNaturalist 2018 at 224 px: MAE's augmentation, with random erasing at 0.1 as in iBOT's script.
_base_ = './imagenet_finetune.py'

train_pipeline = [
    dict(type='mcl_plugins.LoadRandomResizedCrop', scale=224, interpolation='bicubic'),
    dict(type='RandomFlip', prob=0.5, direction='horizontal'),
    dict(
        type='RandAugment',
        policies='timm_increasing',
        num_policies=2,
        total_level=10,
        magnitude_level=9,
        magnitude_std=0.5,
        hparams=dict(pad_val=[104, 116, 124], interpolation='bicubic'),
    ),
    dict(
        type='RandomErasing',
        erase_prob=0.1,
        mode='rand',
        min_area_ratio=0.02,
        max_area_ratio=1 / 3,
        fill_color=[103.53, 116.28, 123.675],
        fill_std=[57.375, 57.12, 58.395],
    ),
    dict(type='PackInputs'),
]

data_preprocessor = dict(num_classes=8142)
species = dict(type='mcl_plugins.INaturalist', data_root='data/inaturalist/2018', year=2018)
train_dataloader = dict(dataset=dict(**species, pipeline=train_pipeline))
val_dataloader = dict(dataset=species)
test_dataloader = val_dataloader
del species
