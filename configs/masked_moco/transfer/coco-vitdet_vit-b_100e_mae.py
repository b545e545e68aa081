# MAE ViT-B/16 on COCO, 100 epochs: 51.2 box and 45.5 mask AP (Masked MoCo, Table 6; its recipe for
# 50 epochs, run twice as long, is our choice). Give MAE's pre-training checkpoint:
# configs/cmae/ablations/mae.py with --cfg-options train_cfg.max_epochs=1600.
_base_ = 'coco-vitdet_vit-b_50e.py'

train_cfg = dict(max_epochs=100)
# ViTDet's steps, after 8/9 and 0.963 of the training
param_scheduler = [
    dict(type='LinearLR', start_factor=0.001, begin=0, end=0.25, convert_to_iter_based=True),
    dict(type='MultiStepLR', by_epoch=True, milestones=[88, 96], gamma=0.1),
]
