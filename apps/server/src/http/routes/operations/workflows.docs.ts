import type { DocsTable } from '../../core/docs.ts'

const turn = 'turn_01933b5a000070008000000000000001'

export const workflowDocs = {
  list_workflows: {
    tag: 'Turns',
    summary: 'List open and failed turns',
    description:
      'Returns a page of the turns that are queued, running or waiting, and of those that failed, newest first. A workflow is a turn. Completed and cancelled turns are only in the log of their session.',
    sample: "const turns = await outlast.workflows.list({ status: 'failed' })",
  },
  get_workflow: {
    tag: 'Turns',
    summary: 'Get a turn',
    description:
      'Returns a turn that is open or failed, with an explanation of its current step or its failure. A turn that completed or was cancelled is 404.',
    sample: `const turn = await outlast.workflows.get('${turn}')`,
  },
  list_workflow_events: {
    tag: 'Turns',
    summary: 'List events of a turn',
    description:
      'Returns the message of a turn and every event of the turn, in the order of their `sequence`. Without `limit` it streams all of them.',
    sample: `const events = await outlast.workflows.listEvents('${turn}')`,
  },
  cancel_workflow: {
    tag: 'Turns',
    summary: 'Cancel a turn',
    description:
      'Cancels this turn and no other: a turn that has ended is left alone, and the response is `no_op`. Use it in place of `POST /v1/sessions/{session_id}/cancel` when the next turn must not be cancelled by mistake.',
    errors: ['session_changing'],
    sample: `const result = await outlast.workflows.cancel('${turn}')`,
  },
  retry_workflow: {
    tag: 'Turns',
    summary: 'Retry a failed turn',
    description:
      'Starts a new turn for the message of a turn that failed. The failed turn stays in the log and names the new one in `retried_as`. The session must be idle.',
    errors: [
      'turn_not_failed',
      'turn_retried',
      'session_not_idle',
      'too_many_messages',
      'too_many_turns',
      'quota_exceeded',
    ],
    sample: `const turn = await outlast.workflows.retry('${turn}')`,
  },
  explain_session: {
    tag: 'Turns',
    summary: 'Explain the state of a session',
    description:
      'Explains the current step or wait of a session in one sentence, with its start and its node. Use it to find out why a reply is late. A session token does not see the names of nodes.',
    sample:
      "const why = await outlast.sessions.explain('session_01933b5a000070008000000000000001')",
  },
} as const satisfies DocsTable
