# ConMIM ViT-L/16 at 384 px, 5 epochs after in1k-finetune_vit-l.py: 86.5 from 1600 epochs of
# pre-training, 86.3 from 800 (released README; layer decay and drop path as there: ours).
_base_ = 'in1k-finetune_vit-b_384.py'

model = dict(
    backbone=dict(arch='large', layer_scale_init_value=1e-5, drop_path_rate=0.2),
    head=dict(in_channels=1024),
)
train_dataloader = dict(batch_size=32)
optim_wrapper = dict(paramwise_cfg=dict(layer_decay_rate=0.75))
train_cfg = dict(max_epochs=5)
