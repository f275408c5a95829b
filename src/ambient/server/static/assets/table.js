// Made from src/ambient/contract/status.py by tests/support/status_js.py: do not edit.
export default {
 "words": {
  "Needs you": {
   "icon": "⏸",
   "tone": "amber",
   "sentence": "Asks you something.",
   "steps": [
    {
     "name": "answer",
     "label": "Answer",
     "command": "ambient answer {session} -p {project}",
     "role": "edit"
    }
   ]
  },
  "Working": {
   "icon": "◐",
   "tone": "blue",
   "sentence": "The agent works.",
   "steps": [
    {
     "name": "wait",
     "label": "Nothing to do, it goes on by itself",
     "command": null,
     "role": "view"
    },
    {
     "name": "interrupt",
     "label": "Stop run",
     "command": "ambient interrupt {session} -p {project}",
     "role": "edit"
    }
   ]
  },
  "Ready": {
   "icon": "○",
   "tone": "neutral",
   "sentence": "Ready for a message.",
   "steps": [
    {
     "name": "send",
     "label": "Write",
     "command": "ambient send {session} \"…\" -p {project}",
     "role": "edit"
    },
    {
     "name": "stop",
     "label": "Stop session",
     "command": "ambient stop {session} -p {project}",
     "role": "edit"
    }
   ]
  },
  "Waiting": {
   "icon": "◌",
   "tone": "neutral",
   "sentence": "Accepted; it has no place yet.",
   "steps": [
    {
     "name": "wait",
     "label": "Nothing to do, it goes on by itself",
     "command": null,
     "role": "view"
    }
   ]
  },
  "Starting": {
   "icon": "◌",
   "tone": "blue",
   "sentence": "The runner is being started.",
   "steps": [
    {
     "name": "wait",
     "label": "Nothing to do, it goes on by itself",
     "command": null,
     "role": "view"
    }
   ]
  },
  "Stopping": {
   "icon": "◌",
   "tone": "blue",
   "sentence": "Saving files.",
   "steps": [
    {
     "name": "wait",
     "label": "Nothing to do, it goes on by itself",
     "command": null,
     "role": "view"
    }
   ]
  },
  "Stopped": {
   "icon": "□",
   "tone": "neutral",
   "sentence": "Stopped; files kept.",
   "steps": [
    {
     "name": "resume",
     "label": "Resume",
     "command": "ambient resume {session} -p {project}",
     "role": "edit"
    }
   ]
  },
  "Done": {
   "icon": "✓",
   "tone": "green",
   "sentence": "The agent ended the session.",
   "steps": [
    {
     "name": "resume",
     "label": "Resume",
     "command": "ambient resume {session} -p {project}",
     "role": "edit"
    },
    {
     "name": "export",
     "label": "Export",
     "command": "ambient export {session} -p {project}",
     "role": "view"
    }
   ]
  },
  "Failed": {
   "icon": "✕",
   "tone": "red",
   "sentence": "The session failed.",
   "steps": [
    {
     "name": "start",
     "label": "Start",
     "command": "ambient start {session} -p {project}",
     "role": "edit"
    },
    {
     "name": "log",
     "label": "Log",
     "command": "ambient logs {session} -p {project}",
     "role": "edit"
    },
    {
     "name": "why",
     "label": "Why?",
     "command": "ambient doctor {session} -p {project}",
     "role": "view"
    }
   ]
  }
 },
 "phases": {
  "": "Waiting",
  "Pending": "Waiting",
  "Creating": "Starting",
  "Running": "Ready",
  "Stopping": "Stopping",
  "Stopped": "Stopped",
  "Completed": "Done",
  "Failed": "Failed"
 },
 "agent": {
  "working": "Working",
  "waiting_input": "Needs you",
  "idle": "Ready"
 },
 "unworthy": [
  "PodCreated",
  "PodScheduled",
  "Ready",
  "Reconciled",
  "RunnerStarted"
 ],
 "quiet": [
  "NoRepos",
  "NotConfigured"
 ],
 "reasons": {
  "InvalidSpec": {
   "sentence": "The session asks for something that cannot be.",
   "steps": [
    {
     "name": "change",
     "label": "Change the session, then start it again",
     "command": null,
     "role": "edit"
    },
    {
     "name": "other-runner",
     "label": "Choose another runner for a new session",
     "command": null,
     "role": "edit"
    }
   ]
  },
  "MissingSecret": {
   "sentence": "A secret that the runner needs is not set in this project.",
   "steps": [
    {
     "name": "add-key",
     "label": "Add the key to the project",
     "command": null,
     "role": "admin"
    },
    {
     "name": "use-demo",
     "label": "Use the demo agent",
     "command": "ambient run --runner demo \"…\" -p {project}",
     "role": "edit"
    }
   ]
  },
  "TokenProvisionFailed": {
   "sentence": "The runner's credential could not be made or delivered.",
   "steps": [
    {
     "name": "wait",
     "label": "Wait",
     "command": "ambient wait {session} --for ready -p {project}",
     "role": "view"
    },
    {
     "name": "why",
     "label": "Why?",
     "command": "ambient doctor {session} -p {project}",
     "role": "view"
    }
   ]
  },
  "RunnerDisabled": {
   "sentence": "This runner is switched off or unknown.",
   "steps": [
    {
     "name": "other-runner",
     "label": "Choose another runner for a new session",
     "command": null,
     "role": "edit"
    }
   ]
  },
  "Unschedulable": {
   "sentence": "There is no room for the runner.",
   "steps": [
    {
     "name": "wait",
     "label": "Wait",
     "command": "ambient wait {session} --for ready -p {project}",
     "role": "view"
    },
    {
     "name": "stop-another",
     "label": "Stop another session",
     "command": "ambient get sessions -p {project}",
     "role": "view"
    },
    {
     "name": "copy",
     "label": "Copy text for an admin",
     "command": "ambient describe session {session} -p {project}",
     "role": "view"
    }
   ]
  },
  "ImagePullFailed": {
   "sentence": "The runner's image cannot be fetched.",
   "steps": [
    {
     "name": "other-runner",
     "label": "Choose another runner for a new session",
     "command": null,
     "role": "edit"
    },
    {
     "name": "retry",
     "label": "Retry",
     "command": "ambient start {session} -p {project}",
     "role": "edit"
    }
   ]
  },
  "Starting": {
   "sentence": "The runner is being started.",
   "steps": [
    {
     "name": "wait",
     "label": "Nothing to do, it goes on by itself",
     "command": null,
     "role": "view"
    }
   ]
  },
  "Restarting": {
   "sentence": "A new runner is being started for this session.",
   "steps": [
    {
     "name": "wait",
     "label": "Nothing to do, it goes on by itself",
     "command": null,
     "role": "view"
    }
   ]
  },
  "StartDeadlineExceeded": {
   "sentence": "The runner was not ready in time.",
   "steps": [
    {
     "name": "retry",
     "label": "Retry",
     "command": "ambient start {session} -p {project}",
     "role": "edit"
    },
    {
     "name": "log",
     "label": "Log",
     "command": "ambient logs {session} -p {project}",
     "role": "edit"
    }
   ]
  },
  "RunnerIncompatible": {
   "sentence": "The runner and the platform speak no common contract version.",
   "steps": [
    {
     "name": "other-runner",
     "label": "Choose another runner for a new session",
     "command": null,
     "role": "edit"
    },
    {
     "name": "copy",
     "label": "Copy text for an admin",
     "command": "ambient describe session {session} -p {project}",
     "role": "view"
    }
   ]
  },
  "TokenMismatch": {
   "sentence": "The runner refuses the platform's credential.",
   "steps": [
    {
     "name": "wait",
     "label": "Wait",
     "command": "ambient wait {session} --for ready -p {project}",
     "role": "view"
    },
    {
     "name": "replace",
     "label": "Replace the runner, keep the session",
     "command": "ambient stop {session} -p {project}",
     "role": "edit"
    },
    {
     "name": "why",
     "label": "Why?",
     "command": "ambient doctor {session} -p {project}",
     "role": "view"
    }
   ]
  },
  "RunnerUnreachable": {
   "sentence": "The runner does not answer; trying again.",
   "steps": [
    {
     "name": "wait",
     "label": "Wait",
     "command": "ambient wait {session} --for ready -p {project}",
     "role": "view"
    },
    {
     "name": "log",
     "label": "Log",
     "command": "ambient logs {session} -p {project}",
     "role": "edit"
    }
   ]
  },
  "RunnerLost": {
   "sentence": "The runner disappeared. A new one starts.",
   "steps": [
    {
     "name": "wait",
     "label": "Wait",
     "command": "ambient wait {session} --for ready -p {project}",
     "role": "view"
    },
    {
     "name": "log",
     "label": "Log",
     "command": "ambient logs {session} -p {project}",
     "role": "edit"
    }
   ]
  },
  "RunnerCrashed": {
   "sentence": "The runner ended with an error.",
   "steps": [
    {
     "name": "resume",
     "label": "Resume",
     "command": "ambient resume {session} -p {project}",
     "role": "edit"
    },
    {
     "name": "log",
     "label": "Log",
     "command": "ambient logs {session} -p {project}",
     "role": "edit"
    }
   ]
  },
  "OutOfMemory": {
   "sentence": "The session used more memory than it may.",
   "steps": [
    {
     "name": "resume",
     "label": "Resume",
     "command": "ambient resume {session} -p {project}",
     "role": "edit"
    },
    {
     "name": "copy",
     "label": "Copy text for an admin",
     "command": "ambient describe session {session} -p {project}",
     "role": "view"
    }
   ]
  },
  "PrerequisiteFailed": {
   "sentence": "Something the runner needs is missing.",
   "steps": [
    {
     "name": "change",
     "label": "Change the session, then start it again",
     "command": null,
     "role": "edit"
    },
    {
     "name": "log",
     "label": "Log",
     "command": "ambient logs {session} -p {project}",
     "role": "edit"
    }
   ]
  },
  "RestartLimit": {
   "sentence": "The runner was lost too often.",
   "steps": [
    {
     "name": "resume",
     "label": "Resume",
     "command": "ambient resume {session} -p {project}",
     "role": "edit"
    },
    {
     "name": "log",
     "label": "Log",
     "command": "ambient logs {session} -p {project}",
     "role": "edit"
    },
    {
     "name": "why",
     "label": "Why?",
     "command": "ambient doctor {session} -p {project}",
     "role": "view"
    }
   ]
  },
  "UserStopped": {
   "sentence": "Stopped by a user; files kept.",
   "steps": [
    {
     "name": "resume",
     "label": "Resume",
     "command": "ambient resume {session} -p {project}",
     "role": "edit"
    }
   ]
  },
  "InactivityTimeout": {
   "sentence": "Stopped because nothing happened; files kept.",
   "steps": [
    {
     "name": "resume",
     "label": "Resume",
     "command": "ambient resume {session} -p {project}",
     "role": "edit"
    }
   ]
  },
  "RunFinished": {
   "sentence": "Stopped after the run, as asked; files kept.",
   "steps": [
    {
     "name": "resume",
     "label": "Resume",
     "command": "ambient resume {session} -p {project}",
     "role": "edit"
    }
   ]
  }
 },
 "conditions": {
  "Ready": {
   "sentence": "The session is not ready.",
   "steps": [
    {
     "name": "wait",
     "label": "Nothing to do, it goes on by itself",
     "command": null,
     "role": "view"
    }
   ]
  },
  "SecretsReady": {
   "sentence": "A required secret of the project is missing.",
   "steps": [
    {
     "name": "add-key",
     "label": "Add the key to the project",
     "command": null,
     "role": "admin"
    },
    {
     "name": "use-demo",
     "label": "Use the demo agent",
     "command": "ambient run --runner demo \"…\" -p {project}",
     "role": "edit"
    }
   ]
  },
  "IntegrationSecretsReady": {
   "sentence": "The project's integration secret is missing.",
   "steps": [
    {
     "name": "add-key",
     "label": "Add the key to the project",
     "command": null,
     "role": "admin"
    }
   ]
  },
  "S3Available": {
   "sentence": "The object store cannot be reached.",
   "steps": [
    {
     "name": "wait",
     "label": "Wait",
     "command": "ambient wait {session} --for ready -p {project}",
     "role": "view"
    },
    {
     "name": "copy",
     "label": "Copy text for an admin",
     "command": "ambient describe session {session} -p {project}",
     "role": "view"
    }
   ]
  },
  "PodCreated": {
   "sentence": "The session has no process yet.",
   "steps": [
    {
     "name": "wait",
     "label": "Nothing to do, it goes on by itself",
     "command": null,
     "role": "view"
    }
   ]
  },
  "PodScheduled": {
   "sentence": "There is no room for the runner yet.",
   "steps": [
    {
     "name": "wait",
     "label": "Wait",
     "command": "ambient wait {session} --for ready -p {project}",
     "role": "view"
    },
    {
     "name": "stop-another",
     "label": "Stop another session",
     "command": "ambient get sessions -p {project}",
     "role": "view"
    }
   ]
  },
  "RunnerStarted": {
   "sentence": "The runner has not started yet.",
   "steps": [
    {
     "name": "wait",
     "label": "Nothing to do, it goes on by itself",
     "command": null,
     "role": "view"
    }
   ]
  },
  "ReposReconciled": {
   "sentence": "A repository could not be fetched; the agent works without it.",
   "steps": [
    {
     "name": "check-repo",
     "label": "Check the address and your access, then restart the session",
     "command": null,
     "role": "edit"
    },
    {
     "name": "log",
     "label": "Log",
     "command": "ambient logs {session} -p {project}",
     "role": "edit"
    }
   ]
  },
  "WorkflowReconciled": {
   "sentence": "The workflow could not be fetched; the agent works without it.",
   "steps": [
    {
     "name": "check-repo",
     "label": "Check the address and your access, then restart the session",
     "command": null,
     "role": "edit"
    },
    {
     "name": "log",
     "label": "Log",
     "command": "ambient logs {session} -p {project}",
     "role": "edit"
    }
   ]
  },
  "Reconciled": {
   "sentence": "Not all of the session's settings are in force yet.",
   "steps": [
    {
     "name": "wait",
     "label": "Wait",
     "command": "ambient wait {session} --for ready -p {project}",
     "role": "view"
    }
   ]
  },
  "TokenAccepted": {
   "sentence": "The runner refuses the platform's credential.",
   "steps": [
    {
     "name": "wait",
     "label": "Wait",
     "command": "ambient wait {session} --for ready -p {project}",
     "role": "view"
    },
    {
     "name": "replace",
     "label": "Replace the runner, keep the session",
     "command": "ambient stop {session} -p {project}",
     "role": "edit"
    },
    {
     "name": "why",
     "label": "Why?",
     "command": "ambient doctor {session} -p {project}",
     "role": "view"
    }
   ]
  },
  "TokenRotation": {
   "sentence": "A rotation of the credential was undone; the session goes on with the old one.",
   "steps": [
    {
     "name": "wait",
     "label": "Nothing to do, it goes on by itself",
     "command": null,
     "role": "view"
    },
    {
     "name": "why",
     "label": "Why?",
     "command": "ambient doctor {session} -p {project}",
     "role": "view"
    }
   ]
  },
  "AgentConfined": {
   "sentence": "This machine cannot confine the agent: it can read the runner's files.",
   "steps": [
    {
     "name": "copy",
     "label": "Copy text for an admin",
     "command": "ambient describe session {session} -p {project}",
     "role": "view"
    }
   ]
  },
  "JournalWritable": {
   "sentence": "The disk is full: what the agent does cannot be recorded, so nothing runs.",
   "steps": [
    {
     "name": "stop-another",
     "label": "Stop another session",
     "command": "ambient get sessions -p {project}",
     "role": "view"
    },
    {
     "name": "copy",
     "label": "Copy text for an admin",
     "command": "ambient describe session {session} -p {project}",
     "role": "view"
    }
   ]
  },
  "ContractSupported": {
   "sentence": "The runner and the platform speak no common contract version.",
   "steps": [
    {
     "name": "other-runner",
     "label": "Choose another runner for a new session",
     "command": null,
     "role": "edit"
    },
    {
     "name": "copy",
     "label": "Copy text for an admin",
     "command": "ambient describe session {session} -p {project}",
     "role": "view"
    }
   ]
  },
  "ModelApplied": {
   "sentence": "The new model is used after this run.",
   "steps": [
    {
     "name": "wait",
     "label": "Wait",
     "command": "ambient wait {session} --for ready -p {project}",
     "role": "view"
    },
    {
     "name": "restart",
     "label": "Restart now: stop, then resume",
     "command": "ambient stop {session} -p {project}",
     "role": "edit"
    }
   ]
  },
  "McpServersApplied": {
   "sentence": "The changed MCP servers are used after a restart.",
   "steps": [
    {
     "name": "wait",
     "label": "Wait",
     "command": "ambient wait {session} --for ready -p {project}",
     "role": "view"
    },
    {
     "name": "restart",
     "label": "Restart now: stop, then resume",
     "command": "ambient stop {session} -p {project}",
     "role": "edit"
    }
   ]
  }
 }
};
