# ConMIM ViT-L/16, 1600 epochs: 85.5 after fine-tuning (released README; not in the paper's text).
# Train: tools/dist_train.sh configs/conmim/vit-l.py 32
# Cost: 761 H100 hours at 40% MFU, 19 GiB a GPU (computed, mcl bench cost).
_base_ = 'vit-b.py'

model = dict(
    backbone=dict(arch='large', layer_scale_init_value=1e-5),
    neck=dict(in_channels=1024),
)
train_dataloader = dict(batch_size=64)
optim_wrapper = dict(optimizer=dict(lr=7.5e-4), clip_grad=dict(max_norm=1.0))
train_cfg = dict(max_epochs=1600)
# As in the base config, except the ratio: the learning rate ends at 1e-5 here too.
param_scheduler = [
    dict(type='LinearLR', start_factor=1e-4, begin=0, end=10, convert_to_iter_based=True),
    dict(type='CosineAnnealingLR', begin=10, eta_min_ratio=1 / 75, convert_to_iter_based=True),
]
