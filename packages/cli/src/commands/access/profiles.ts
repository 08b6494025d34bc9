import { defineCommand, type Noun } from '../../core/command.ts'
import { exitCodes, NotFoundError } from '../../core/failure.ts'
import {
  type Credentials,
  credentialsFile,
  readCredentials,
  writeCredentials,
} from '../../core/profiles.ts'
import { yesFlag } from '../../input/deletion.ts'
import { confirmed } from '../../input/prompt.ts'

/** Contract: throws a NotFoundError for an unknown name. */
function checkName({ profiles }: Credentials, name: string): void {
  if (Object.hasOwn(profiles, name)) return
  const names = Object.keys(profiles).join(', ')
  throw new NotFoundError(
    `Profile ${name} not found. ${names ? `There are: ${names}.` : 'None is saved.'}`,
  )
}

const list = defineCommand({
  summary: 'list saved servers, without their keys',
  async run({ io, out }) {
    const { profiles, current_profile } = readCredentials(io)
    const rows = Object.entries(profiles).map(([name, { url, api_key, org_id }]) => ({
      id: name,
      url,
      api_key_set: api_key !== undefined,
      org_id: org_id ?? null,
      is_current: name === current_profile,
    }))
    await out.list(
      rows,
      [
        { title: 'NAME', value: ({ id }) => id },
        { title: 'URL', value: ({ url }) => url },
        { title: 'KEY', value: ({ api_key_set }) => (api_key_set ? 'saved' : 'none') },
        { title: 'ORGANIZATION', value: ({ org_id }) => org_id },
        { title: 'IN USE', value: ({ is_current }) => (is_current ? 'yes' : '') },
      ],
      { empty: `No profiles in ${credentialsFile(io)}. \`outlast login\` creates one.` },
    )
  },
})

const get = defineCommand({
  summary: 'show a saved server, without its key',
  positionals: ['<profile>'],
  async run({ io, out }, { words }) {
    const name = words[0]!
    const credentials = readCredentials(io)
    checkName(credentials, name)
    const { url, api_key, org_id = null } = credentials.profiles[name]!
    const is_current = name === credentials.current_profile
    await out.item(
      { id: name, url, api_key_set: api_key !== undefined, org_id, is_current },
      {
        Name: name,
        URL: url,
        Key: api_key === undefined ? 'none' : 'saved',
        Organization: org_id,
        'In use': is_current ? 'yes' : 'no',
      },
    )
  },
})

const use = defineCommand({
  summary: 'make a profile the current one',
  positionals: ['<profile>'],
  async run({ io, out }, { words }) {
    const name = words[0]!
    const credentials = readCredentials(io)
    checkName(credentials, name)
    writeCredentials(io, { ...credentials, current_profile: name })
    await out.done(
      { id: name },
      `Profile ${name} (${credentials.profiles[name]!.url}) is now in use.`,
    )
  },
})

const remove = defineCommand({
  summary: 'delete a profile; `outlast logout` also revokes its key',
  positionals: ['<profile>'],
  flags: yesFlag,
  async run({ io, out }, { words, flags }) {
    const name = words[0]!
    const credentials = readCredentials(io)
    checkName(credentials, name)
    if (!(await confirmed(io, `Delete profile ${name}?`, flags.yes))) return exitCodes.failed
    writeCredentials(io, without(credentials, name))
    await out.done({ id: name, deleted: true }, `Deleted profile ${name}.`)
  },
})

/** Contract: without the current profile there is none until the user selects one. */
function without({ profiles, current_profile }: Credentials, name: string): Credentials {
  const { [name]: _gone, ...rest } = profiles
  const isKept = current_profile !== undefined && current_profile !== name
  return { profiles: rest, ...(isKept && { current_profile }) }
}

export const profiles: Noun = { list, get, use, delete: remove }
