"""Fixtures of the packaging tests: an installed static and an installed shared library, made of this tree."""
import pytest
from installed import Installed


@pytest.fixture(scope="session")
def static(tmp_path_factory):
    return Installed(tmp_path_factory.mktemp("static"), False)


@pytest.fixture(scope="session")
def shared(tmp_path_factory):
    return Installed(tmp_path_factory.mktemp("shared"), True)


@pytest.fixture(params=["static", "shared"])
def installed(request):
    return request.getfixturevalue(request.param)
