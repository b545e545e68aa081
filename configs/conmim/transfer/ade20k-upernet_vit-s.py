# ConMIM ViT-S/16 on ADE20K, UperNet: mIoU 47.7 from 300 epochs of pre-training and fine-tuning on
# ImageNet (paper, Tables 2 and 12). The channels of the head are the encoder's width, as in iBOT's
# code for ViT-S. Give the fine-tuned classifier (in1k-finetune_vit-s.py) with
# --cfg-options model.backbone.init_cfg.checkpoint=...
_base_ = 'ade20k-upernet_vit-b.py'

model = dict(
    backbone=dict(arch='small'),
    neck=dict(embed_dims=384),
    decode_head=dict(in_channels=[384, 384, 384, 384], channels=384),
    auxiliary_head=dict(in_channels=384),
)
