# BEiT ViT-B on iNaturalist 2018: 72.3 (paper, Table 4). BEiT's encoder with the recipe of the other rows.
_base_ = [
    '../../_base_/models/conmim_finetune.py',
    '../../_base_/datasets/inat18_finetune.py',
    '../../_base_/schedules/finetune_fine_grained.py',
    '../../_base_/default_runtime.py',
]

model = dict(
    backbone=dict(init_cfg=dict(prefix='backbone.')), head=dict(num_classes=8142))
