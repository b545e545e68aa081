# The miniature ADE20K (tools/data/make_scenes.py): cut-outs of materials on photographs, 240 scenes
# for training, cropped to 96 x 96 px, and 80 for testing.
_base_ = './ade20k_slide.py'

train_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadAnnotations', reduce_zero_label=True),
    dict(type='RandomResize', scale=(128, 128), ratio_range=(0.8, 1.25), keep_ratio=True),
    dict(type='RandomCrop', crop_size=(96, 96)),
    dict(type='RandomFlip', prob=0.5),
    dict(type='PackSegInputs'),
]
test_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadAnnotations', reduce_zero_label=True),
    dict(type='PackSegInputs'),
]
tta_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(
        type='TestTimeAug',
        transforms=[
            [dict(type='ResizeShortestEdge', scale=s, max_size=1000) for s in (96, 128)],
            [dict(type='RandomFlip', prob=0.0), dict(type='RandomFlip', prob=1.0)],
            [dict(type='LoadAnnotations', reduce_zero_label=True)],
            [dict(type='PackSegInputs')],
        ],
    ),
]
dataset = dict(
    type='mcl_plugins.SegmentationDataset',
    data_root='data/scenes/ade',
    img_suffix='.jpg',
    seg_map_suffix='.png',
    reduce_zero_label=True,
    metainfo=dict(classes=('photograph', 'brick', 'grass', 'gravel', 'page', 'coins')),
)
testing = dict(num_workers=1, dataset=dict(**dataset, pipeline=test_pipeline))
train_dataloader = dict(
    batch_size=8, num_workers=1, dataset=dict(**dataset, pipeline=train_pipeline)
)
val_dataloader = testing
test_dataloader = testing
del dataset, testing
