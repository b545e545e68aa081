# Table 6: strong augmentation for student and teacher: 83.41.
_base_ = '../vit-b_300e.py'

strong = {{_base_.strong_view}}
data_preprocessor = dict(views=[strong, strong])
