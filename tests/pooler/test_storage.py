"""The storage through a real PgBouncer: the core of the storage tests is run again, unchanged, on a store behind it."""

import pytest

# collected here a second time, with the fixtures of this folder
from tests.storage.test_distribution import *  # noqa: F403
from tests.storage.test_intake import *  # noqa: F403
from tests.storage.test_leases import *  # noqa: F403
from tests.storage.test_outbox import *  # type: ignore[assignment]  # noqa: F403

pytestmark = [pytest.mark.slow]
