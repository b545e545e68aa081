# ViT-S/16 at 384 px with learning rate, weight decay and layer decay of Table 11 (no number, see
# Table 1).
_base_ = 'in1k-finetune_vit-b_384_table-11.py'

model = dict(backbone=dict(arch='small'), head=dict(in_channels=384))
optim_wrapper = dict(paramwise_cfg=dict(layer_decay_rate=0.8))
train_cfg = dict(max_epochs=20)
