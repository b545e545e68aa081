# Table 4a, contrast on random crops (with colours), no feature decoder: 83.1.
_base_ = 'views-random-crops.py'

data_preprocessor = dict(views=[[], {{_base_.target_view}}])
model = dict(feature_decoder=None)
