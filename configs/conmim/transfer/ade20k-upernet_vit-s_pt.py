# ConMIM ViT-S/16 on ADE20K, UperNet, without fine-tuning on ImageNet in between: BEiT's
# hyperparameters for ViT-B; the paper has no number. Give the pre-training checkpoint with
# --cfg-options model.backbone.init_cfg.checkpoint=...
_base_ = 'ade20k-upernet_vit-s.py'

model = dict(backbone=dict(table_resizing='spline', init_cfg=dict(prefix='ema.backbone.')))
optim_wrapper = dict(optimizer=dict(lr=7e-4), paramwise_cfg=dict(layer_decay_rate=0.65))
