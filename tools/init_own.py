"""Write configs for your own images: mcl init own --images PHOTOS --labels LABELS."""

from mcl_plugins.cli.app import run_command

if __name__ == '__main__':
    run_command('init own')
