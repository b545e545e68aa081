# MimCo Swin-B, 100 epochs: 84.0 after fine-tuning (paper, Table 1). The teacher must be trained:
# there are no released weights.
# Train: tools/dist_train.sh configs/mimco/swin-b.py 32
# Cost: 11 H100 hours at 40% MFU, 9 GiB a GPU (computed, mcl bench cost).
_base_ = 'swin-t.py'

model = dict(
    backbone=dict(arch='base'),
    teacher=dict(
        backbone=dict(
            arch='base', init_cfg=dict(checkpoint='work_dirs/moby/swin-b/epoch_300.pth')),
        how_to_get='train one with tools/dist_train.sh configs/moby/swin-b.py 8 and give it with '
        '--cfg-options model.teacher.backbone.init_cfg.checkpoint=MOBY.pth'),
    patch_contrast=dict(projector=dict(in_channels=1024)),
    image_contrast=dict(projector=dict(in_channels=1024)))
