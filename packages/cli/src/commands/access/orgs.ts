import type { Role } from '@outlast/sdk'
import { type Context, defineCommand, type Noun, type Positional } from '../../core/command.ts'
import { exitCodes, NotFoundError, UsageError } from '../../core/failure.ts'
import { currentName, readCredentials, writeCredentials } from '../../core/profiles.ts'
import { findResource, type Kind, prefixed, uuid } from '../../core/resources.ts'
import { changeOf, given } from '../../input/change.ts'
import { yesFlag } from '../../input/deletion.ts'
import { countIfGiven, listFlags, take } from '../../input/list.ts'
import { confirmed, confirmedByName } from '../../input/prompt.ts'
import { retentionOf } from '../../input/retention.ts'
import { ago, moment } from '../../output/time.ts'

const roles = ['viewer', 'member', 'admin', 'owner'] as const satisfies readonly Role[]
const roleFlag = {
  role: { type: 'string', choices: roles, value: 'ROLE', about: 'role of the member (member)' },
} as const

/** Selects the chosen organization, or that of the key or of the only membership. */
async function orgOf({ outlast, profile, signal }: Context): Promise<string> {
  if (profile.org_id) return profile.org_id
  const { organization_id } = await outlast.auth.getMe({ signal })
  if (organization_id) return organization_id
  throw new UsageError(
    'You are a member of several organizations. Pass --org, or run `outlast orgs select`.',
  )
}

const list = defineCommand({
  summary: 'list your organizations',
  flags: listFlags,
  async run({ outlast, out, profile, signal }, { flags }) {
    const rows = take((page) => outlast.organizations.list(page, { signal }), flags)
    const inUse = profile.org_id ?? (await outlast.auth.getMe({ signal })).organization_id
    await out.list(
      rows,
      [
        { title: 'ID', value: ({ id }) => id },
        { title: 'NAME', value: ({ name }) => name, isFlexible: true },
        { title: 'ROLE', value: ({ role }) => role },
        { title: 'IN USE', value: ({ id }) => (id === inUse ? 'yes' : '') },
      ],
      { empty: 'You are not a member of an organization.' },
    )
  },
})

const get = defineCommand({
  summary: 'show an organization',
  positionals: ['<org>'],
  async run({ outlast, out, signal }, { words }) {
    const org = await outlast.organizations.get(words[0]!, { signal })
    await out.item(org, {
      ID: org.id,
      Name: org.name,
      'Your role': org.role,
      'Retention days': org.retention_days ?? 'inherited',
      Created: moment(org.created_at),
    })
  },
})

const select = defineCommand({
  summary: 'use an organization from now on',
  positionals: ['<org>'],
  async run({ outlast, out, io, given, signal }, { words }) {
    const name = currentName(io, given)
    const credentials = readCredentials(io)
    const profile = name === undefined ? undefined : credentials.profiles[name]
    if (!name || !profile) throw new UsageError('No profile is saved. Run `outlast login` first.')
    const org = await outlast.organizations.get(words[0]!, { signal })
    writeCredentials(io, {
      ...credentials,
      profiles: { ...credentials.profiles, [name]: { ...profile, org_id: org.id } },
    })
    await out.done(org, `Organization ${org.name} (${org.id}) is now in use.`)
  },
})

const create = defineCommand({
  summary: 'create an organization; you become its owner',
  positionals: ['<name>'],
  async run({ outlast, out, signal }, { words }) {
    const org = await outlast.organizations.create({ name: words[0]! }, { signal })
    await out.done(org, `Created organization ${org.id} (${org.name}).`)
  },
})

const rename = defineCommand({
  summary: 'rename an organization',
  positionals: ['<org>', '<name>'],
  async run({ outlast, out, signal }, { words }) {
    const org = await outlast.organizations.update(words[0]!, { name: words[1]! }, { signal })
    await out.done(org, `Renamed organization ${org.id} to ${org.name}.`)
  },
})

const update = defineCommand({
  summary: 'update the name or the retention of an organization',
  positionals: ['<org>'],
  flags: {
    name: { type: 'string', value: 'NAME', about: 'name' },
    'retention-days': {
      type: 'string',
      value: 'DAYS',
      about: 'retention of idle sessions; 0 is unlimited; or inherit',
    },
  },
  async run({ outlast, out, signal }, { words, flags }) {
    const days = flags['retention-days']
    const change = changeOf(
      given({
        name: flags.name,
        retention_days: days === undefined ? undefined : retentionOf(days, '--retention-days'),
      }),
    )
    const org = await outlast.organizations.update(words[0]!, change, { signal })
    await out.done(org, `Changed organization ${org.id} (${org.name}).`)
  },
})

const retention = defineCommand({
  summary: 'set the retention of idle sessions in days; 0 is unlimited',
  more: "`inherit` uses the server's RETENTION_DAYS. The retention also covers failed turns and audit events.",
  positionals: ['<org>', '<days>'],
  async run({ outlast, out, signal }, { words }) {
    const [id, text] = words as [string, string]
    const change = { retention_days: retentionOf(text, '<days>') }
    const org = await outlast.organizations.update(id, change, { signal })
    await out.done(org, `Changed the retention of organization ${org.id}.`)
  },
})

const members = defineCommand({
  summary: 'list members',
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
      { empty: 'No members.', idOf: ({ user_id }) => user_id },
    )
  },
})

const memberKind = (org: string): Kind => ({
  noun: 'member',
  listing: 'outlast orgs members',
  isId: uuid,
  idOf: ({ user_id }) => user_id,
  namesOf: ({ email, name }) => [email, name],
  list: ({ organizations }, page, options) => organizations.listMembers(org, page, options),
})

