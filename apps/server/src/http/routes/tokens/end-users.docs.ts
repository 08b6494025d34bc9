import type { DocsTable } from '../../core/docs.ts'

const user = 'customer-4711'

export const endUserDocs = {
  export_end_user: {
    tag: 'End users',
    summary: 'Export the data of an end user',
    description:
      'Streams all data of an end user as JSON Lines: each session with its events, stored values and files with their content, then the images with their content, the budgets with their ledgers, the usage by day, agent and model, the tokens, and a last line with the type `end_of_user`, the number of each and the sum of the usage. Usage includes deleted sessions. A response without that line is incomplete. Model calls (`llm.generation`) and the prompts of agents are left out, and of secrets only the names are in it. The audit log records the export without the id of the user.',
    response:
      '{"type":"end_user","version":1,"user":"customer-4711"}\n{"type":"session","version":1,"session":{…}}\n{"type":"event","event":{…}}\n{"type":"end","events":41,"stored":0,"files":1}\n{"type":"image","image":{…}}\n{"type":"budget","budget":{…}}\n{"type":"ledger_entry","ledger_entry":{…}}\n{"type":"usage","usage":{…}}\n{"type":"end_of_user","sessions":1,"images":1,"budgets":1,"tokens":0,"usage":{…}}\n',
    sample: `for await (const line of outlast.endUsers.export({ user: '${user}' })) {\n  console.log(line)\n}`,
  },
  delete_end_user: {
    tag: 'End users',
    summary: 'Delete an end user',
    description:
      'Deletes all data of an end user: sessions with their logs, files, stored values and secrets, the images that were uploaded for them, and tokens, which are refused within a second. Nothing in the database contains the id of the user afterwards; contents of files leave it with the next sweep. A session under a legal hold refuses the request before anything is deleted. Repeat the request after an error: what is deleted stays deleted. An unknown user is no error. The audit log records the deletion without the id of the user.',
    errors: ['legal_hold'],
    sample: `const { sessions } = await outlast.endUsers.delete({ user: '${user}' })`,
  },
} as const satisfies DocsTable
