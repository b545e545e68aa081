# Defect or not, from few labels: the small ViT of cells_ccmim.py or, with init_cfg=None, random
# weights. The list few_labels_25_0.txt has 25 cells of each class.
_base_ = [
    '../_base_/models/digits_classifier.py',
    '../_base_/default_runtime.py',
    '../_base_/schedules/digits_finetune.py',
]

model = dict(
    backbone=dict(
        type='mcl_plugins.VisionTransformer',
        arch=dict(embed_dims=96, num_layers=4, num_heads=3, feedforward_channels=384),
        img_size=96,
        patch_size=12,
        in_channels=1,
        final_norm=False,
        out_type='avg_featmap',
        init_cfg=dict(type='Pretrained', checkpoint='', prefix='backbone.')),
    head=dict(num_classes=2))
data_preprocessor = dict(
    type='ClsDataPreprocessor', num_classes=2, mean=[116.0], std=[57.0], to_rgb=False)
train_dataloader = dict(
    batch_size=25,
    drop_last=True,
    num_workers=0,
    sampler=dict(type='DefaultSampler', shuffle=True),
    collate_fn=dict(type='mcl_plugins.default_collate'),
    dataset=dict(
        type='mcl_plugins.ImageFolder',
        data_root='data/solar-cells',
        data_prefix='train',
        ann_file='few_labels_25_0.txt',
        pipeline=[
            dict(
                type='mcl_plugins.LoadRandomResizedCrop',
                scale=96,
                crop_ratio_range=(0.7, 1.0),
                flip_prob=0.5,
                color_type='grayscale'),
            dict(type='RandomFlip', prob=0.5, direction='vertical'),
            dict(type='PackInputs'),
        ]),
)
val_dataloader = dict(
    batch_size=164,
    num_workers=0,
    sampler=dict(type='DefaultSampler', shuffle=False),
    collate_fn=dict(type='mcl_plugins.default_collate'),
    dataset=dict(
        type='mcl_plugins.ImageFolder',
        data_root='data/solar-cells',
        data_prefix='val',
        pipeline=[
            dict(type='mcl_plugins.LoadImageFromFile', color_type='grayscale'),
            dict(type='Resize', scale=96, backend='pillow', interpolation='box'),
            dict(type='PackInputs'),
        ]),
)
val_evaluator = dict(type='Accuracy', topk=1)
test_dataloader = val_dataloader
test_evaluator = val_evaluator
custom_hooks = [dict(type='mcl_plugins.ClassCountHook')]
# With more labels there are fewer epochs, of which the warm-up keeps its share.
auto_scale_schedule = dict(base_epochs=40)
default_hooks = dict(logger=dict(interval=40), checkpoint=dict(interval=40))
