# MoBY DeiT-S/16, 300 epochs: 72.8 in the linear evaluation (released README).
# Train: tools/dist_train.sh configs/moby/deit-s.py 8
# Cost: 20 H100 hours at 40% MFU, 5 GiB a GPU (computed, mcl bench cost).
_base_ = 'swin-t.py'

model = dict(
    backbone=dict(
        _delete_=True,
        type='mcl_plugins.DeiT',
        arch='small',
        img_size=224,
        patch_size=16,
        drop_path_rate=0.2),
    projector=dict(in_channels=384, with_avg_pool=False))
