# Classifier of your own classes from few labels: those that a list names, of a folder of many. The
# encoder is that of conmim_vit-s_probe.py, whose probe says before how good its features are.
_base_ = '../conmim/transfer/in1k-finetune_vit-s.py'

from mcl_plugins.own import classification

globals().update(classification(
    _base_,
    data='data/labels',  # train/CLASS/*.jpg and val/CLASS/*.jpg
    classes=('ant', 'bee'),  # names of the folders
    checkpoint='work_dirs/own/conmim_vit-s_probe/epoch_400.pth',
    train=('train', 'few_labels.txt'),  # the list is in data/labels: lines such as ant/1.jpg 0
    count=50,  # of them
    image_size=224,
    bands=3,
    batch_size=16,
    epochs=100))
