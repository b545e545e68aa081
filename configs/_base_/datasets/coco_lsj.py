# COCO with large-scale jitter: scaled by 0.1 to 2.0 of 1024 px, cropped to 1024 (ViTDet, MIMDet).
# The model's preprocessor fills images up to 1024 x 1024, in testing too: the image is scaled to a
# longer side of 1024 there. Pillow's resize is antialiased, as in detectron2; OpenCV's is not.
_base_ = 'mmdet::_base_/datasets/coco_instance.py'

train_pipeline = [
    dict(type='mcl_plugins.LoadImageFromFile'),
    dict(type='LoadAnnotations', with_bbox=True, with_mask=True),
    dict(type='RandomFlip', prob=0.5),
    dict(
        type='RandomResize',
        scale=(1024, 1024),
        ratio_range=(0.1, 2.0),
        keep_ratio=True,
        backend='pillow',
    ),
    dict(
        type='RandomCrop',
        crop_type='absolute',
        crop_size=(1024, 1024),
        recompute_bbox=True,
        allow_negative_crop=True,
    ),
    dict(type='FilterAnnotations', min_gt_bbox_wh=(1e-2, 1e-2)),
    dict(type='PackDetInputs'),
]
test_pipeline = [
    dict(type='mcl_plugins.LoadImageFromFile'),
    dict(type='Resize', scale=(1024, 1024), keep_ratio=True, backend='pillow'),
    dict(type='LoadAnnotations', with_bbox=True, with_mask=True),
    dict(
        type='PackDetInputs',
        meta_keys=('img_id', 'img_path', 'ori_shape', 'img_shape', 'scale_factor'),
    ),
]
# 8 processes with 4 images and 2 steps of accumulation give the batch size of 64.
train_dataloader = dict(
    batch_size=4,
    num_workers=8,
    batch_sampler=None,  # all images are square
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
