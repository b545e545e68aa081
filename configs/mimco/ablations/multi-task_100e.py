# Table 10, SimMIM and MoBY trained together, 100 epochs: 81.06. The paper gives no details. Here
# the two losses are added, each on its own views, so an epoch counts three times, as in the paper.
_base_ = [
    '../../_base_/models/moby.py',
    '../../_base_/datasets/imagenet_two_views.py',
    '../../_base_/schedules/mimco.py',
    '../../_base_/pretraining_runtime.py',
]

model = dict(
    type='mcl_plugins.SimMIMMoBY',
    backbone=dict(type='mcl_plugins.SimMIMSwin'),
    neck=dict(type='SimMIMLinearDecoder', in_channels=768, encoder_stride=32),
    head=dict(
        type='SimMIMHead',
        patch_size=32,
        loss=dict(type='PixelReconstructionLoss', criterion='L1', channel=3),
    ),
    mask_generator=dict(type='mcl_plugins.RandomMask', mask_ratio=0.6),
)

# SimMIM's light crop, then MoBY's two.
train_pipeline = [
    dict(
        type='mcl_plugins.LoadRandomResizedCrop',
        scale=224,
        crop_ratio_range=[(0.67, 1.0), (0.08, 1.0), (0.08, 1.0)],
        flip_prob=0.5,
    ),
    dict(type='PackInputs'),
]
train_dataloader = dict(batch_size=64, dataset=dict(pipeline=train_pipeline))
data_preprocessor = dict(views=[[], {{_base_.first_view}}, {{_base_.second_view}}])
