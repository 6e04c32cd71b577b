"""Reports in the demo: what `touchline report` cannot do is an error with its words."""

from pathlib import Path

import pytest

from agents.local.demo.children import ChildError
from agents.local.demo.reports import report
from agents.settings import Settings


async def test_a_report_that_is_not_there_fails_with_what_the_command_says(tmp_path: Path) -> None:
    settings = Settings(_env_file=None, data_dir=tmp_path)
    with pytest.raises(ChildError, match=r"(?s)`touchline report nothing` ended with [1-9]\d*:\n.*No such command"):
        await report(settings, "nothing")
