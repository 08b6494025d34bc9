import type { Role } from '@outlast/sdk'
import { type Context, defineCommand, type Noun, type Positional } from '../core/command.ts'
import { exitCodes, UsageError } from '../core/failure.ts'
import { currentName, readCredentials, writeCredentials } from '../core/profiles.ts'
import { given } from '../input/change.ts'
import { yesFlag } from '../input/deletion.ts'
import { confirmed, confirmedByName } from '../input/prompt.ts'
import { retentionOf } from '../input/retention.ts'
import { countIfGiven, listFlags, take } from '../output/list.ts'
import { ago, moment } from '../output/time.ts'

const roles = ['viewer', 'member', 'admin', 'owner'] as const satisfies readonly Role[]
const roleFlag = {
  role: { type: 'string', choices: roles, value: 'ROLE', about: 'what they may do (member)' },
} as const

/** The organization that is meant: the one that was chosen, or the only one. */
async function orgOf({ outlast, profile, signal }: Context): Promise<string> {
  if (profile.org_id) return profile.org_id
  const page = await outlast.organizations.list({ limit: 2 }, { signal })
  if (page.data.length === 1) return page.data[0]!.id
  throw new UsageError('Which organization? Say --org, or `outlast orgs select` one.')
}

const list = defineCommand({
  summary: 'organizations that you are in',
  flags: listFlags,
  async run({ outlast, out, profile, signal }, { flags }) {
    const rows = take((page) => outlast.organizations.list(page, { signal }), flags)
    await out.list(
      rows,
      [
        { title: 'ID', value: ({ id }) => id },
        { title: 'NAME', value: ({ name }) => name, isFlexible: true },
        { title: 'ROLE', value: ({ role }) => role },
        { title: 'CHOSEN', value: ({ id }) => (id === profile.org_id ? 'yes' : '') },
      ],
      { empty: 'You are in no organization.' },
    )
  },
})

const select = defineCommand({
  summary: 'works in this one from now on',
  positionals: ['<org>'],
  async run({ outlast, out, io, given, signal }, { words }) {
    const name = currentName(io, given)
    const credentials = readCredentials(io)
    const profile = name === undefined ? undefined : credentials.profiles[name]
    if (!name || !profile) throw new UsageError('Nothing is saved yet: `outlast login` first.')
    const org = await outlast.organizations.get(words[0]!, { signal })
    writeCredentials(io, {
      ...credentials,
      profiles: { ...credentials.profiles, [name]: { ...profile, org_id: org.id } },
    })
    await out.done(org, `You work in ${org.name} (${org.id}) now.`)
  },
})

const create = defineCommand({
  summary: 'makes an organization that you own',
  positionals: ['<name>'],
  async run({ outlast, out, signal }, { words }) {
    const org = await outlast.organizations.create({ name: words[0]! }, { signal })
    await out.done(org, `Created organization ${org.id} (${org.name}).`)
  },
})

const rename = defineCommand({
  summary: 'gives it another name',
  positionals: ['<org>', '<name>'],
  async run({ outlast, out, signal }, { words }) {
    const org = await outlast.organizations.update(words[0]!, { name: words[1]! }, { signal })
    await out.done(org, `Organization ${org.id} is called ${org.name} now.`)
  },
})

const retention = defineCommand({
  summary: 'sets for how many days idle sessions are kept; 0: forever',
  more: "`inherit` takes the server's RETENTION_DAYS again. Failed turns and audit entries expire too.",
  positionals: ['<org>', '<days>'],
  async run({ outlast, out, signal }, { words }) {
    const [id, text] = words as [string, string]
    const change = { retention_days: retentionOf(text, '<days>') }
    const org = await outlast.organizations.update(id, change, { signal })
    await out.done(org, `Changed the retention of organization ${org.id}.`)
  },
})

const members = defineCommand({
  summary: 'who is in it',
  flags: listFlags,
  async run(context, { flags }) {
    const { outlast, out, signal } = context
    const org = await orgOf(context)
    const rows = take((page) => outlast.organizations.listMembers(org, page, { signal }), flags)
    await out.list(
      rows,
      [
        { title: 'USER', value: ({ user_id }) => user_id },
        { title: 'NAME', value: ({ name }) => name, isFlexible: true },
        { title: 'E-MAIL', value: ({ email }) => email, isFlexible: true },
        { title: 'ROLE', value: ({ role }) => role },
        { title: 'SINCE', value: ({ created_at }) => ago(created_at), isExtra: true },
      ],
      { empty: 'Nobody is in it.', idOf: ({ user_id }) => user_id },
    )
  },
})

const setRole = defineCommand({
  summary: 'says what a member may do',
  positionals: ['<user>'],
  flags: { role: { ...roleFlag.role, isNeeded: true, about: 'what they may do' } },
  async run(context, { words, flags }) {
    const { outlast, out, signal } = context
    const org = await orgOf(context)
    const body = { role: flags.role }
    const member = await outlast.organizations.updateMember(org, words[0]!, body, { signal })
    await out.done({ id: member.user_id, ...member }, `${member.name} is ${member.role} now.`)
  },
})

