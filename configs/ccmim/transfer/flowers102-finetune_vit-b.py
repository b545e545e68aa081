# ccMIM ViT-B/16 on Flowers-102: 99.2 from 800 epochs of pre-training (paper, Table 4, which gives
# no recipe). Ours: 1000 epochs and a batch size of 768 as in iBOT's script, iNaturalist's learning
# rate, MAE's recipe. Give the pre-training checkpoint with
# --cfg-options model.backbone.init_cfg.checkpoint=...
_base_ = [
    '../../_base_/models/vit_finetune.py',
    '../../_base_/datasets/flowers102_finetune.py',
    '../../_base_/schedules/finetune_fine_grained.py',
    '../../_base_/default_runtime.py',
]

model = dict(head=dict(num_classes=102))
train_dataloader = dict(batch_size=96)
# An epoch is two iterations.
train_cfg = dict(max_epochs=1000, val_interval=50)
default_hooks = dict(checkpoint=dict(interval=50))
