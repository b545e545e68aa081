# CMAE ViT-L/16 on ImageNet (paper, Figure 5b, no hyperparameters: MAE's for ViT-L, with this
# paper's learning rate).
_base_ = 'in1k-finetune_vit-b.py'

model = dict(backbone=dict(arch='large', drop_path_rate=0.2), head=dict(in_channels=1024))
optim_wrapper = dict(paramwise_cfg=dict(layer_decay_rate=0.75))
train_cfg = dict(max_epochs=50)
