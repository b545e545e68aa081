# Table 4, medium augmentation, ViT-B, 60 epochs: 81.6 after fine-tuning.
_base_ = ['../vit-b_60e.py', '../../_base_/datasets/diagonal_windows.py']

train_pipeline = {{_base_.diagonal_windows}}
train_dataloader = dict(dataset=dict(pipeline={{_base_.diagonal_windows}}))
