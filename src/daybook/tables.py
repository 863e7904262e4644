"""Every table of Daybook: importing this fills the metadata that Alembic and the tests work with."""

import daybook.accounts.models
import daybook.community.models
import daybook.diary.models
import daybook.library.models
import daybook.tags.models  # noqa: F401 - imported for its tables, as the others are
from daybook.database.base import Base

__all__ = ["metadata"]

metadata = Base.metadata
