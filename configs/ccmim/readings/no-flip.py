# Crops without flip, the only augmentation that the paper names (no number in the paper).
_base_ = '../vit-b_300e.py'

train_pipeline = [dict(_base_.train_pipeline[0], flip_prob=0.0), *_base_.train_pipeline[1:]]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
