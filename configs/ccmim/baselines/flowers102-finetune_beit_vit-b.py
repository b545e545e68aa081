# BEiT ViT-B on Flowers-102: 98.0 (paper, Table 4). BEiT's encoder with the recipe of the other rows.
_base_ = [
    '../../_base_/models/conmim_finetune.py',
    '../../_base_/datasets/flowers102_finetune.py',
    '../../_base_/schedules/finetune_fine_grained.py',
    '../../_base_/default_runtime.py',
]

model = dict(
    backbone=dict(init_cfg=dict(prefix='backbone.')), head=dict(num_classes=102))
train_dataloader = dict(batch_size=96)
train_cfg = dict(max_epochs=1000, val_interval=50)
default_hooks = dict(checkpoint=dict(interval=50))
