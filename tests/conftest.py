"""Options of the tests that want hosts; the others ignore them."""


def pytest_addoption(parser):
    parser.addoption("--inventory", help="inventory file, such as inventories/lab.py")
    parser.addoption("--limit", action="append", default=[], help="only this host or group; may be repeated")
