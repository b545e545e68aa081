# Table 6: strong augmentation for the masked student, basic for the teacher: 82.62.
_base_ = '../vit-b_300e.py'

data_preprocessor = dict(views=[{{_base_.strong_view}}, []])
