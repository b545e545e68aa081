# CMAE ViT-B/16 on ADE20K, UperNet: mIoU 51.0 from 1600 epochs of pre-training (paper, Table 3a).
# The paper gives the framework and the heads' Xavier initialisation; the rest is the recipe that
# reproduces MAE's 48.1 (implus/mae_segmentation). Sweep the learning rate. Give the pre-training
# checkpoint with --cfg-options model.backbone.init_cfg.checkpoint=...
_base_ = [
    '../../_base_/models/upernet_vit.py',
    '../../_base_/datasets/ade20k_slide.py',
    '../../_base_/schedules/upernet_vit_160k.py',
    '../../_base_/segmentation_runtime.py',
]

model = dict(
    neck=dict(init_cfg=dict(type='Xavier', layer='ConvTranspose2d', distribution='uniform')),
    decode_head=dict(
        conv_cfg=dict(type='mcl_plugins.XavierConv2d'),
        init_cfg=dict(type='Xavier', distribution='uniform', override=dict(name='conv_seg')),
    ),
    auxiliary_head=dict(
        conv_cfg=dict(type='mcl_plugins.XavierConv2d'),
        init_cfg=dict(type='Xavier', distribution='uniform', override=dict(name='conv_seg')),
    ),
)
