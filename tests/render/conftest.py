"""An option to bring the golden files up to date."""


def pytest_addoption(parser):
    parser.addoption("--update-golden", action="store_true", help="write tests/render/golden from what is rendered now")
