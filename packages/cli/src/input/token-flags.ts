import type { NewSessionToken } from '@outlast/sdk'
import type { Given } from '../core/command.ts'
import type { Flags } from '../core/flags.ts'
import { listIfGiven } from './capability-flags.ts'
import { countIfGiven } from './list.ts'

/** Flags of the commands that create a token. */
export const tokenFlags = {
  access: {
    type: 'string',
    choices: ['read', 'write', 'approve'],
    value: 'ACCESS',
    about: 'access to sessions',
  },
  'expires-in': { type: 'string', value: 'SECONDS', about: 'lifetime in seconds' },
  model: {
    type: 'string',
    multiple: true,
    value: 'MODEL',
    about: 'model that it may select (id or name)',
  },
  'tool-result': {
    type: 'string',
    multiple: true,
    value: 'TOOL',
    about: 'client tool whose calls it may answer',
  },
  view: {
    type: 'string',
    choices: ['chat', 'full'],
    value: 'VIEW',
    about: 'full includes arguments and results of tools',
  },
  files: {
    type: 'string',
    choices: ['none', 'read', 'write'],
    value: 'FILES',
    about: 'access to files (none)',
  },
  operation: {
    type: 'string',
    multiple: true,
    value: 'OPERATION',
    about: 'operation that it may use, and no other (all that tokens have)',
  },
} as const satisfies Flags

export function grantsOf(flags: Given<typeof tokenFlags>): NewSessionToken {
  const { access, model: models, 'tool-result': tool_results, view, files } = flags
  const expires_in = countIfGiven(flags['expires-in'], '--expires-in')
  const operations = listIfGiven(flags.operation)
  return { access, expires_in, models, tool_results, view, files, operations }
}
