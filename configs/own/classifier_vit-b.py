# Classifier of your own classes, ViT-B/16 from cmae_vit-b.py. For other methods inherit from their
# transfer/in1k-finetune_*.py.
_base_ = '../cmae/transfer/in1k-finetune_vit-b.py'

from mcl_plugins.own import classification

globals().update(classification(
    _base_,
    data='data/labels',  # train/CLASS/*.jpg and val/CLASS/*.jpg
    classes=('ant', 'bee'),  # names of the folders
    checkpoint='work_dirs/own/cmae_vit-b/epoch_400.pth',
    count=1000,  # of the training images, roughly
    image_size=224,
    bands=3,
    batch_size=64,
    epochs=100))
