# Classifier of your own classes, Swin-T from mimco_swin-t.py or moby_swin-t.py.
_base_ = '../mimco/transfer/in1k-finetune_swin-t.py'

from mcl_plugins.own import classification

globals().update(classification(
    _base_,
    data='data/labels',  # train/CLASS/*.jpg and val/CLASS/*.jpg
    classes=('ant', 'bee'),  # names of the folders
    checkpoint='work_dirs/own/mimco_swin-t/epoch_100.pth',
    count=1000,  # of the training images, roughly
    image_size=224,
    bands=3,
    batch_size=64,
    epochs=100))
