# The miniature COCO (tools/data/make_scenes.py): cut-outs of materials on photographs, 240 scenes
# for training, cropped to 96 x 96 px, and 80 complete ones for testing.
_base_ = './coco_lsj.py'

train_pipeline = [
    dict(type='mcl_plugins.LoadImageFromFile'),
    dict(type='LoadAnnotations', with_bbox=True, with_mask=True),
    dict(type='RandomResize', scale=(128, 128), ratio_range=(0.8, 1.25), keep_ratio=True),
    dict(type='RandomCrop', crop_type='absolute', crop_size=(96, 96), recompute_bbox=True),
    dict(type='RandomFlip', prob=0.5),
    dict(type='FilterAnnotations', min_gt_bbox_wh=(8, 8)),
    dict(type='PackDetInputs'),
]
test_pipeline = [
    dict(type='mcl_plugins.LoadImageFromFile'),
    dict(type='Resize', scale=(128, 128), keep_ratio=True),
    dict(type='LoadAnnotations', with_bbox=True, with_mask=True),
    dict(
        type='PackDetInputs',
        meta_keys=('img_id', 'img_path', 'ori_shape', 'img_shape', 'scale_factor'),
    ),
]
dataset = dict(
    data_root='data/scenes/coco/',
    metainfo=dict(classes=('brick', 'grass', 'gravel', 'page', 'coins')),
)
testing = dict(batch_size=8, num_workers=1, dataset=dict(**dataset, pipeline=test_pipeline))
train_dataloader = dict(
    batch_size=4, num_workers=1, dataset=dict(**dataset, pipeline=train_pipeline)
)
val_dataloader = testing
test_dataloader = testing
val_evaluator = dict(ann_file='data/scenes/coco/annotations/instances_val2017.json')
test_evaluator = dict(ann_file='data/scenes/coco/annotations/instances_val2017.json')
del dataset, testing
