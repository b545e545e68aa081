# Table 4, strong augmentation, ViT-S, 100 epochs: 79.5 after
# fine-tuning, derived from the text's +0.4.
_base_ = ['../vit-s_100e.py', '../../_base_/datasets/two_views.py']

train_pipeline = {{_base_.two_crops}}
train_dataloader = dict(dataset=dict(pipeline={{_base_.two_crops}}))
data_preprocessor = dict(views=[{{_base_.first_view}}, {{_base_.second_view}}])
