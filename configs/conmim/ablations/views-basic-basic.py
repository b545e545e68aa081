# Table 6: basic augmentation for student and teacher: 83.35.
_base_ = '../vit-b_300e.py'

data_preprocessor = dict(views=[[], []])
