# ADE20K for semantic segmentation, 150 classes: mmseg's, 2 images a process, with folders and labels
# checked. Testing is on whole images whose short side is 512 px (or the long one 2048 px).
_base_ = 'mmseg::_base_/datasets/ade20k.py'

train_dataloader = dict(batch_size=2, dataset=dict(type='mcl_plugins.ADE20KDataset'))
val_dataloader = dict(dataset=dict(type='mcl_plugins.ADE20KDataset'))
test_dataloader = dict(dataset=dict(type='mcl_plugins.ADE20KDataset'))

# Several scales and flip (tools/test.py --tta). The ratios are relative to (2048, 512), as in the
# papers; mmseg's own are relative to the size of the file.
img_ratios = [0.5, 0.75, 1.0, 1.25, 1.5, 1.75]
tta_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(
        type='TestTimeAug',
        transforms=[
            [
                dict(type='Resize', scale=(int(2048 * r), int(512 * r)), keep_ratio=True)
                for r in img_ratios
            ],
            [dict(type='RandomFlip', prob=0.0), dict(type='RandomFlip', prob=1.0)],
            [dict(type='LoadAnnotations')],
            [dict(type='PackSegInputs')],
        ],
    ),
]
