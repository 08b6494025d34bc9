import { defineCommand, type Noun } from '../../core/command.ts'
import { given } from '../../input/change.ts'
import { deletion } from '../../input/deletion.ts'
import { findRow } from '../../input/find-row.ts'
import { countIfGiven, listFlags, take } from '../../input/list.ts'
import { ago, moment } from '../../output/time.ts'

const list = defineCommand({
  summary: 'list API keys, without the secret',
  flags: listFlags,
  async run({ outlast, out, signal }, { flags }) {
    const rows = take((page) => outlast.apiKeys.list(page, { signal }), flags)
    await out.list(
      rows,
      [
        { title: 'ID', value: ({ id }) => id },
        { title: 'NAME', value: ({ name }) => name, isFlexible: true },
        { title: 'PREFIX', value: ({ key_prefix }) => key_prefix },
        { title: 'SCOPES', value: ({ scopes }) => scopes?.join(', '), isFlexible: true },
        { title: 'USED', value: ({ last_used_at }) => ago(last_used_at) ?? 'never', isExtra: true },
        { title: 'EXPIRES', value: ({ expires_at }) => ago(expires_at) ?? 'never', isExtra: true },
      ],
      { empty: 'No API keys yet. `outlast keys create` creates one.' },
    )
  },
})

const get = defineCommand({
  summary: 'show an API key, without the secret',
  positionals: ['<key>'],
  async run({ outlast, out, signal }, { words }) {
    const key = await findRow(outlast.apiKeys.list({}, { signal }), 'API key', words[0]!)
    await out.item(key, {
      ID: key.id,
      Name: key.name,
      Prefix: key.key_prefix,
      Scopes: () => key.scopes?.join(', '),
      Used: moment(key.last_used_at) ?? 'never',
      Expires: moment(key.expires_at) ?? 'never',
      Created: moment(key.created_at),
    })
  },
})

const create = defineCommand({
  summary: 'create a key and print it once; --quiet prints only the key',
  positionals: ['<name>'],
  flags: {
    scope: {
      type: 'string',
      multiple: true,
      choices: ['read', 'write', 'admin', '*'],
      value: 'SCOPE',
      about: 'permission of the key (all of yours)',
    },
    'expires-in-days': { type: 'string', value: 'DAYS', about: 'lifetime in days (unlimited)' },
  },
  async run({ outlast, out, signal }, { words, flags }) {
    const expires_in_days = countIfGiven(flags['expires-in-days'], '--expires-in-days')
    const scopes = flags.scope.length > 0 ? (flags.scope as 'read'[]) : undefined
    const body = { name: words[0]!, ...given({ scopes, expires_in_days }) }
    const made = await outlast.apiKeys.create(body, { signal })
    if (out.mode === 'json') return out.json(made)
    const until = moment(made.expires_at)
    out.note(`Created key ${made.id} (${made.name})${until ? `, which expires on ${until}` : ''}.`)
    out.note('Save the key now. It is not shown again.')
    await out.line(made.key)
  },
})

export const keys: Noun = {
  list,
  get,
  create,
  delete: deletion({
    summary: 'revoke a key',
    positional: '<key>',
    question: (label) => `Revoke key ${label}?`,
    sentence: (id) => `Revoked key ${id}.`,
    remove: (outlast, id, options) => outlast.apiKeys.delete(id, options),
  }),
}
