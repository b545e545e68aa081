# Segmentation of your own classes: UperNet on ViT-S/16 from conmim_vit-s.py.
_base_ = '../conmim/transfer/ade20k-upernet_vit-s.py'

from mcl_plugins.own import segmentation

globals().update(segmentation(
    _base_,
    data='data/maps',
    classes=('road', 'house', 'tree'),  # in the order of the values 0, 1, 2 of the label maps
    checkpoint='work_dirs/own/conmim_vit-s/epoch_400.pth',
    train=('images/train', 'labels/train'),
    val=('images/val', 'labels/val'),
    suffixes=('.jpg', '.png'),
    image_size=512,
    bands=3,
    batch_size=8,
    iterations=20_000))
