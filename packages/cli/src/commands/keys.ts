import { defineCommand, type Noun } from '../core/command.ts'
import { given } from '../input/change.ts'
import { deletion } from '../input/deletion.ts'
import { countIfGiven, listFlags, take } from '../output/list.ts'
import { ago, moment } from '../output/time.ts'

const list = defineCommand({
  summary: 'keys of programs: how they begin, never whole',
  flags: listFlags,
  async run({ outlast, out, signal }, { flags }) {
    const rows = take((page) => outlast.apiKeys.list(page, { signal }), flags)
    await out.list(
      rows,
      [
        { title: 'ID', value: ({ id }) => id },
        { title: 'NAME', value: ({ name }) => name, isFlexible: true },
        { title: 'BEGINS', value: ({ key_prefix }) => key_prefix },
        { title: 'SCOPES', value: ({ scopes }) => scopes?.join(', '), isFlexible: true },
        { title: 'USED', value: ({ last_used_at }) => ago(last_used_at) ?? 'never', isExtra: true },
        { title: 'EXPIRES', value: ({ expires_at }) => ago(expires_at) ?? 'never', isExtra: true },
      ],
      { empty: 'There is no key yet. `outlast keys create` makes one.' },
    )
  },
})

const create = defineCommand({
  summary: 'makes a key and shows it, this once; --quiet prints nothing else',
  positionals: ['<name>'],
  flags: {
    scope: {
      type: 'string',
      multiple: true,
      choices: ['read', 'write', 'admin', '*'],
      value: 'SCOPE',
      about: 'what it may do (all that you may)',
    },
    'expires-in-days': { type: 'string', value: 'DAYS', about: 'how long it works (for ever)' },
  },
  async run({ outlast, out, signal }, { words, flags }) {
    const expires_in_days = countIfGiven(flags['expires-in-days'], '--expires-in-days')
    const scopes = flags.scope.length > 0 ? (flags.scope as 'read'[]) : undefined
    const body = { name: words[0]!, ...given({ scopes, expires_in_days }) }
    const made = await outlast.apiKeys.create(body, { signal })
    if (out.mode === 'json') return out.json(made)
    const until = moment(made.expires_at)
    out.note(`Created key ${made.id} (${made.name})${until ? `, until ${until}` : ''}.`)
    out.note('Keep it well: it is not shown again.')
    await out.line(made.key)
  },
})

export const keys: Noun = {
  list,
  create,
  delete: deletion({
    summary: 'ends a key: who uses it is refused from then on',
    positional: '<key>',
    question: (id) => `End key ${id}?`,
    sentence: (id) => `Ended key ${id}.`,
    remove: (outlast, id, options) => outlast.apiKeys.delete(id, options),
  }),
}
