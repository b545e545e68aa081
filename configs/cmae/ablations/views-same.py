# Table 4b, the same view twice, neither shifted nor coloured: 82.9.
_base_ = 'shift-0.py'

data_preprocessor = dict(views=[[], []])
