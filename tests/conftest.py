"""Options of the tests that want hosts; the others ignore them."""

from estate.verify.observation import PATIENCE


def pytest_addoption(parser):
    parser.addoption("--inventory", help="inventory file, such as inventories/lab.py")
    parser.addoption("--limit", action="append", default=[], help="only this host or group; may be repeated")
    words = "seconds that Prometheus has for its next scrape of a target that is not well"
    parser.addoption("--patience", type=int, default=PATIENCE, help=words)
