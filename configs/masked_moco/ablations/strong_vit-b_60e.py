# Table 4, strong augmentation, ViT-B, 60 epochs: 81.4 after
# fine-tuning.
_base_ = ['../vit-b_60e.py', '../../_base_/datasets/two_views.py']

train_pipeline = {{_base_.two_crops}}
train_dataloader = dict(dataset=dict(pipeline={{_base_.two_crops}}))
data_preprocessor = dict(views=[{{_base_.first_view}}, {{_base_.second_view}}])
