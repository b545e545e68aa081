# COCO at several scales: short side 480 to 800, long side up to 1333; half of the images are first
# scaled to 400, 500 or 600 and cropped (DETR's augmentation, as in Swin's and CAE's detection code).
_base_ = 'mmdet::_base_/datasets/coco_instance.py'

scales = [(side, 1333) for side in range(480, 801, 32)]
train_pipeline = [
    dict(type='mcl_plugins.LoadImageFromFile'),
    dict(type='LoadAnnotations', with_bbox=True, with_mask=True),
    dict(type='RandomFlip', prob=0.5),
    dict(
        type='RandomChoice',
        transforms=[
            [dict(type='RandomChoiceResize', scales=scales, keep_ratio=True)],
            [
                dict(
                    type='RandomChoiceResize',
                    scales=[(400, 1333), (500, 1333), (600, 1333)],
                    keep_ratio=True,
                ),
                dict(
                    type='RandomCrop',
                    crop_type='absolute_range',
                    crop_size=(384, 600),
                    allow_negative_crop=True,
                ),
                dict(type='RandomChoiceResize', scales=scales, keep_ratio=True),
            ],
        ],
    ),
    dict(type='PackDetInputs'),
]
test_pipeline = [dict(type='mcl_plugins.LoadImageFromFile'), *_base_.test_pipeline[1:]]
# 8 processes with 2 images give the batch size of 16.
train_dataloader = dict(
    batch_size=2,
    num_workers=4,
    dataset=dict(type='mcl_plugins.CocoDataset', pipeline=train_pipeline),
)
val_dataloader = dict(
    num_workers=4, dataset=dict(type='mcl_plugins.CocoDataset', pipeline=test_pipeline)
)
test_dataloader = dict(
    num_workers=4, dataset=dict(type='mcl_plugins.CocoDataset', pipeline=test_pipeline)
)
val_evaluator = dict(type='mcl_plugins.CocoMetric')
test_evaluator = dict(type='mcl_plugins.CocoMetric')
del scales
