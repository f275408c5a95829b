"""The job that the platform is for, as a script of the model: a bug in a repository is mended.

The agent is the real CLI with its real tools. Each test plays the people: who asks, who answers.
"""

from pathlib import Path
from typing import Final

from support.git_host import GitHost, git
from support.model import Model, Say, Think, Use

WORD: Final = "mend the sum"
QUESTION: Final = "Commit the repair?"
BROKEN: Final = "def add(a, b):\n    return a - b\n"
MENDED: Final = "def add(a, b):\n    return a + b\n"
CHECKS: Final = """import unittest

from sums import add


class Sums(unittest.TestCase):
    def test_one_and_two(self):
        self.assertEqual(add(1, 2), 3)
"""
NOTES: Final = "The sum was a difference.\n"
TURNS: Final = 7
TOKENS: Final = {"inputTokens": TURNS * 110, "outputTokens": TURNS * 20}
COST: Final = TURNS * (100 * 3 + 10 * 0.3 + 20 * 15) / 1_000_000
"""What the scripted model counts, at the price of its name: per million tokens $3, $0.30 from the
cache, and $15 for what is said."""


def repositories(host: GitHost) -> str:
    """A repository with a bug and a test that finds it, and one of helpers; the first one's URL."""
    url = host.make("sums")
    host.make("helpers")
    work = host.folder.parent / "work-sums"
    (work / "sums.py").write_text(BROKEN)
    (work / "test_sums.py").write_text(CHECKS)
    git(work, "add", ".")
    git(work, "commit", "-qm", "Add sums")
    git(work, "push", "-q", "origin", "HEAD:main")
    return url


def script(scripted: Model, host: GitHost, workspace: Path) -> None:
    """What the model does with a prompt that says WORD."""
    repo = workspace / "repos/sums"
    clone = f"git clone -q {host.url}/helpers.git && ls helpers"
    check = f"cd {repo} && python3 -m unittest -q 2>&1"
    option = [{"label": "Yes", "description": "commit"}, {"label": "No", "description": "leave it"}]
    question = {"question": QUESTION, "header": "Commit", "multiSelect": False, "options": option}
    file = str(repo / "sums.py")
    scripted.script(
        WORD,
        [Think("A test will tell."), _bash(clone), _bash(check)],
        [Use("Read", {"file_path": file})],
        [
            Use("Edit", {"file_path": file, "old_string": "a - b", "new_string": "a + b"}),
            Use("Write", {"file_path": str(repo / "NOTES.md"), "content": NOTES}),
        ],
        [_bash(check)],
        [Use("AskUserQuestion", {"questions": [question]})],
        [_bash(f"cd {repo} && git add -A && git commit -qm 'Mend the sum' && git status -sb")],
        [Say("The sum is mended, and committed.")],
    )


def _bash(command: str) -> Use:
    return Use("Bash", {"command": command, "description": "for the story"})
