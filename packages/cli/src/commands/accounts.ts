import { defineCommand, type Noun } from '../core/command.ts'
import { deletion } from '../input/deletion.ts'
import { listFlags, take } from '../output/list.ts'
import { ago } from '../output/time.ts'

const list = defineCommand({
  summary: 'accounts of all organizations, for the operator of the server',
  flags: {
    ...listFlags,
    search: { type: 'string', value: 'TEXT', about: 'a part of the name or e-mail address' },
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

const enable = defineCommand({
  summary: 'lets a disabled account sign in again',
  positionals: ['<account>'],
  async run({ outlast, out, signal }, { words }) {
    const account = await outlast.accounts.update(words[0]!, { disabled: false }, { signal })
    await out.done(account, `Enabled the account of ${account.email}.`)
  },
})

export const accounts: Noun = {
  list,
  disable: deletion({
    summary: 'ends all sign-ins and keys of an account and refuses new sign-ins',
    positional: '<account>',
    question: (id) => `Disable account ${id} and end its sign-ins and keys?`,
    sentence: (id) => `Disabled account ${id}.`,
    remove: (outlast, id, options) => outlast.accounts.update(id, { disabled: true }, options),
  }),
  enable,
  'sign-out': deletion({
    summary: 'ends all sign-ins of an account; its keys stay',
    positional: '<account>',
    question: (id) => `End all sign-ins of account ${id}?`,
    sentence: (id) => `Ended all sign-ins of account ${id}.`,
    remove: (outlast, id, options) => outlast.accounts.endLogins(id, options),
  }),
  delete: deletion({
    summary: 'deletes an account with its memberships, sign-ins and keys',
    positional: '<account>',
    question: (id) => `Delete account ${id}?`,
    sentence: (id) => `Deleted account ${id}.`,
    remove: (outlast, id, options) => outlast.accounts.delete(id, options),
  }),
}
