# Flowers-102: training on the training and validation images (2040), testing on the test images
# (6149).
_base_ = './imagenet_finetune.py'

data_preprocessor = dict(num_classes=102)
flowers = dict(type='mcl_plugins.Flowers102', data_root='data/flowers102')
train_dataloader = dict(dataset=dict(**flowers, split='trainval'))
val_dataloader = dict(dataset=dict(**flowers, split='test'))
test_dataloader = val_dataloader
del flowers
