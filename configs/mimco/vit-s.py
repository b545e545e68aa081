# MimCo ViT-S/16, 100 epochs from a MoCo v3 teacher of 300: 82.5 after fine-tuning (paper, Table 1).
# The student has 6 heads, as the fine-tuned models of the paper's comparison; the teacher has 12.
# Train: tools/dist_train.sh configs/mimco/vit-s.py 32
# Cost: 4 H100 hours at 40% MFU, 3 GiB a GPU (computed, mcl bench cost).
_base_ = 'swin-t.py'

model = dict(
    backbone=dict(
        _delete_=True, type='mcl_plugins.SimMIMViT', arch='small', img_size=224, patch_size=16),
    teacher=dict(
        backbone=dict(
            _delete_=True,
            type='mcl_plugins.VisionTransformer',
            arch='mocov3-small',
            img_size=224,
            patch_size=16,
            out_type='featmap',
            init_cfg=dict(
                type='Pretrained',
                checkpoint='work_dirs/mocov3/vit-s/epoch_300.pth',
                prefix='backbone.')),
        how_to_get='train one with tools/dist_train.sh configs/mocov3/vit-s.py 8, or convert a '
        'released one with python tools/convert/mocov3.py RELEASED.pth.tar MOCOV3.pth, and give it '
        'with --cfg-options model.teacher.backbone.init_cfg.checkpoint=MOCOV3.pth'),
    mask_generator=dict(unit=2),  # 32 px
    patch_contrast=dict(projector=dict(in_channels=384)),
    image_contrast=dict(projector=dict(in_channels=384)))