/** The name of an organization; the operator need not be a member of it. */
async function nameOf({ outlast, signal }: Context, id: string, isOperator: boolean) {
  if (!isOperator) return (await outlast.organizations.get(id, { signal })).name
  for await (const one of outlast.organizations.listAll({ limit: 100 }, { signal })) {
    if (one.id === id) return one.name
  }
  throw new UsageError(`There is no organization ${id}.`)
}

const remove = defineCommand({
  summary: 'deletes an organization for good, with all that belongs to it',
  more: 'Asks for its name. Sessions, agents, keys and members go; accounts of people stay.',
  positionals: ['<org>'],
  flags: {
    ...yesFlag,
    operator: { type: 'boolean', about: 'any organization, as the operator of the server' },
  },
  async run(context, { words, flags }) {
    const { outlast, out, io, signal } = context
    const id = words[0]!
    const name = await nameOf(context, id, flags.operator)
    const question = `Delete organization ${name} (${id}) with all its sessions, agents and keys?`
    if (!(await confirmedByName(io, { question, name, isSure: flags.yes }))) return exitCodes.failed
    const { organizations } = outlast
    if (flags.operator) await organizations.deleteAny(id, { signal })
    else await organizations.delete(id, { signal })
    await out.done({ id, deleted: true }, `Deleted organization ${name} (${id}).`)
  },
})

const listAll = defineCommand({
  summary: 'organizations of all people, for the operator of the server',
  flags: listFlags,
  async run({ outlast, out, signal }, { flags }) {
    const rows = take((page) => outlast.organizations.listAll(page, { signal }), flags)
    await out.list(
      rows,
      [
        { title: 'ID', value: ({ id }) => id },
        { title: 'NAME', value: ({ name }) => name, isFlexible: true },
        { title: 'CREATED', value: ({ created_at }) => ago(created_at) },
      ],
      { empty: 'There are no organizations.' },
    )
  },
})

/** Takes something out of an organization, after a question. */
const removal = (
  summary: string,
  positional: Positional,
  about: {
    question: (id: string) => string
    sentence: (id: string) => string
    act: (context: Context, org: string, id: string) => Promise<unknown>
  },
) =>
  defineCommand({
    summary,
    positionals: [positional],
    flags: yesFlag,
    async run(context, { words, flags }) {
      const id = words[0]!
      if (!(await confirmed(context.io, about.question(id), flags.yes))) return exitCodes.failed
      await about.act(context, await orgOf(context), id)
      await context.out.done({ id, deleted: true }, about.sentence(id))
    },
  })

const invitations = defineCommand({
  summary: 'who was invited and has not come yet',
  flags: listFlags,
  async run(context, { flags }) {
    const { outlast, out, signal } = context
    const org = await orgOf(context)
    const rows = take((page) => outlast.organizations.listInvitations(org, page, { signal }), flags)
    await out.list(
      rows,
      [
        { title: 'ID', value: ({ id }) => id },
        { title: 'E-MAIL', value: ({ email }) => email, isFlexible: true },
        { title: 'ROLE', value: ({ role }) => role },
        { title: 'EXPIRES', value: ({ expires_at }) => ago(expires_at) },
      ],
      { empty: 'Nobody is invited.' },
    )
  },
})

const invite = defineCommand({
  summary: 'makes a token that you pass on to somebody; --quiet prints nothing else',
  positionals: ['<email>'],
  flags: {
    ...roleFlag,
    'expires-in-days': { type: 'string', value: 'DAYS', about: 'how long it works' },
  },
  async run(context, { words, flags }) {
    const { outlast, out, signal } = context
    const org = await orgOf(context)
    const expires_in_days = countIfGiven(flags['expires-in-days'], '--expires-in-days')
    const body = { email: words[0]!, ...given({ role: flags.role, expires_in_days }) }
    const made = await outlast.organizations.createInvitation(org, body, { signal })
    if (out.mode === 'json') return out.json(made)
    out.note(`Invited ${made.email} as ${made.role}, until ${moment(made.expires_at)}.`)
    out.note('Pass this token on; it is not shown again:')
    await out.line(made.token)
  },
})

const join = defineCommand({
  summary: 'joins the organization that an invitation is for',
  positionals: ['<token>'],
  async run({ outlast, out, signal }, { words }) {
    const org = await outlast.organizations.acceptInvitation({ token: words[0]! }, { signal })
    await out.done(org, `You are ${org.role} of ${org.name} (${org.id}) now.`)
  },
})

export const orgs: Noun = {
  list,
  select,
  create,
  rename,
  retention,
  delete: remove,
  'list-all': listAll,
  members,
  'set-role': setRole,
  'remove-member': removal('takes somebody out; their keys end', '<user>', {
    question: (id) => `Take ${id} out of the organization?`,
    sentence: (id) => `${id} is out of the organization.`,
    act: ({ outlast, signal }, org, id) => outlast.organizations.deleteMember(org, id, { signal }),
  }),
  invitations,
  invite,
  uninvite: removal('takes an invitation back', '<invitation>', {
    question: (id) => `Take invitation ${id} back?`,
    sentence: (id) => `Invitation ${id} works no more.`,
    act: ({ outlast, signal }, org, id) =>
      outlast.organizations.deleteInvitation(org, id, { signal }),
  }),
  join,
}
