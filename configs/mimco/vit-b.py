# MimCo ViT-B/16, 100 epochs from a MoCo v3 teacher of 300: 83.7 after fine-tuning (paper, Table 1).
# Train: tools/dist_train.sh configs/mimco/vit-b.py 32
# Cost: 14 H100 hours at 40% MFU, 6 GiB a GPU (computed, mcl bench cost).
_base_ = 'vit-s.py'

model = dict(
    backbone=dict(arch='base', drop_path_rate=0.1),
    teacher=dict(
        backbone=dict(
            arch='base', init_cfg=dict(checkpoint='work_dirs/mocov3/vit-b/epoch_300.pth')),
        how_to_get='train one with tools/dist_train.sh configs/mocov3/vit-b.py 8, or convert a '
        'released one with python tools/convert/mocov3.py RELEASED.pth.tar MOCOV3.pth, and give it '
        'with --cfg-options model.teacher.backbone.init_cfg.checkpoint=MOCOV3.pth'),
    patch_contrast=dict(projector=dict(in_channels=768)),
    image_contrast=dict(projector=dict(in_channels=768)))
