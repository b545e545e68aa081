# CMAE ViT-B/16 on ImageNet, 100 epochs: 84.7 from 1600 epochs of pre-training (paper, Table 1), 84.4
# from 800 (Table 2); base learning rate 2.5e-4, stated for 1600. Give the pre-training checkpoint
# with --cfg-options model.backbone.init_cfg.checkpoint=...
_base_ = 'in1k-finetune_vit-b_300e.py'

# Half the learning rate of the 300-epoch model's fine-tuning; the floor stays at 1e-6.
optim_wrapper = dict(optimizer=dict(lr=1e-3))
param_scheduler = [
    dict(type='LinearLR', start_factor=1e-4, begin=0, end=5, convert_to_iter_based=True),
    dict(type='CosineAnnealingLR', begin=5, eta_min_ratio=1e-3, convert_to_iter_based=True),
]
