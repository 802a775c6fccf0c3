"""`lstmctl doctor`: whether this machine and this installation are in order, and how to repair what is not."""

from functools import partial
from typing import TYPE_CHECKING

from lstmctl.cli.console import Answer, Console
from lstmctl.cli.options import settings
from lstmctl.errors import ExitCode

if TYPE_CHECKING:
    from lstmctl.diagnosis import Finding

EXAMPLES = """
Examples:
  lstmctl doctor                        one line a check, with the repair
  lstmctl doctor --json | jq -r 'select(.state == "failed") | .repair'
"""
_MARKS = {"ok": ("✓", "green"), "warning": ("!", "yellow"), "failed": ("✗", "bold red")}


def command() -> int:
    """Check this machine and installation.

    One line for each check, with the repair where something is wrong: Python, packages, cores, memory, folders, models,
    locale, the LSTM itself, TensorFlow. Exit code 1 if a check failed.
    """
    from lstmctl.diagnosis import diagnose

    console = Console.open()
    findings = []
    for finding in diagnose(settings.home):
        findings.append(finding)
        row = [finding.state, finding.check, finding.found, finding.repair or ""]
        console.answer(Answer(objects=[finding._asdict()], rows=[row], screen=partial(_show, finding)))
        console.flush()
    return int(ExitCode.NO if any(finding.state == "failed" for finding in findings) else ExitCode.DONE)


def _show(finding: "Finding", console: Console) -> None:
    mark, style = _MARKS[finding.state]
    console.show((mark if console.out.unicode else finding.state, style), f" {finding.check:<10} {finding.found}")
    if finding.repair and finding.state != "ok":
        console.show(" " * 13, ("repair: ", "bold"), finding.repair)
