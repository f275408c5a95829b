"""Claude Code through claude-agent-sdk: `runnerType: claude-agent-sdk`, extra `ambient[claude]`.

agent      runs, questions, interrupts: what the runner calls
connection the live client: one CLI process, one reader of its messages
transport  starts that process as the agent's commands are started: confined, without our tokens
translate  the CLI's messages as AG-UI events
asking     questions, permissions and plans as interrupts, and answers back
options    what the CLI is told at its start
memory     the CLI's conversation, found again by the next process
failure    API errors as sentences
"""

from ambient.runner.agents.base import Surroundings
from ambient.runner.agents.claude.agent import ClaudeAgent


def create(around: Surroundings) -> ClaudeAgent:
    """The entry point."""
    return ClaudeAgent(around)
