# ccMIM ViT-S/16 on ImageNet (in no table of the paper: ViT-B's recipe, with our layer decay).
_base_ = 'in1k-finetune_vit-b.py'

model = dict(backbone=dict(arch='small'), head=dict(in_channels=384))
optim_wrapper = dict(paramwise_cfg=dict(layer_decay_rate=0.75))