const invitationKind = (org: string): Kind => ({
  noun: 'invitation',
  listing: 'outlast orgs invitations',
  isId: prefixed('invitation'),
  namesOf: ({ email }) => [email],
  list: ({ organizations }, page, options) => organizations.listInvitations(org, page, options),
})

const setRole = defineCommand({
  summary: 'set the role of a member',
  positionals: ['<user>'],
  flags: { role: { ...roleFlag.role, isNeeded: true, about: 'new role' } },
  async run(context, { words, flags }) {
    const { outlast, out, signal } = context
    const org = await orgOf(context)
    const { id } = await findResource(memberKind(org), words[0]!, context)
    const body = { role: flags.role }
    const member = await outlast.organizations.updateMember(org, id, body, { signal })
    await out.done({ id: member.user_id, ...member }, `${member.name} is now ${member.role}.`)
  },
})

/** Reads the name of an organization. The operator may not be a member. */
async function organizationNameOf({ outlast, signal }: Context, id: string, isOperator: boolean) {
  if (!isOperator) return (await outlast.organizations.get(id, { signal })).name
  for await (const one of outlast.organizations.listAll({ limit: 100 }, { signal })) {
    if (one.id === id) return one.name
  }
  throw new NotFoundError(`No organization has the id ${JSON.stringify(id)}.`)
}

const remove = defineCommand({
  summary: 'permanently delete an organization and all its data',
  more: 'Asks for its name. Deletes sessions, agents, keys and memberships. User accounts stay.',
  positionals: ['<org>'],
  flags: {
    ...yesFlag,
    operator: { type: 'boolean', about: 'delete any organization, as the operator' },
  },
  async run(context, { words, flags }) {
    const { outlast, out, io, signal } = context
    const id = words[0]!
    const name = await organizationNameOf(context, id, flags.operator)
    const question = `Delete organization ${name} (${id}) with all its sessions, agents and keys?`
    if (!(await confirmedByName(io, { question, name, isSure: flags.yes }))) return exitCodes.failed
    const { organizations } = outlast
    if (flags.operator) await organizations.deleteAny(id, { signal })
    else await organizations.delete(id, { signal })
    await out.done({ id, deleted: true }, `Deleted organization ${name} (${id}).`)
  },
})

const listAll = defineCommand({
  summary: 'list the organizations of all users, for the operator',
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
      { empty: 'No organizations.' },
    )
  },
})

/** Defines a verb that removes a part of an organization after a confirmation. */
const removal = (
  summary: string,
  positional: Positional,
  about: {
    kindIn: (org: string) => Kind
    question: (label: string) => string
    sentence: (id: string) => string
    act: (context: Context, org: string, id: string) => Promise<unknown>
  },
) =>
  defineCommand({
    summary,
    positionals: [positional],
    flags: yesFlag,
    async run(context, { words, flags }) {
      const org = await orgOf(context)
      const { id, name } = await findResource(about.kindIn(org), words[0]!, context)
      const question = about.question(name === undefined ? id : `${name} (${id})`)
      if (!(await confirmed(context.io, question, flags.yes))) return exitCodes.failed
      await about.act(context, org, id)
      await context.out.done({ id, deleted: true }, about.sentence(id))
    },
  })

const invitations = defineCommand({
  summary: 'list open invitations',
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
      { empty: 'No open invitations.' },
    )
  },
})

const invite = defineCommand({
  summary: 'create an invitation token; --quiet prints only the token',
  positionals: ['<email>'],
  flags: {
    ...roleFlag,
    'expires-in-days': { type: 'string', value: 'DAYS', about: 'lifetime in days' },
  },
  async run(context, { words, flags }) {
    const { outlast, out, signal } = context
    const org = await orgOf(context)
    const expires_in_days = countIfGiven(flags['expires-in-days'], '--expires-in-days')
    const body = { email: words[0]!, ...given({ role: flags.role, expires_in_days }) }
    const made = await outlast.organizations.createInvitation(org, body, { signal })
    if (out.mode === 'json') return out.json(made)
    out.note(
      `Invited ${made.email} as ${made.role}. The invitation expires on ${moment(made.expires_at)}.`,
    )
    out.note('Send this token to the user. It is not shown again:')
    await out.line(made.token)
  },
})

const join = defineCommand({
  summary: 'accept an invitation',
  positionals: ['<token>'],
  async run({ outlast, out, signal }, { words }) {
    const org = await outlast.organizations.acceptInvitation({ token: words[0]! }, { signal })
    await out.done(org, `You are now ${org.role} of ${org.name} (${org.id}).`)
  },
})

export const orgs: Noun = {
  list,
  get,
  create,
  update,
  delete: remove,
  select,
  rename,
  retention,
  'list-all': listAll,
  members,
  'set-role': setRole,
  'remove-member': removal('remove a member and revoke their keys', '<user>', {
    kindIn: memberKind,
    question: (label) => `Remove ${label} from the organization?`,
    sentence: (id) => `Removed ${id} from the organization.`,
    act: ({ outlast, signal }, org, id) => outlast.organizations.deleteMember(org, id, { signal }),
  }),
  invitations,
  invite,
  uninvite: removal('revoke an invitation', '<invitation>', {
    kindIn: invitationKind,
    question: (label) => `Revoke invitation ${label}?`,
    sentence: (id) => `Revoked invitation ${id}.`,
    act: ({ outlast, signal }, org, id) =>
      outlast.organizations.deleteInvitation(org, id, { signal }),
  }),
  join,
}
