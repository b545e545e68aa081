# ConMIM ViT-S/16 at 384 px, 20 epochs after in1k-finetune_vit-s.py: 83.9 (paper, Table 1).
_base_ = 'in1k-finetune_vit-b_384.py'

model = dict(backbone=dict(arch='small'), head=dict(in_channels=384))
optim_wrapper = dict(paramwise_cfg=dict(layer_decay_rate=0.8))
train_cfg = dict(max_epochs=20)
