# Table 4, medium augmentation, ViT-S, 100 epochs: 79.7 after fine-tuning.
_base_ = ['../vit-s_100e.py', '../../_base_/datasets/diagonal_windows.py']

train_pipeline = {{_base_.diagonal_windows}}
train_dataloader = dict(dataset=dict(pipeline={{_base_.diagonal_windows}}))
