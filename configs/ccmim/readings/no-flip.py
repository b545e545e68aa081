# Crops without flip, the only augmentation that the paper names (no number in the paper).
_base_ = '../vit-b_300e.py'

train_pipeline = [*_base_.train_pipeline[:2], *_base_.train_pipeline[3:]]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
