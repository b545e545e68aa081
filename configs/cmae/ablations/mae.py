# Table 4a, MAE without the contrastive branch: 82.9. mmpretrain's own MAE, on our data path.
_base_ = [
    'mmpretrain::_base_/models/mae_vit-base-p16.py',
    '../../_base_/datasets/imagenet_mae.py',
    '../../_base_/schedules/mae.py',
    '../../_base_/pretraining_runtime.py',
]

data_preprocessor = dict(
    type='SelfSupDataPreprocessor',
    mean=[123.675, 116.28, 103.53],
    std=[58.395, 57.12, 57.375],
    bgr_to_rgb=True,
)
train_cfg = dict(max_epochs=300)
