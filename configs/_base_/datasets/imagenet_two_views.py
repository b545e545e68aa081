# ImageNet-1k for the contrastive teachers.
_base_ = ['./imagenet_one_crop.py', './two_views.py']

train_pipeline = {{_base_.two_crops}}
train_dataloader = dict(dataset=dict(pipeline={{_base_.two_crops}}))

data_preprocessor = dict(
    type='mcl_plugins.MultiViewPreprocessor',
    mean=[123.675, 116.28, 103.53],
    std=[58.395, 57.12, 57.375],
    bgr_to_rgb=True,
    views=[{{_base_.first_view}}, {{_base_.second_view}}],
)
