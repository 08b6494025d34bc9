import type { DocsTable } from '../../core/docs.ts'

const entry =
  '{"id":"audit_01933b5a000070008000000000000001","action":"delete_agent","actor_type":"user",…}\n'

export const auditDocs = {
  list_audit_log: {
    tag: 'Audit log',
    summary: 'List audit entries',
    description:
      'Returns a page of the audit log of the organization, newest first: each change with its actor, target, address and time. Entries cannot be changed. Messages, cancels and new sessions are in the log of the session, not here. Filters combine with AND.',
    sample: "const entries = await outlast.audit.list({ action: 'delete_agent', limit: 50 })",
  },
  export_audit_log: {
    tag: 'Audit log',
    summary: 'Export the audit log',
    description:
      'Streams the audit entries that match the filters as JSON Lines, newest first. The audit log records the export.',
    response: entry,
    sample:
      "for await (const entry of outlast.audit.export({ since: '2026-11-01T00:00:00.000Z' })) {\n  console.log(entry)\n}",
  },
} as const satisfies DocsTable
