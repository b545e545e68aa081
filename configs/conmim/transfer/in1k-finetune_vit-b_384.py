# ConMIM ViT-B/16 at 384 px, 10 epochs after in1k-finetune_vit-b.py: 85.3 (paper, Table 1).
_base_ = [
    '../../_base_/models/conmim_finetune.py',
    '../../_base_/datasets/imagenet_finetune_384.py',
    '../../_base_/schedules/finetune_384.py',
    '../../_base_/default_runtime.py',
]

# Start from the complete 224 px classifier, encoder and head, because the learning rate is too
# small for a new head; its bias tables are resized on loading. Give its checkpoint with
# --cfg-options load_from=...
load_from = ''
model = dict(backbone=dict(img_size=384, init_cfg=None))
