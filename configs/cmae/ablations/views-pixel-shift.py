# Table 4b, pixel shifting without colours: 83.4.
_base_ = '../vit-b_300e.py'

data_preprocessor = dict(views=[[], []])
