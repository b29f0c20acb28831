"""Hosts that ssh reaches, for all tests of this folder."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from support.sshd import Hosts, hosts


@pytest.fixture(scope="session")
def there(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hosts]:
    """Real hosts."""
    with hosts(tmp_path_factory.mktemp("hosts")) as made:
        yield made
