# Classifier of your own classes, ViT-S/16 from conmim_vit-s.py. For other methods inherit from
# their transfer/in1k-finetune_*.py.
_base_ = '../conmim/transfer/in1k-finetune_vit-s.py'

from mcl_plugins.own import classification

globals().update(classification(
    _base_,
    data='data/labels',  # train/CLASS/*.jpg and val/CLASS/*.jpg
    classes=('ant', 'bee'),  # names of the folders
    checkpoint='work_dirs/own/conmim_vit-s/epoch_400.pth',
    count=1000,  # of the training images, roughly
    image_size=224,
    bands=3,
    batch_size=64,
    epochs=100))
