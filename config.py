"""pyinfra's settings for every run."""

from pyinfra import config

config.SUDO = True
config.REQUIRE_PYINFRA_VERSION = ">=3.10,<3.11"
config.CONNECT_TIMEOUT = 10
