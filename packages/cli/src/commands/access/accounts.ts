import { defineCommand, type Noun } from '../../core/command.ts'
import { deletion } from '../../input/deletion.ts'
import { findRow } from '../../input/find-row.ts'
import { listFlags, take } from '../../input/list.ts'
import { ago, moment } from '../../output/time.ts'

const list = defineCommand({
  summary: 'list the accounts of all organizations',
  flags: {
    ...listFlags,
    search: { type: 'string', value: 'TEXT', about: 'part of the name or e-mail address' },
  },
  async run({ outlast, out, signal }, { flags }) {
    const search = flags.search === undefined ? {} : { search: flags.search }
    const rows = take((page) => outlast.accounts.list({ ...page, ...search }, { signal }), flags)
    await out.list(
      rows,
      [
        { title: 'ID', value: ({ id }) => id },
        { title: 'EMAIL', value: ({ email }) => email, isFlexible: true },
        { title: 'NAME', value: ({ name }) => name, isFlexible: true },
        { title: 'DISABLED', value: ({ disabled_at }) => ago(disabled_at) ?? 'no' },
        { title: 'CREATED', value: ({ created_at }) => ago(created_at), isExtra: true },
      ],
      { empty: 'No accounts match.' },
    )
  },
})

const get = defineCommand({
  summary: 'show an account',
  positionals: ['<account>'],
  async run({ outlast, out, signal }, { words }) {
    const id = words[0]!
    const account = await findRow(outlast.accounts.list({}, { signal }), 'account', id)
    await out.item(account, {
      ID: account.id,
      'E-mail': account.email,
      Name: account.name,
      Disabled: moment(account.disabled_at) ?? 'no',
      Created: moment(account.created_at),
    })
  },
})

const enable = defineCommand({
  summary: 'enable a disabled account',
  positionals: ['<account>'],
  async run({ outlast, out, signal }, { words }) {
    const account = await outlast.accounts.update(words[0]!, { disabled: false }, { signal })
    await out.done(account, `Enabled the account of ${account.email}.`)
  },
})

export const accounts: Noun = {
  list,
  get,
  disable: deletion({
    summary: 'disable an account and end its sign-ins and keys',
    positional: '<account>',
    question: (id) => `Disable account ${id} and end its sign-ins and keys?`,
    sentence: (id) => `Disabled account ${id}.`,
    remove: (outlast, id, options) => outlast.accounts.update(id, { disabled: true }, options),
  }),
  enable,
  'sign-out': deletion({
    summary: 'end all sign-ins of an account; its keys stay',
    positional: '<account>',
    question: (id) => `End all sign-ins of account ${id}?`,
    sentence: (id) => `Ended all sign-ins of account ${id}.`,
    remove: (outlast, id, options) => outlast.accounts.endLogins(id, options),
  }),
  delete: deletion({
    summary: 'delete an account with its memberships, sign-ins and keys',
    positional: '<account>',
    question: (id) => `Delete account ${id}?`,
    sentence: (id) => `Deleted account ${id}.`,
    remove: (outlast, id, options) => outlast.accounts.delete(id, options),
  }),
}
