import type { DocsTable } from '../../core/docs.ts'

export const exportDocs = {
  export_session: {
    tag: 'Sessions',
    summary: 'Export a session',
    description:
      'Streams a session as JSON Lines: the session with its agent, its events, the names of its stored values, its files, and a last line with the type `end` and the number of each. A response without that line is incomplete. Use `files=content` to include file contents. The audit log records the export.',
    response:
      '{"type":"session","version":1,"session":{…},"agent":{…}}\n{"type":"event","event":{…}}\n{"type":"end","events":42,"stored":0,"files":1}\n',
    sample:
      "for await (const line of outlast.sessions.export('session_01933b5a000070008000000000000001')) {\n  console.log(line)\n}",
  },
} as const satisfies DocsTable
